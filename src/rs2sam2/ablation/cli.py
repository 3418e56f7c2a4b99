"""`rs2sam2 ablate`: train every row of an ablation alike, and say which differences are more than luck."""

import json
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from rs2sam2.errors import ConfigError, DataError, OutputError
from rs2sam2.evaluation.command import new_app, start

app = new_app()


def main(arguments: Sequence[str]) -> int:
    """Run with the arguments that follow `rs2sam2 ablate`.

    Raises:
        Rs2Sam2Error: with one line for the user.
    """
    return start(app, "ablate", arguments)


@app.command()
def ablate(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Rows, budget and data, such as ablation_nano.yaml.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time, each with one thread.")] = 1,
    docs: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="For the page and its numbers/; else the runs' folder."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the resampling.")] = 2026,
    render: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write the pages there again from their JSON, train nothing."),
    ] = None,
) -> None:
    """Train every row alike and compare it with the full model; a run that was stopped goes on where it was."""
    if render is not None:
        _render(render)
    elif config is not None:
        _train(context, config, jobs, docs, seed)
    else:
        raise ConfigError("rs2sam2 ablate: nothing to do: give --config FILE, or --render FOLDER")


def _render(folder: Path) -> None:
    from rs2sam2.ablation.results import FORMAT
    from rs2sam2.evaluation.report_file import read_report

    numbers = sorted(folder.glob("numbers/ablation*.json"))
    if not numbers:
        raise DataError(f"{folder}/numbers: no ablation*.json there: give the folder of --docs")
    with _says_where():
        for path in numbers:
            _write_page(folder, read_report(path, FORMAT, "ablate"))


def _train(context: typer.Context, config: Path, jobs: int, docs: Path | None, seed: int) -> None:
    from rs2sam2.ablation import jobs as work
    from rs2sam2.ablation.page import files
    from rs2sam2.ablation.plan import read_plan
    from rs2sam2.ablation.questions import write_rendered
    from rs2sam2.ablation.results import results
    from rs2sam2.data.vocabulary import ensure_tokenizer
    from rs2sam2.evaluation.provenance import run_record
    from rs2sam2.files import whole_file

    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that the runs are ended, too
    plan = read_plan(config)

    def report(folder: Path) -> None:
        found = results(plan, run_record("ablate", context.obj, seed, "cpu"), seed)
        numbers = folder / files(plan.name)[1]
        numbers.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(numbers) as temporary:
            temporary.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        _write_page(folder, found)

    with _says_where():
        plan.folder.mkdir(parents=True, exist_ok=True)
        for run in plan.runs:
            work.prepare(plan, run)
        ensure_tokenizer(plan.tokenizer)
        if not plan.rendered_file.exists():
            write_rendered(plan.rendered_file, plan.rendered)
        work.run_all(plan, jobs, typer.echo, lambda: report(plan.folder))
        report(docs or plan.folder)


def _write_page(folder: Path, report: Mapping[str, Any]) -> None:
    from rs2sam2.ablation.page import files, page
    from rs2sam2.files import whole_file

    path = folder / files(report["name"])[0]
    with whole_file(path) as temporary:
        temporary.write_text(page(report), encoding="utf-8")
    typer.echo(f"wrote {path}")


@contextmanager
def _says_where() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"{error.filename}: cannot be written ({error.strerror}): give another place") from error
