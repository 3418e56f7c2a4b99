"""`rs2sam2 diagnose`: measure weights, print tables, write one JSON file, a picture, and the results page."""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rs2sam2.errors import ConfigError, OutputError
from rs2sam2.evaluation.command import PIPED_WIDTH, new_app, start
from rs2sam2.files import whole_file

if TYPE_CHECKING:
    from rs2sam2.inference.segmenter import Segmenter

app = new_app()
_PICTURES = (".png", ".jpg", ".jpeg")


def main(arguments: Sequence[str]) -> int:
    """Run with the arguments that follow `rs2sam2 diagnose`.

    Raises:
        Rs2Sam2Error: with one line for the user.
    """
    return start(app, "diagnose", arguments)


@app.command()
def diagnose(
    context: typer.Context,
    weights: Annotated[str, typer.Option(metavar="NAME_OR_FOLDER", help="Weights to measure.")] = "nano",
    root: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Data set in the RRSIS-D layout; without it rendered scenes alone."),
    ] = None,
    split: Annotated[str, typer.Option(help="Split of the data set.")] = "val",
    rendered: Annotated[int, typer.Option(min=0, help="Held-out rendered scenes to measure on; 0 for none.")] = 300,
    clicks: Annotated[
        int, typer.Option(min=0, help="Correct each answer with up to so many simulated clicks, and with a box.")
    ] = 0,
    presence: Annotated[
        bool, typer.Option("--presence", help="Measure presence on pairs alone, from every source: a page of its own.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of every choice that is made.")] = 2026,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps.")] = "cpu",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The report (.json), or the page (.md).")
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(metavar="PICTURE", help="Best, median and worst cases (.png, .jpg); presence's curves (.svg)."),
    ] = None,
    render: Annotated[
        Path | None, typer.Option(metavar="REPORT", help="Measure nothing: write the page of this report.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Measure weights with the answers that users get: masks, listening, presence, calibration."""
    if render is not None:
        _render(render, output, figure, overwrite=overwrite)
        return
    if presence:
        _presence(context, weights, root, split, rendered, seed, device, output, overwrite=overwrite)
        return
    if figure is not None and root is None:
        raise ConfigError(f"--figure {figure}: the picture shows real scenes: give --root too")
    _check(output, (".json",), overwrite=overwrite)
    _check(figure, _PICTURES, overwrite=overwrite)

    from rich.console import Console

    from rs2sam2.evaluation.diagnosis.pictures import contact_sheet, encoded
    from rs2sam2.evaluation.diagnosis.render import print_report
    from rs2sam2.evaluation.diagnosis.report import FORMAT, measure
    from rs2sam2.evaluation.provenance import run_record
    from rs2sam2.inference.segmenter import Segmenter

    segmenter = Segmenter.from_pretrained(weights, device)
    record = run_record("diagnose", context.obj, seed, device)
    measured = measure(segmenter, root, split, rendered, seed, clicks)
    report = {
        "format": FORMAT,
        "run": record,
        "weights": _name(segmenter),
        **measured.sections,
    }
    print_report(report, Console(width=None if sys.stdout.isatty() else PIPED_WIDTH))
    if output is not None:
        _write(output, (json.dumps(report, indent=1, allow_nan=False) + "\n").encode())
    if figure is not None and measured.real is not None:
        _write(figure, encoded(contact_sheet(measured.cases, measured.real.open), figure.suffix.lower()))


def _presence(
    context: typer.Context,
    weights: str,
    root: Path | None,
    split: str,
    rendered: int,
    seed: int,
    device: str,
    output: Path | None,
    *,
    overwrite: bool,
) -> None:
    _check(output, (".json",), overwrite=overwrite)
    from rich.console import Console

    from rs2sam2.evaluation.diagnosis.presence_curves import measure
    from rs2sam2.evaluation.diagnosis.presence_page import tables
    from rs2sam2.evaluation.provenance import run_record
    from rs2sam2.evaluation.tabular import print_table
    from rs2sam2.inference.segmenter import Segmenter

    segmenter = Segmenter.from_pretrained(weights, device)
    report = {
        **measure(segmenter, root, split, rendered, seed),
        "run": run_record("diagnose", context.obj, seed, device),
        "weights": _name(segmenter),
    }
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
    for table in tables(report):
        print_table(table, console)
    if output is not None:
        _write(output, (json.dumps(report, indent=1, allow_nan=False) + "\n").encode())


def _name(segmenter: "Segmenter") -> dict[str, str]:
    weights = segmenter.weights
    return {"name": weights.name, "sha256": weights.sha256, "license": weights.license}


def _render(report: Path, output: Path | None, figure: Path | None, *, overwrite: bool) -> None:
    if output is None:
        raise OutputError(f"--render {report}: say where the page goes: -o docs/results.md")
    _check(output, (".md",), overwrite=overwrite)
    _check(figure, (".svg",), overwrite=overwrite)
    from rs2sam2.evaluation.diagnosis import presence_curves, presence_page, render
    from rs2sam2.evaluation.diagnosis.report import FORMAT
    from rs2sam2.evaluation.report_file import read_report

    of_presence = figure is not None
    found = read_report(report, presence_curves.FORMAT if of_presence else FORMAT, "diagnose")
    _write(output, (presence_page.page if of_presence else render.markdown)(found, report.name).encode())
    if figure is not None:
        _write(figure, presence_page.picture(found).encode())


def _check(path: Path | None, suffixes: Sequence[str], *, overwrite: bool) -> None:
    """Refuse before the work what cannot be written after it."""
    if path is None:
        return
    if path.suffix.lower() not in suffixes:
        raise OutputError(f"{path}: the suffix has to be {' or '.join(suffixes)}")
    if path.is_dir():
        raise OutputError(f"{path}: this is a folder: give a file name")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: this file exists: use --overwrite to replace it")
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}): give another place") from error


def _write(path: Path, content: bytes) -> None:
    try:
        with whole_file(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}): free some room") from error
    typer.echo(f"wrote {path}")
