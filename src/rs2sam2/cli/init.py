"""`rs2sam2 init`: SAM 2 and BEiT-3 joined into a model that is ready for training."""

from pathlib import Path
from typing import Annotated

import typer


def init(
    target: Annotated[Path, typer.Argument(metavar="DST", help="The folder to write.")],
    sam2: Annotated[Path, typer.Option(metavar="FILE", help="SAM 2 or 2.1: Meta's .pt, or a folder of transformers.")],
    beit3: Annotated[Path, typer.Option(metavar="FILE", help="BEiT-3's .pth, base or large.")],
    spm: Annotated[Path, typer.Option(metavar="FILE", help="BEiT-3's SentencePiece model, beit3.spm.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace weights that are there.")] = False,
) -> None:
    """Join SAM 2 and BEiT-3 into a weight folder to train from; what the paper adds to them starts anew."""
    from rs2sam2.checkpoints.joining import join
    from rs2sam2.cli.convert import print_left_behind
    from rs2sam2.cli.segment import clean_on_sigterm

    with clean_on_sigterm():
        provenance = join(sam2, beit3, spm, target, overwrite=overwrite)
    print_left_behind(provenance["dropped"])
    new = provenance["new_parts"]
    print(f"new, and to be trained: {len(new['names'])} tensors, {new['values']:,} values")
    print(f"wrote {target}")
