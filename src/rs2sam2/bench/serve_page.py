"""The page about a report of `rs2sam2 bench serve`."""

from collections.abc import Mapping
from typing import Any

from rs2sam2.evaluation.report_markdown import report_page
from rs2sam2.evaluation.tabular import Table

_HEAD = """# The service under load

Written by `rs2sam2 bench serve --render {source}`; do not edit. A server with nano in a process of its own, on rendered
scenes of 1024 pixels; clients on the same cores ask it in random order, each one request after the other.
"""
_KINDS = {
    "model": "a new question: the model runs",
    "tile": "a map tile",
    "cached": "a question asked before",
    "small": "another threshold, a mask file, a list",
    "refused": "a bad request",
}


def page(report: Mapping[str, Any], source: str) -> str:
    """The page in Markdown, of a report and the name of its file.

    Raises:
        DataError: if the report lacks something.
    """
    return report_page(
        _HEAD, report, source, "bench serve", _facts, lambda report: [_requests(report), _burst(report), _tiles(report)]
    )


def _facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    memory = report["memory_bytes"]
    return [
        ("Requests", f"{report['requests']:,} by {report['clients']} clients in {report['seconds']:.0f} s"),
        ("Requests a second", f"{report['per_second']:.1f}"),
        ("Lost", str(report["lost"])),
        (
            "Resident memory",
            f"{memory['mark'] / 1e6:.0f} MB after {memory['marked_after']} requests, "
            f"{memory['end'] / 1e6:.0f} MB at the end ({100 * (memory['end'] / memory['mark'] - 1):+.1f} %)",
        ),
        ("Machine", f"{report['cores']} cores, load average {report['load_average_at_end']:.1f} at the end"),
    ]


def _requests(report: Mapping[str, Any]) -> Table:
    return Table(
        "By kind",
        ("request", "count", "p50, ms", "p99, ms", "HTTP status"),
        [
            (
                told,
                str(report["kinds"][kind]["count"]),
                _milliseconds(report["kinds"][kind]["p50"]),
                _milliseconds(report["kinds"][kind]["p99"]),
                ", ".join(f"{status}: {count}" for status, count in report["kinds"][kind]["statuses"].items()),
            )
            for kind, told in _KINDS.items()
        ],
    )


def _burst(report: Mapping[str, Any]) -> Table:
    burst = report["burst"]
    return Table(
        "More at once than may wait",
        ("new questions at once", "may wait", "answered", "refused with 429", "lost"),
        [tuple(str(burst[name]) for name in ("requests", "may_wait", "answered", "refused", "lost"))],
    )


def _tiles(report: Mapping[str, Any]) -> Table:
    large = report["large"]
    return Table(
        f"Map tiles of a raster of {large['side']:,} x {large['side']:,} pixels",
        ("tiles", "count", "p50, ms", "p95, ms"),
        [
            (told, str(large[kind]["count"]), _milliseconds(large[kind]["p50"]), _milliseconds(large[kind]["p95"]))
            for kind, told in (("pixels", "in pixel space"), ("mercator", "in web mercator"))
        ],
        f"Its overviews are made once, in {large['prepare_seconds']:.0f} seconds. Tiles are made in one process, "
        "one after the other, at all zooms.",
    )


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{1000 * seconds:.0f}"
