"""Tables for a terminal, and the results page for the documentation, made from a report and from nothing else."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from rs2sam2.errors import DataError
from rs2sam2.evaluation.report import FORMAT
from rs2sam2.evaluation.tables import Table, tables


def print_report(report: Mapping[str, Any], console: Console) -> None:
    """Print every table of a report."""
    for table in tables(report):
        drawn = RichTable(title=escape(table.title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for index, heading in enumerate(table.headings):
            drawn.add_column(heading, justify="right" if index else "left")
        for row in table.rows:
            drawn.add_row(*map(escape, row))
        console.print(drawn)
        if table.note:
            console.print(table.note, style="dim", markup=False)
        console.print()


def read_report(path: Path) -> dict[str, Any]:
    """Read what `rs2sam2 evaluate` wrote.

    Raises:
        DataError: if it is missing, no JSON, or of another format.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a report ({error}): make one with rs2sam2 evaluate -o") from error
    found = report.get("format") if isinstance(report, dict) else None
    if found != FORMAT:
        raise DataError(f"{path}: format {found!r}, this version reads {FORMAT}: make it again with rs2sam2 evaluate")
    return dict(report)


def markdown(report: Mapping[str, Any], source: str) -> str:
    """The results page.

    Args:
        report: what `rs2sam2 evaluate` wrote.
        source: name of the file that it was read from.

    Raises:
        DataError: if the report lacks something.
    """
    try:
        run, weights = report["run"], report["weights"]
        versions = ", ".join(f"{name} {number}" for name, number in run["versions"].items() if number)
        changed = ", with uncommitted changes" if run["uncommitted_changes"] else ""
        facts = [
            ("Command", f"`{run['command']}`"),
            ("Date", run["date"]),
            ("Commit", "not a checkout" if run["commit"] is None else f"`{run['commit']}`{changed}"),
            ("Weights", f"{weights['name']}, sha256 `{weights['sha256']}`"),
            *(
                [
                    (
                        "Data",
                        f"split {report['data']['split']}, annotations sha256 "
                        f"`{report['data']['sha256_of_annotations']}`",
                    )
                ]
                if "data" in report
                else []
            ),
            ("Device", f"{run['device']}, {run['torch_threads']} torch threads, {report['seconds']} s"),
            ("Seed", str(run["seed"])),
            ("Versions", versions),
        ]
        parts = [_markdown_table(table) for table in tables(report)]
    except (KeyError, TypeError) as error:
        raise DataError(f"{source}: the report lacks {error}: make it again with rs2sam2 evaluate") from error
    head = (
        "# Results\n\n"
        f"Written by `rs2sam2 evaluate --render {source}`; do not edit. Everything was measured in one run, with the\n"
        "weights' own thresholds, at each image's own size. A thing that is there but was refused counts as IoU 0.\n"
        'Figures are percent; "95 %" is a bootstrap interval over places.\n\n'
        "| | |\n|---|---|\n"
    )
    return head + "".join(f"| {name} | {value} |\n" for name, value in facts) + "\n" + "\n".join(parts)


def _markdown_table(table: Table) -> str:
    lines = [
        f"## {table.title}",
        "",
        "| " + " | ".join(table.headings) + " |",
        "|---|" + "---:|" * (len(table.headings) - 1),
        *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table.rows),
    ]
    return "\n".join(lines + (["", table.note] if table.note else [])) + "\n"
