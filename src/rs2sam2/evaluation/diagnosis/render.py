"""Tables for a terminal, and the results page for the documentation, made from a report and from nothing else."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from rs2sam2.evaluation.diagnosis.tables import tables
from rs2sam2.evaluation.report_markdown import report_page
from rs2sam2.evaluation.tabular import print_table

_HEAD = """# Results

Written by `rs2sam2 diagnose --render {source}`; do not edit. Everything was measured in one run, with the
weights' own thresholds, at each image's own size. A thing that is there but was refused counts as IoU 0.
Figures are percent; "95 %" is a bootstrap interval over places. [Presence](presence.md) has its curves.
"""


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
    return report_page(_HEAD, report, source, "diagnose", _facts, tables)


def _facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    run, weights, data = report["run"], report["weights"], report.get("data")
    of_data = [] if data is None else [f"split {data['split']}, annotations sha256 `{data['sha256_of_annotations']}`"]
    return [
        ("Weights", f"{weights['name']}, sha256 `{weights['sha256']}`"),
        *(("Data", one) for one in of_data),
        ("Device", f"{run['device']}, {run['torch_threads']} torch threads, {report['seconds']} s"),
    ]
