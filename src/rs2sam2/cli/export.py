"""`rs2sam2 export`: weights as graphs for another runtime."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class ExportFormat(StrEnum):
    """Choices of `--format`."""

    onnx = "onnx"
    openvino = "openvino"
    torch_export = "torch-export"


def export(
    source: Annotated[
        str, typer.Argument(metavar="WEIGHTS", help="nano, weights on disk, or owner/name[:subfolder] on the Hub.")
    ],
    target: Annotated[Path, typer.Argument(metavar="DST", help="The folder to write.")],
    form: Annotated[
        ExportFormat,
        typer.Option("--format", help="onnx and openvino are run by `segment`; torch-export is for further compilers."),
    ],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an export that is there.")] = False,
) -> None:
    """Write WEIGHTS as graphs in float32, with any number of images and words, and compare them with the model."""
    from rs2sam2.checkpoints.locate import locate
    from rs2sam2.cli.segment import clean_on_sigterm
    from rs2sam2.export.exporting import check_target
    from rs2sam2.export.exporting import export as export_weights

    check_target(target, overwrite=overwrite)
    with clean_on_sigterm():
        found = export_weights(locate(source), target, form.value, overwrite=overwrite)
    difference, iou = found["relative_difference"], found["mask_iou"]
    print(f"{found['cases']} cases: outputs differ from the model's by at most {difference:.1g}, masks: IoU {iou:.4f}")
    print(f"wrote {target}")
