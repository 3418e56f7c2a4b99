"""The paired difference of two systems: `comparison.json`."""

from collections.abc import Mapping
from typing import Any

from rs2sam2.evaluation.benchmark.score import SampleScore, columns
from rs2sam2.evaluation.benchmark.slices import DIVISIONS
from rs2sam2.evaluation.benchmark.summary import PROTOCOLS
from rs2sam2.evaluation.comparison.measured import Measured
from rs2sam2.evaluation.figures import MASK_FIGURES, differences

FORMAT = 1
CLEAR = 0.1
"""IoU by which one answer has to be better to count as better."""


def compare(first: Measured, second: Measured, run: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """By how much the second is above the first.

    Returns:
        "format", "run", "first" and "second" ("folder", "system", "figures"), "data", "differences" (protocol ->
        figure -> "value", "low", "high"; fractions), "slices" (division -> part -> "samples" and the differences) and
        "samples" ("second_better", "first_better": by an IoU of at least `CLEAR`; "alike").
    """
    units = [row.place for row in first.scores]
    gains = [gain(*rows) for rows in zip(first.scores, second.scores, strict=True)]
    better, worse = sum(one >= CLEAR for one in gains), sum(one <= -CLEAR for one in gains)
    counts = columns(first.scores), columns(second.scores)
    slices: dict[str, Any] = {}
    for division, part_of in DIVISIONS.items():
        parts = [part_of(row) for row in first.scores]
        if len(set(parts)) > 1:
            slices[division] = {
                part: _part([other == part for other in parts], first, second, seed) for part in sorted(set(parts))
            }
    return {
        "format": FORMAT,
        "run": run,
        "first": _side(first),
        "second": _side(second),
        "data": first.report["data"],
        "differences": {name: differences(figures, *counts, units, seed) for name, figures in PROTOCOLS.items()},
        "slices": slices,
        "samples": {
            "second_better": better,
            "first_better": worse,
            "alike": len(gains) - better - worse,
            "least_difference_in_iou": CLEAR,
        },
    }


def gain(first: SampleScore, second: SampleScore) -> float:
    """IoU of the second answer less that of the first, -1..1."""
    return second.iou - first.iou


def _side(measured: Measured) -> dict[str, Any]:
    return {
        "folder": str(measured.folder),
        "system": measured.report["system"],
        "figures": measured.report["figures"],
    }


def _part(chosen: list[bool], first: Measured, second: Measured, seed: int) -> dict[str, Any]:
    some = [[row for row, taken in zip(measured.scores, chosen, strict=True) if taken] for measured in (first, second)]
    units = [row.place for row in some[0]]
    return {
        "samples": len(units),
        "places": len(set(units)),
        **differences(MASK_FIGURES, columns(some[0]), columns(some[1]), units, seed),
    }
