"""Tables for a terminal, and the results page for the documentation, made from a report and from nothing else."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from rs2sam2.errors import DataError
from rs2sam2.evaluation.diagnosis.tables import tables
from rs2sam2.evaluation.provenance import run_facts, versions_of
from rs2sam2.evaluation.tabular import markdown_table, print_table


def print_report(report: Mapping[str, Any], console: Console) -> None:
    """Print every table of a report."""
    for table in tables(report):
        print_table(table, console)


def markdown(report: Mapping[str, Any], source: str) -> str:
    """The results page.

    Args:
        report: what `rs2sam2 diagnose` wrote.
        source: name of the file that it was read from.

    Raises:
        DataError: if the report lacks something.
    """
    try:
        run, weights = report["run"], report["weights"]
        facts = [
            *run_facts(run),
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
            ("Versions", versions_of(run)),
        ]
        parts = [markdown_table(table) for table in tables(report)]
    except (KeyError, TypeError) as error:
        raise DataError(f"{source}: the report lacks {error}: make it again with rs2sam2 diagnose") from error
    head = (
        "# Results\n\n"
        f"Written by `rs2sam2 diagnose --render {source}`; do not edit. Everything was measured in one run, with the\n"
        "weights' own thresholds, at each image's own size. A thing that is there but was refused counts as IoU 0.\n"
        'Figures are percent; "95 %" is a bootstrap interval over places. [Presence](presence.md) has its curves.\n\n'
        "| | |\n|---|---|\n"
    )
    return head + "".join(f"| {name} | {value} |\n" for name, value in facts) + "\n" + "\n".join(parts)
