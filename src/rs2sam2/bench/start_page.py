"""The page about a report of `rs2sam2 bench start`."""

from collections.abc import Mapping
from typing import Any

from rs2sam2.evaluation.report_markdown import report_page, rounds_and_machine
from rs2sam2.evaluation.tabular import Table

_HEAD = """# From nothing to a mask

Written by `rs2sam2 bench start --render {source}`; do not edit. Each run is a fresh process with its files in the page
cache: `rs2sam2 segment scene.jpg "{expression}" -o mask.png`, {side} pixels a side, weights `{weights}`.
"""


def page(report: Mapping[str, Any], source: str) -> str:
    """The page in Markdown, of a report and the name of its file.

    Raises:
        DataError: if the report lacks something.
    """
    return report_page(
        _HEAD,
        report,
        source,
        "bench start",
        rounds_and_machine,
        lambda report: [_whole(report), _packages(report)],
    )


def _whole(report: Mapping[str, Any]) -> Table:
    parts = {
        "from nothing to the end": report["whole"],
        "importing the same, and no more": report["imports"],
        "importing PyTorch alone": report["torch"],
    }
    return Table(
        "The whole run",
        ("part", "seconds", "least", "CPU seconds", "at most, s"),
        [
            (
                name,
                *(f"{part[key]:.2f}" for key in ("seconds", "least", "cpu_seconds")),
                f"{part['allowed']:.2f}" if "allowed" in part else "",
            )
            for name, part in parts.items()
        ],
        "Each from the start of a process to its end; medians, and the shortest run. What else the machine does "
        "lengthens seconds, and CPU seconds less.",
    )


def _packages(report: Mapping[str, Any]) -> Table:
    return Table(
        "What is imported",
        ("package", "seconds", "modules"),
        [(one["name"], f"{one['seconds']:.3f}", str(one["modules"])) for one in report["packages"]],
        "The longest, each without what it imports from others, by `python -X importtime`, which makes imports slower.",
    )
