"""`rs2sam2 convert`: a published model as a weight folder of ours."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class StoredPrecision(StrEnum):
    """Choices of `--dtype`."""

    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"
    int8 = "int8"


def convert(
    source: Annotated[
        str, typer.Argument(metavar="SRC", help="A published RS2-SAM 2 folder, or a weight folder of rs2sam2.")
    ],
    target: Annotated[Path, typer.Argument(metavar="DST", help="The folder to write.")],
    dtype: Annotated[
        StoredPrecision, typer.Option(help="Precision of the weights; int8 has a scale for each row.")
    ] = StoredPrecision.float32,
    spm: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="SentencePiece model; without it, the one beside the weights."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace weights that are there.")] = False,
) -> None:
    """Write SRC as a weight folder: safetensors, configuration, tokenizer, provenance and a model card."""
    import torch

    from rs2sam2.checkpoints.convert import check_target
    from rs2sam2.checkpoints.convert import convert as convert_weights
    from rs2sam2.checkpoints.locate import locate
    from rs2sam2.cli.segment import clean_on_sigterm

    check_target(target, overwrite=overwrite)
    with clean_on_sigterm():
        provenance = convert_weights(
            locate(source), target, dtype=getattr(torch, dtype.value), overwrite=overwrite, tokenizer=spm
        )
    print_left_behind(provenance.get("dropped", {}))
    print(f"wrote {target}")


def print_left_behind(dropped: dict[str, list[str]]) -> None:
    """One line for each reason."""
    from rs2sam2.errors import printable

    for reason, names in dropped.items():
        print(f"left behind on purpose: {len(names)} tensors ({printable(reason)})")
