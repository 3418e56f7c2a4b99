"""`rs2sam2 compare`: the paired difference of two systems that were measured on the same data."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from rs2sam2.errors import DataError, OutputError
from rs2sam2.evaluation.command import PIPED_WIDTH, new_app, start
from rs2sam2.files import whole_file

app = new_app()


def main(arguments: Sequence[str]) -> int:
    """Run with the arguments that follow `rs2sam2 compare`.

    Raises:
        Rs2Sam2Error: with one line for the user.
    """
    return start(app, "compare", arguments)


@app.command()
def compare(
    context: typer.Context,
    first: Annotated[Path, typer.Argument(metavar="A", help="Folder that rs2sam2 evaluate filled.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another, of the same data and split.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="For comparison.json and comparison.html.")
    ],
    root: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the data set lies, if it has moved since.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the resampling.")] = 2026,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """How much better B is than A, with an interval, and pictures of where they disagree."""
    files = output / "comparison.json", output / "comparison.html"
    for path in files:
        if path.exists() and not overwrite:
            raise OutputError(f"{path}: this file exists: use --overwrite to replace it")

    from rich.console import Console

    from rs2sam2.evaluation.benchmark.questions import read_questions
    from rs2sam2.evaluation.comparison.differences import compare as difference
    from rs2sam2.evaluation.comparison.measured import read_pair
    from rs2sam2.evaluation.comparison.page import comparison_page, galleries, tables
    from rs2sam2.evaluation.provenance import run_record
    from rs2sam2.evaluation.tabular import print_table

    pair = read_pair(first, second)
    data = pair[0].report["data"]
    place = root or Path(data["root"])
    if not place.is_dir():
        raise DataError(f"{place}: the data set is not there (any more): say where it lies with --root")
    questions = read_questions(data["name"], place, data["split"])
    report = difference(*pair, run_record("compare", context.obj, seed, "cpu"), seed)
    page = comparison_page(report, *pair, galleries(*pair, questions))
    content = json.dumps(report, indent=1, allow_nan=False) + "\n"
    try:
        output.mkdir(parents=True, exist_ok=True)
        for path, text in zip(files, (content, page), strict=True):
            with whole_file(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{output}: cannot be written ({error.strerror}): give another place") from error
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
    for table in tables(report, (pair[0].label, pair[1].label)):
        print_table(table, console)
    typer.echo(f"wrote {files[1]}")
