"""From answers and truth to figures: cases with a target, their summary, and intervals by resampling whole places.

Sentences about one place are not independent (windows of a mosaic overlap and lie inside it), so a bootstrap draws
mosaics or rendered scenes, never sentences.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric

from rs2sam2.evaluation.metrics import THRESHOLDS, ExpectedCalibrationError, MeanIoU, OverallIoU, PrecisionAtIoU
from rs2sam2.evaluation.predict import Answer, PackedMask, Question

RESAMPLES = 2000
Floats = NDArray[np.float64]
Figures = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """A question whose right answer is known.

    Attributes:
        question: what is asked.
        mask: what it means.
        unit: the place that is resampled as a whole: mosaic or rendered scene.
        groups: name of a division (kind, area, class) -> the part to which it belongs.
        thing: tells apart the things of one picture.
    """

    question: Question
    mask: PackedMask
    unit: str
    groups: Mapping[str, str] = field(default_factory=dict)
    thing: int | None = None


@dataclass(frozen=True)
class Case:
    """A target and an answer, compared.

    Attributes:
        target: what was meant.
        answer: what was found.
        intersection, union: pixels.
        size: pixels of the target over pixels of the image.
    """

    target: Target
    answer: Answer
    intersection: int
    union: int
    size: float

    @property
    def iou(self) -> float:
        """0 where both are empty: a target that vanished was not found."""
        return self.intersection / self.union if self.union else 0.0


def compare(target: Target, answer: Answer) -> Case:
    """Count pixels at the image's own size."""
    meant, found = target.mask.mask, answer.found.mask
    return Case(target, answer, int((meant & found).sum()), int((meant | found).sum()), float(meant.mean()))


def summary(cases: Sequence[Case], seed: int, groups: Sequence[str] = ()) -> Figures:
    """All figures of some cases, each with its 95 % interval, and again for each part of the divisions named.

    Returns:
        "count", "units", "mean_iou", "overall_iou", "precision_at_0.5" ... "precision_at_0.9" (fractions 0..1, as
        {"value", "low", "high"}; the interval is None with fewer than two units) and "by_<group>".
    """
    names = ("mean_iou", "overall_iou", *(f"precision_at_{threshold}" for threshold in THRESHOLDS))
    metrics: list[Metric] = [MeanIoU(), OverallIoU(), *map(PrecisionAtIoU, THRESHOLDS)]
    intersections = torch.tensor([case.intersection for case in cases])
    unions = torch.tensor([case.union for case in cases])
    for metric in metrics:
        metric.update(intersections, unions)
    rows = np.array([[1, case.iou, case.intersection, case.union, *_reached(case)] for case in cases], dtype=np.float64)
    units = [case.target.unit for case in cases]
    lows, highs = interval(rows, units, _quotients, seed)
    figures: Figures = {"count": len(cases), "units": len(set(units))}
    for name, metric, low, high in zip(names, metrics, lows, highs, strict=True):
        figures[name] = {"value": finite(metric.compute()), "low": low, "high": high}
    for group in groups:
        figures[f"by_{group}"] = {
            part: summary([case for case in cases if case.target.groups[group] == part], seed)
            for part in sorted({case.target.groups[group] for case in cases})
        }
    return figures


def mean_drop(cases: Sequence[Case], others: Sequence[Case], seed: int) -> Figures:
    """By how much mIoU falls from `cases` to `others`, which are of the same targets in the same order."""
    drops = np.array([case.iou - other.iou for case, other in zip(cases, others, strict=True)])
    rows = np.stack([np.ones(len(drops)), drops], axis=1)
    (low,), (high,) = interval(rows, [case.target.unit for case in cases], _mean, seed)
    return {"value": float(drops.mean()), "low": low, "high": high}


def by_size(cases: Sequence[Case], seed: int) -> Figures:
    """Summaries of the thirds of the cases by the target's share of the image, smallest first."""
    ordered = sorted(cases, key=lambda case: case.size)
    thirds = np.array_split(np.arange(len(ordered)), 3)
    figures = {}
    for name, third in zip(("smallest third", "middle third", "largest third"), thirds, strict=True):
        some = [ordered[index] for index in third]
        if not some:
            continue
        figures[name] = summary(some, seed) | {"least_share": some[0].size, "most_share": some[-1].size}
    return figures


def calibration(scores: Sequence[float], ious: Sequence[float]) -> float | None:
    """Expected calibration error of a score against IoU (`ExpectedCalibrationError`)."""
    metric = ExpectedCalibrationError()
    metric.update(torch.tensor(scores, dtype=torch.float64), torch.tensor(ious, dtype=torch.float64))
    return finite(metric.compute())


def finite(value: Tensor) -> float | None:
    """A figure as JSON can hold it: None where there was nothing to measure."""
    return float(value) if bool(value.isfinite()) else None


def interval(
    rows: Floats, units: Sequence[str], figures: Callable[[Floats], Floats], seed: int
) -> tuple[list[float | None], list[float | None]]:
    """Percentile bootstrap of figures that are made of sums.

    Args:
        rows: (cases, sums) what each case adds.
        units: of each case; drawn with replacement, as many as there are.
        figures: from sums (..., sums) to figures (..., figures).
        seed: of the draws.

    Returns:
        2.5th and 97.5th percentile of each figure; None with fewer than two units, or where no draw gave a figure.
    """
    names, owners = np.unique(units, return_inverse=True)
    sums = np.zeros((len(names), rows.shape[1]))
    np.add.at(sums, owners, rows)
    drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), RESAMPLES)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = figures(drawn @ sums)
    lows: list[float | None] = []
    highs: list[float | None] = []
    for values in found.T:
        known = values[np.isfinite(values)]
        few = len(names) < 2 or not len(known)
        lows.append(None if few else float(np.percentile(known, 2.5)))
        highs.append(None if few else float(np.percentile(known, 97.5)))
    return lows, highs


def _reached(case: Case) -> list[bool]:
    return [case.union > 0 and 100 * case.intersection >= round(100 * x) * case.union for x in THRESHOLDS]


def _mean(sums: Floats) -> Floats:
    return sums[:, 1:] / sums[:, :1]


def _quotients(sums: Floats) -> Floats:
    count, iou, intersection, union = (sums[:, [column]] for column in range(4))
    return np.concatenate([iou / count, intersection / union, sums[:, 4:] / count], axis=1)
