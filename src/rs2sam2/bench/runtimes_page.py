"""The page about exported weights, with the times that `rs2sam2 bench runtimes` measured."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from rs2sam2.errors import DataError
from rs2sam2.evaluation.provenance import run_facts, versions_of
from rs2sam2.evaluation.tabular import Table, markdown_table, percent

_RUNTIMES = {"torch": "PyTorch", "onnx": "ONNX Runtime", "openvino": "OpenVINO"}


def page(report: Mapping[str, Any], source: str) -> str:
    """The page in Markdown.

    Args:
        report: what `rs2sam2 bench runtimes` wrote.
        source: name of the file that it was read from.

    Raises:
        DataError: if the report lacks something.
    """
    try:
        tables = [*map(_times, report["models"]), _exports(report)]
        facts = _facts(report)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise DataError(f"{source}: the report lacks {error}: make it again with rs2sam2 bench runtimes") from error
    head = (files("rs2sam2.bench") / "runtimes_page.md").read_text(encoding="utf-8")
    rows = "".join(f"| {name} | {value} |\n" for name, value in facts)
    return (
        head.replace("{source}", source) + "| | |\n|---|---|\n" + rows + "\n" + "\n".join(map(markdown_table, tables))
    )


def _facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    run = report["run"]
    return [
        *run_facts(run),
        (
            "Machine",
            f"{report['cores']} cores, {run['torch_threads']} threads, load average "
            f"{report['load_average_at_end']:.1f} at the end",
        ),
        ("Rounds", str(report["repeats"])),
        ("Seed", str(run["seed"])),
        ("Versions", versions_of(run)),
    ]


def _times(model: Mapping[str, Any]) -> Table:
    weights = "" if model["name"] == "nano" else ", with stand-in weights"
    questions = "one question" if model["batch"] == 1 else f"{model['batch']} questions at once"
    return Table(
        f"{model['name']}{weights}: {questions}, {model['image_side']} pixels",
        ("runtime", "precision", "seconds", "of the first, %", "opening, s", "mask, %", "IoU, %", "logits, %"),
        [
            (
                _RUNTIMES[way["runtime"]],
                way["precision"],
                f"{way['seconds']:.3f}",
                percent(way["relative"]),
                f"{way['opening']:.2f}",
                percent(way["mask_share"]),
                f"{100 * way['mask_iou']:.2f}",
                f"{100 * way['relative_difference_of_logits']:.2g}",
            )
            for way in model["ways"]
        ],
        'Seconds are the median of rounds in which all took turns. "mask" is its share of the image; IoU of the masks '
        "and the relative difference of the logits compare with the first line.",
    )


def _exports(report: Mapping[str, Any]) -> Table:
    by_name = {model["name"]: model["exports"] for model in report["models"]}
    return Table(
        "Writing and comparing",
        ("model", "format", "seconds", "MB", "difference, %", "IoU, %"),
        [
            (
                name,
                made["format"],
                f"{made['seconds']:.0f}",
                f"{made['bytes'] / 1e6:.1f}",
                f"{100 * made['relative_difference']:.2g}",
                f"{100 * made['mask_iou']:.2f}",
            )
            for name, exports in by_name.items()
            for made in exports
        ],
        "What `rs2sam2 export` itself compares: the largest relative difference of any output, and the smallest IoU of "
        "masks, on inputs of other sizes than the graphs were made with.",
    )
