"""`rs2sam2 data ...`: referring data sets on disk."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rs2sam2.cli import build

if TYPE_CHECKING:
    from rs2sam2.data.check import Report

app = typer.Typer(help="Check and build referring data sets.")
app.add_typer(build.app, name="build")

WRONG = 1
_SHOWN = 3
_PIPED_WIDTH = 120


@app.callback(invoke_without_command=True)
def _start(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="refsegrs, rrsisd, risbench, nwpu-refer or oam-ref.")],
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="Folder of the data set.")],
    weights: Annotated[
        str, typer.Option(metavar="NAME_OR_FOLDER", help="Whose longest sentence is the limit.")
    ] = "nano",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Look at every sentence, image and mask of a data set. Exit code 1 if something is wrong, 0 for warnings alone."""
    from rs2sam2.data.registry import find_dataset
    from rs2sam2.errors import DataError

    reader = find_dataset(name)
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder: give the root of the data set")

    from rich.console import Console
    from rich.progress import Progress

    from rs2sam2.checkpoints.locate import locate
    from rs2sam2.checkpoints.native import TOKENIZER, read_settings, read_tokenizer
    from rs2sam2.data.check import check as look

    folder = locate(weights)
    tokenizer = read_tokenizer(folder / TOKENIZER, read_settings(folder)[0])
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        tasks = {}

        def tick(split: str, done: int, total: int) -> None:
            if split not in tasks:
                tasks[split] = progress.add_task(f"images of {split}", total=total)
            progress.update(tasks[split], completed=done)

        report = look(reader, root, lambda sentence: len(tokenizer.encode(sentence)), tokenizer.max_tokens, tick)
    if as_json:
        print(json.dumps(report.to_dict(), indent=2))
    else:
        _print(report)
    if not report.ok:
        raise typer.Exit(WRONG)


def _print(report: "Report") -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH)
    counts = Table(title=escape(f"{report.name} in {report.root}"), box=box.SIMPLE_HEAD, title_justify="left")
    for heading in ("split", "sentences", "published", "images", "sentences that mean nothing"):
        counts.add_column(heading, justify="left" if heading == "split" else "right")
    for split, held in report.splits.items():
        published = "unknown" if held.published is None else str(held.published)
        counts.add_row(escape(split), str(held.sentences), published, str(held.images), str(held.no_object))
    console.print(counts)
    if report.findings:
        findings = Table(box=box.SIMPLE_HEAD)
        for heading in ("", "finding", "times", "where"):
            findings.add_column(heading, justify="right" if heading == "times" else "left", overflow="fold")
        for found in report.findings:
            shown = list(found.examples[:_SHOWN])
            if len(found.examples) > _SHOWN:
                shown.append(f"and {len(found.examples) - _SHOWN} more: --json lists them")
            colour = "red" if found.level == "error" else "yellow"
            findings.add_row(
                f"[{colour}]{found.level}[/]", found.kind, str(len(found.examples)), escape("\n".join(shown))
            )
        console.print(findings)
    console.print("nothing is wrong" if report.ok else "something is wrong")
