"""The page about a report of `rs2sam2 bench load`."""

from collections.abc import Mapping
from typing import Any

from rs2sam2.evaluation.report_markdown import report_page
from rs2sam2.evaluation.tabular import Table, percent

_HEAD = """# How fast weights load, and what they need

Written by `rs2sam2 bench load --render {source}`; do not edit. Each line is a fresh process, with the weight file
in the page cache. "Own memory" is what the process needs for itself at the peak (RssAnon of Linux), beyond what it had
after its imports; pages of a file that is mapped belong to the system and are shared.
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
        "bench load",
        _facts,
        lambda report: [_loading(report), _answering(report), _converting(report)],
    )


def _facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("Parameters", f"{report['loads'][0]['parameters']:,}"),
        (
            "Machine",
            f"{report['cores']} cores, {_gigabytes(report['memory_bytes'])} GB, "
            f"{report['run']['torch_threads']} torch threads, "
            f"load average {report['load_average_at_end']:.1f} at the end",
        ),
    ]


def _loading(report: Mapping[str, Any]) -> Table:
    return Table(
        "From the file to a model that is ready",
        ("stored as", "used as", "weights, GB", "seconds", "own memory, GB", "at most, GB", "within both limits"),
        [
            (
                load["stored"],
                load["loaded"],
                _gigabytes(load["bytes"]),
                f"{load['seconds']:.1f}",
                _gigabytes(load["peak_anonymous_bytes"]),
                _gigabytes(load["allowed_anonymous_bytes"]),
                "yes" if load["within_limits"] else "no",
            )
            for load in report["loads"]
        ],
        f"The limits: {report['limits']['seconds']:g} seconds, and 1.05 times the weights plus 0.1 GB.",
    )


def _answering(report: Mapping[str, Any]) -> Table:
    side = report["loads"][0]["image_side"]
    return Table(
        f"The first answer, {side} x {side} pixels, on the CPU",
        ("stored as", "used as", "seconds", "own memory, GB", "mask, %", "IoU, %", "IoU of the rest, %", "logits, %"),
        [
            (
                load["stored"],
                load["loaded"],
                f"{load['forward_seconds']:.1f}",
                _gigabytes(load["forward_peak_anonymous_bytes"]),
                percent(load["mask_share"]),
                percent(load["mask_iou"]),
                percent(load["background_iou"]),
                f"{100 * load['relative_difference_of_logits']:.2f}",
            )
            for load in report["loads"]
        ],
        '"mask" is its share of the image. IoU (of the mask, and of all that lies outside it) and the relative '
        "difference of the logits compare with the first line. This also reads what loading has mapped from the file.",
    )


def _converting(report: Mapping[str, Any]) -> Table:
    return Table(
        "Converting",
        ("stored as", "seconds", "own memory, GB"),
        [
            (made["stored"], f"{made['seconds']:.1f}", _gigabytes(made["peak_anonymous_bytes"]))
            for made in report["conversions"]
        ],
    )


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.2f}"
