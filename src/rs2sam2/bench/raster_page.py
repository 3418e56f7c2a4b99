"""The page about a report of `rs2sam2 bench raster`."""

from collections.abc import Mapping
from typing import Any

from rs2sam2.evaluation.report_markdown import report_page
from rs2sam2.evaluation.tabular import Table

_HEAD = """# Large rasters: memory and speed

Written by `rs2sam2 bench raster --render {source}`; do not edit. Rendered scenes at 0.1 m, asked for *"{expression}"*,
with a mask and a GeoPackage as outputs.
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
        "bench raster",
        lambda _: [],
        lambda report: [_memory(report), _speed(report), _dropping(report)],
    )


def _memory(report: Mapping[str, Any]) -> Table:
    return Table(
        "Memory",
        ("pixels a side", "tiles", "objects", "resident memory before, MB", "at its peak, MB"),
        [
            (
                f"{run['side']:,}",
                f"{run['tiles']:,}",
                f"{run['objects']:,}",
                f"{run['loaded'] / 1e6:.0f}",
                f"{run['peak'] / 1e6:.0f}",
            )
            for run in report["memory"]
        ],
        f"The largest peak is {100 * (report['largest_over_smallest'] - 1):.1f} % above the smallest. Each raster was "
        f"looked at by a process of its own; one in {report['filled']} of its parts shows a scene, the rest is black.",
    )


def _speed(report: Mapping[str, Any]) -> Table:
    speed = report["speed"]
    return Table(
        f"Speed on {speed['cores']} cores",
        ("", "million pixels a second", "CPU seconds"),
        [
            (
                told,
                f"{speed[kind]['pixels_per_second'] / 1e6:.1f}",
                f"{speed[kind]['cpu_seconds']:.1f}",
            )
            for kind, told in (("pipeline", "everything, from file to files"), ("model", "the model alone"))
        ],
        f"The whole reaches {100 * speed['ratio']:.0f} % of the model's own speed: in turns in one process, medians "
        f"of {speed['turns']}, {speed['tiles']:,} tiles of a raster of {speed['side']:,} pixels a side that "
        "shows a scene everywhere. The model alone is run on prepared tiles, split over the cores in the same way. "
        "Pixels are the raster's: what tiles share counts once.",
    )


def _dropping(report: Mapping[str, Any]) -> Table:
    found = report["dropping"]
    return Table(
        f"Tiles that hold nothing: *{found['expression']}* on the same raster",
        ("", "objects", "seconds", "CPU seconds"),
        [
            (
                told,
                str(found["objects"][kind]),
                f"{found['seconds'][kind]:.1f}",
                f"{found['cpu_seconds'][kind]:.1f}",
            )
            for kind, told in (("all", "every tile in full"), ("dropping", "dropped early where the weights say so"))
        ],
        f"{found['dropped']:,} of {found['tiles']:,} tiles were dropped early, and it was {found['gain']:.2f} times "
        f"as fast: in turns, medians of {found['turns']}.",
    )
