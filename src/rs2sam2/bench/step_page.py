"""The page about a report of `rs2sam2 bench step`: what a step took beside what was computed for it."""

from collections.abc import Mapping
from typing import Any

from rs2sam2.errors import DataError
from rs2sam2.evaluation.report_markdown import report_page
from rs2sam2.evaluation.tabular import Table

_HEAD = """# One step of the paper's training, measured

Written by `rs2sam2 bench step --render {source}`; do not edit. One optimisation step of the paper's trainable parts on
one sample with random weights, on a CPU. *Computed* is what `rs2sam2 train plan` says without taking the step
([what training takes](train_plan.md)). A GB is 10^9 bytes.
"""
_PHASES = {
    "build": "the model is built",
    "forward": "forward pass and loss",
    "backward": "gradients",
    "optimiser": "AdamW",
}


def page(report: Mapping[str, Any], planned: Mapping[str, Any], source: str) -> str:
    """The page in Markdown.

    Args:
        report: what `rs2sam2 bench step` wrote.
        planned: what `rs2sam2 train plan` wrote.
        source: name of the file that the report was read from.

    Raises:
        DataError: if the report lacks something, or no plan is of this step.
    """
    return report_page(
        _HEAD,
        report,
        source,
        "bench step",
        _facts,
        lambda report: [_memory(report, computed(report, planned)), _phases(report)],
    )


def computed(report: Mapping[str, Any], planned: Mapping[str, Any]) -> dict[str, int]:
    """Bytes of each part, from the plan of a recipe that takes the same step.

    Raises:
        DataError: if there is none.
    """
    for one in planned["plans"]:
        cost = one["cost"]
        same = (one["image_size"], one["precision"], one["batch"], cost["values"], cost["trained"])
        if same == (report["image_size"], report["precision"], 1, report["parameters"], report["trained"]):
            kept = cost["checkpointed" if report["activation_checkpointing"] else "activations"]
            return {**{name: cost[name] for name in ("parameters", "gradients", "optimiser")}, "activations": kept}
    raise DataError("no plan of this very step in train_plan.json: make it again with rs2sam2 train plan --docs")


def most_held(report: Mapping[str, Any]) -> int:
    """Bytes of the step at its peak, without Python and its packages: what was resident beside the built model."""
    return int(report["phases"]["optimiser"]["peak"] - _python(report))


def _python(report: Mapping[str, Any]) -> int:
    return int(report["phases"]["build"]["after"] - report["bytes"]["parameters"])


def _facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    run, side = report["run"], report["image_size"]
    again = "computed again" if report["activation_checkpointing"] else "kept"
    return [
        ("Model", f"{report['model']}, {report['parameters'] / 1e6:.1f} million parameters"),
        ("Trained", f"{report['trained'] / 1e6:.1f} million, as in the paper"),
        ("Step", f"1 sample, {side} x {side} pixels, {report['precision']}, activations {again}"),
        ("Seconds", f"{sum(report['phases'][name]['seconds'] for name in _PHASES if name != 'build'):.0f}"),
        ("Machine", f"{run['processor']}, {run['torch_threads']} torch threads"),
    ]


def _memory(report: Mapping[str, Any], estimate: Mapping[str, int]) -> Table:
    measured, peak, together = report["bytes"], most_held(report), sum(estimate.values())
    return Table(
        "Memory by part, GB",
        ("part", "measured", "computed"),
        [
            *((name, _gb(measured[name]), _gb(estimate[name])) for name in ("parameters", "gradients", "optimiser")),
            ("activations", "", _gb(estimate["activations"])),
            ("together", _gb(peak), _gb(together)),
        ],
        f"Measured together is the most that the process held, less the {_gb(_python(report))} GB of Python and its "
        f"packages. What was computed is {100 * (together / peak - 1):+.1f} % off.",
    )


def _phases(report: Mapping[str, Any]) -> Table:
    return Table(
        "By phase",
        ("phase", "seconds", "resident after it, GB", "peak so far, GB"),
        [
            (told, f"{one['seconds']:.1f}", _gb(one["after"]), _gb(one["peak"]))
            for told, one in ((told, report["phases"][name]) for name, told in _PHASES.items())
        ],
    )


def _gb(count: float) -> str:
    return f"{count / 1e9:.2f}"
