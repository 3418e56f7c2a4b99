"""`rs2sam2 calibrate`: choose the thresholds of weights on training data, and write the weights with them."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from rs2sam2.errors import DataError
from rs2sam2.evaluation.command import new_app, start

app = new_app()


def main(arguments: Sequence[str]) -> int:
    """Run with the arguments that follow `rs2sam2 calibrate`.

    Raises:
        Rs2Sam2Error: with one line for the user.
    """
    return start(app, "calibrate", arguments)


@app.command()
def calibrate(
    context: typer.Context,
    weights: Annotated[Path, typer.Argument(metavar="FOLDER", help="Weights in our own format.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where they go; may be the same.")],
    root: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Data set in the RRSIS-D layout; without it rendered scenes alone."),
    ] = None,
    split: Annotated[str, typer.Option(help="Split of the data set; never the one that is measured.")] = "train",
    rendered: Annotated[int, typer.Option(min=0, help="Rendered scenes to calibrate on; 0 for none.")] = 600,
    seed: Annotated[int, typer.Option(min=0, help="Of every choice; another than that of a measurement.")] = 7,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps.")] = "cpu",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace other weights that are there.")] = False,
) -> None:
    """Choose mask threshold, presence threshold and what answers an expression that means one thing."""
    if root is None and rendered < 2:
        raise DataError("nothing to calibrate on: give --root, or two rendered scenes and more")
    from rs2sam2.evaluation.calibration import gather
    from rs2sam2.evaluation.calibration.choose import choose
    from rs2sam2.evaluation.provenance import run_record
    from rs2sam2.inference.segmenter import Segmenter

    segmenter = Segmenter.from_pretrained(weights, device)
    segmenter.check_calibrated(output, overwrite=overwrite)
    sets = {} if root is None else {split: gather.real(segmenter, root, split, seed)}
    if rendered:
        sets["rendered"] = gather.rendered(segmenter, rendered, seed)
    before = segmenter.decision
    decision, worth = choose(sets, before)
    record = run_record("calibrate", context.obj, seed, device)
    segmenter.save_calibrated(output, decision, {"run": record, **worth})
    for name, value in asdict(decision).items():
        was = asdict(before)[name]
        typer.echo(f"{name}: {value}" + ("" if value == was else f" (was {was})"))
    typer.echo(f"wrote {output}")
