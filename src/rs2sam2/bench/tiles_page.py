"""The page about a report of `rs2sam2 bench tiles`."""

from collections.abc import Mapping
from typing import Any

from rs2sam2.evaluation.report_markdown import report_page
from rs2sam2.evaluation.tabular import Table

_HEAD = """# Tiles that are dropped early

Written by `rs2sam2 bench tiles --render {source}`; do not edit. What
[`drop_below`](scope.md#tiles-that-hold-nothing) costs and gains: a tile is not looked at where the union encoder alone
gives P(present) below the setting.
"""
_SETS = {
    "rendered": ("rendered scenes that chose the setting", "rendered scenes that did not"),
    "real": ("real pictures, training split, which chose, too", "real pictures, validation split"),
}


def page(report: Mapping[str, Any], source: str) -> str:
    """The page in Markdown, of a report and the name of its file.

    Raises:
        DataError: if the report lacks something.
    """
    return report_page(_HEAD, report, source, "bench tiles", _facts, lambda report: [_costs(report), _others(report)])


def _facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    seconds = report["cpu_seconds"]
    return [
        ("Setting", f"{report['drop_below']}: the highest that loses at most {100 * report['most_lost']:.0f} %"),
        (
            "CPU seconds for the scenes that did not choose",
            f"{seconds['looking_at_all']:.0f} looking at all, {seconds['dropping']:.0f} dropping: "
            f"{seconds['gain']:.2f} times less",
        ),
    ]


def _costs(report: Mapping[str, Any]) -> Table:
    rows = []
    for name, titles in _SETS.items():
        for title, part in zip(titles, ("chosen_on", "tried_on"), strict=True):
            if report[name] is not None:
                one = report[name][part]
                counts = (one[key] for key in ("questions", "holding_none", "dropped", "found", "lost"))
                rows.append((title, *map(str, counts), _percent(one["loss_in_recall"])))
    return Table(
        "What the setting costs",
        ("", "questions", "of which nothing is there", "dropped", "things found without it", "of these lost", "loss"),
        rows,
    )


def _others(report: Mapping[str, Any]) -> Table:
    sets = [name for name in _SETS if report[name] is not None]
    rows = [
        (
            str(same[0]["drop_below"]),
            *(cell for one in same for cell in (str(one["dropped"]), _percent(one["loss_in_recall"]))),
        )
        for same in zip(*(report[name]["curve"] for name in sets), strict=True)
    ]
    head = (cell for name in sets for cell in (f"dropped, {name}", f"loss, {name}"))
    return Table("Other settings, on what did not choose", ("setting", *head), rows)


def _percent(part: float | None) -> str:
    return "" if part is None else f"{100 * part:.2f} %"
