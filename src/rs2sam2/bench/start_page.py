"""The page about a report of `rs2sam2 bench start`."""

from collections.abc import Mapping
from typing import Any

from rs2sam2.errors import DataError
from rs2sam2.evaluation.provenance import run_facts, versions_of
from rs2sam2.evaluation.tabular import Table, markdown_table

_HEAD = """# From nothing to a mask

Written by `rs2sam2 bench start --render {source}`; do not edit. Each run is a fresh process with its files in the page
cache: `rs2sam2 segment scene.jpg "the largest building" -o mask.png`, {side} pixels a side, weights `{weights}`.

| | |
|---|---|
"""


def page(report: Mapping[str, Any], source: str) -> str:
    """The page in Markdown.

    Args:
        report: what `rs2sam2 bench start` wrote.
        source: name of the file that it was read from.

    Raises:
        DataError: if the report lacks something.
    """
    try:
        head = _HEAD.format(source=source, side=report["side"], weights=report["weights"])
        facts, tables = _facts(report), [_whole(report), _packages(report)]
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise DataError(f"{source}: the report lacks {error}: make it again with rs2sam2 bench start") from error
    rows = "".join(f"| {name} | {value} |\n" for name, value in facts)
    return head + rows + "\n" + "\n".join(map(markdown_table, tables))


def _facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    run = report["run"]
    return [
        *run_facts(run),
        (
            "Machine",
            f"{report['cores']} cores, {run['torch_threads']} threads, load average "
            f"{report['load_average_at_end']:.1f} at the end",
        ),
        ("Runs", str(report["repeats"])),
        ("Seed", str(run["seed"])),
        ("Versions", versions_of(run)),
    ]


def _whole(report: Mapping[str, Any]) -> Table:
    parts = [("from nothing to the end", report["whole"]), ("of it importing", report["imports"])]
    return Table(
        "The whole run",
        ("part", "seconds", "CPU seconds", "at most, s"),
        [(name, *(f"{part[key]:.2f}" for key in ("seconds", "cpu_seconds", "allowed"))) for name, part in parts],
        "Medians. Imports by the clock are those of a run of its own under `python -X importtime`.",
    )


def _packages(report: Mapping[str, Any]) -> Table:
    return Table(
        "What is imported",
        ("package", "seconds", "modules"),
        [(one["name"], f"{one['seconds']:.3f}", str(one["modules"])) for one in report["packages"]],
        "The longest, by `python -X importtime`, each without what it imports from others.",
    )
