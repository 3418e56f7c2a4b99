"""From answers and truth to figures: cases with a target and their summary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from rs2sam2.evaluation.bootstrap import Floats, interval
from rs2sam2.evaluation.diagnosis.predict import Answer, PackedMask, Question
from rs2sam2.evaluation.figures import MASK_FIGURES, finite, measure
from rs2sam2.evaluation.metrics import ExpectedCalibrationError

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
    counts = np.array([[case.intersection, case.union] for case in cases], dtype=np.int64).reshape(-1, 2)
    columns = {"intersection": counts[:, 0], "union": counts[:, 1], "meant": np.ones(len(cases), dtype=bool)}
    units = [case.target.unit for case in cases]
    figures: Figures = {"count": len(cases), "units": len(set(units)), **measure(MASK_FIGURES, columns, units, seed)}
    for group in groups:
        figures[f"by_{group}"] = {
            part: summary([case for case in cases if case.target.groups[group] == part], seed)
            for part in sorted({case.target.groups[group] for case in cases})
        }
    return figures


def mean_gain(cases: Sequence[Case], others: Sequence[Case], seed: int) -> Figures:
    """By how much mIoU rises from `cases` to `others`, which are of the same targets in the same order."""
    gains = np.array([other.iou - case.iou for case, other in zip(cases, others, strict=True)])
    rows = np.stack([np.ones(len(gains)), gains], axis=1)
    (low,), (high,) = interval(rows, [case.target.unit for case in cases], _mean, seed)
    return {"value": float(gains.mean()), "low": low, "high": high}


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


def _mean(sums: Floats) -> Floats:
    return sums[:, 1:] / sums[:, :1]
