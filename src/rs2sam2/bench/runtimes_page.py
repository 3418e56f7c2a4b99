"""The page about a report of `rs2sam2 bench runtimes`."""

from collections.abc import Mapping
from typing import Any

from rs2sam2.evaluation.report_markdown import report_page, rounds_and_machine
from rs2sam2.evaluation.tabular import Table, percent

_HEAD = """# Runtimes side by side

Written by `rs2sam2 bench runtimes --render {source}`; do not edit. What is run, and how it is made, says
[Weights for other runtimes](export.md). The question is "{expression}", of a rendered scene whose pictures are prepared
before the clock starts.
"""
_RUNTIMES = {"torch": "PyTorch", "onnx": "ONNX Runtime", "openvino": "OpenVINO"}


def page(report: Mapping[str, Any], source: str) -> str:
    """The page in Markdown, of a report and the name of its file.

    Raises:
        DataError: if the report lacks something.
    """
    return report_page(
        _HEAD,
        report,
        source,
        "bench runtimes",
        rounds_and_machine,
        lambda report: [*map(_times, report["models"]), _exports(report)],
    )


def _times(model: Mapping[str, Any]) -> Table:
    weights = "" if model["name"] == "nano" else ", with stand-in weights"
    questions = "one question" if model["batch"] == 1 else f"{model['batch']} questions at once"
    return Table(
        f"{model['name']}{weights}: {questions}, {model['image_side']} pixels",
        (
            "runtime",
            "precision",
            "seconds",
            "CPU seconds",
            "of the first, %",
            "opening, s",
            "mask, %",
            "IoU, %",
            "logits, %",
        ),
        [
            (
                _RUNTIMES[way["runtime"]],
                way["precision"],
                f"{way['seconds']:.3f}",
                f"{way['cpu_seconds']:.3f}",
                percent(way["relative"]),
                f"{way['opening']:.2f}",
                percent(way["mask_share"]),
                f"{100 * way['mask_iou']:.2f}",
                f"{100 * way['relative_difference_of_logits']:.2g}",
            )
            for way in model["ways"]
        ],
        "One thread. Medians of rounds in which each took turns with the first; CPU seconds are compared with those of "
        'the first line in the same round. "mask" is its share of the image; IoU of the masks and the relative '
        "difference of the logits compare with the first line, too.",
    )


def _exports(report: Mapping[str, Any]) -> Table:
    exports = {model["name"]: model["export"] for model in report["models"]}
    return Table(
        "Writing ONNX, and comparing",
        ("model", "seconds", "MB", "difference, %", "IoU, %"),
        [
            (
                name,
                f"{made['seconds']:.0f}",
                f"{made['bytes'] / 1e6:.1f}",
                f"{100 * made['relative_difference']:.2g}",
                f"{100 * made['mask_iou']:.2f}",
            )
            for name, made in exports.items()
        ],
        "What `rs2sam2 export` itself compares: the largest relative difference of any output, and the smallest IoU of "
        "masks, on inputs of other sizes than the graphs were made with.",
    )
