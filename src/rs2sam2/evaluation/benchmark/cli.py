"""`rs2sam2 evaluate`: measure weights, or masks that another system wrote, on a split of a data set."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from rs2sam2.errors import ConfigError
from rs2sam2.evaluation.command import PIPED_WIDTH, new_app, start

app = new_app()


def main(arguments: Sequence[str]) -> int:
    """Run with the arguments that follow `rs2sam2 evaluate`.

    Raises:
        Rs2Sam2Error: with one line for the user.
    """
    return start(app, "evaluate", arguments)


@app.command()
def evaluate(
    context: typer.Context,
    data: Annotated[str, typer.Option(metavar="NAME", help="refsegrs, rrsisd, risbench, nwpu-refer or oam-ref.")],
    root: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the data set lies.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the results go; a run cut short goes on.")
    ],
    split: Annotated[str, typer.Option(help="Split of the data set.")] = "val",
    weights: Annotated[
        str | None, typer.Option(metavar="NAME_OR_FOLDER", help="Weights to measure; nano, if nothing else is said.")
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Measure these masks instead: <sample>.png, 0 is background.")
    ] = None,
    place: Annotated[
        str | None,
        typer.Option(metavar="REGEX", help="Its first group is the place in a picture's name; else each is its own."),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps.")] = "cpu",
    precision: Annotated[
        Literal["auto", "float32", "bfloat16", "int8"],
        typer.Option(help="auto is bfloat16 where it is fast; int8 is for CPUs."),
    ] = "auto",
    compiled: Annotated[
        bool, typer.Option("--compile", help="Make code for the model: minutes the first time; needs g++.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the resampling.")] = 2026,
    restart: Annotated[bool, typer.Option("--restart", help="Throw away an earlier run in the folder.")] = False,
) -> None:
    """Measure weights, or masks that any system wrote, on a split of a data set."""
    if weights is not None and predictions is not None:
        raise ConfigError(f"--weights {weights} and --predictions {predictions}: give one of them")

    from rich.console import Console

    from rs2sam2.data.registry import find_dataset
    from rs2sam2.evaluation.benchmark.answers import Predictions, System, Weights
    from rs2sam2.evaluation.benchmark.cases import galleries
    from rs2sam2.evaluation.benchmark.folder import MASKS, PAGE, finish, prepare
    from rs2sam2.evaluation.benchmark.questions import read_questions
    from rs2sam2.evaluation.benchmark.report_page import report_markdown, report_page
    from rs2sam2.evaluation.benchmark.report_tables import figure_tables, slice_tables
    from rs2sam2.evaluation.benchmark.run import run
    from rs2sam2.evaluation.benchmark.summary import summarise
    from rs2sam2.evaluation.provenance import run_record
    from rs2sam2.evaluation.tabular import print_table
    from rs2sam2.inference.segmenter import Segmenter

    asked = read_questions(data, root, split, place)
    system: System
    if predictions is not None:
        system = Predictions(predictions, asked)
    else:
        system = Weights(
            Segmenter.from_pretrained(weights or "nano", device, precision, compile=compiled), device, precision
        )
    prepare(output, restart=restart)
    scores = run(asked, system, output)
    report = summarise(
        scores,
        run_record("evaluate", context.obj, seed, device),
        {"name": system.name, **system.identity},
        {"name": find_dataset(data).name, "root": str(root), "split": split, "place": place},
        seed,
    )
    page = report_page(report, scores, galleries(asked, scores, output / MASKS))
    finish(output, report, scores, page, report_markdown(report))
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
    for table in (*figure_tables(report), *slice_tables(report)):
        print_table(table, console)
    typer.echo(f"wrote {output / PAGE}")
