"""The field's figures, each under a name that leaves one reading, as torchmetrics.

Masks of one data set differ in size, so the metrics take pixel counts (`overlap`) instead of masks. All sums are kept
in integers (fractions in units of 2^-32), so that a figure is the same to the last bit in any order, at any batch size
and over any number of processes.
"""

from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
CALIBRATION_BINS = 10
_FRACTION_BITS = 32


def overlap(prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels in both masks and in either.

    Args:
        prediction: (B, ...) bool.
        target: (B, ...) bool, of the same shape.

    Returns:
        Intersection and union, (B,) int64 each.
    """
    intersection, union = prediction & target, prediction | target
    return intersection.flatten(1).sum(1), union.flatten(1).sum(1)


class _Averaged(Metric):
    """Mean over samples of a fraction in 0..1."""

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    total: Tensor
    count: Tensor

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - torchmetrics' own options
        super().__init__(**options)
        self.add_state("total", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("count", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def compute(self) -> Tensor:
        """The mean, 0..1; nan before any sample."""
        return _ratio(_real(self.total), self.count)

    def _add(self, fixed: Tensor) -> None:
        self.total += fixed.sum()
        self.count += fixed.numel()


class MeanIoU(_Averaged):
    """mIoU: the mean over samples of intersection / union. It is for sentences that mean something.

    A sample whose union is empty counts as 0: its target has vanished and nothing was found.
    """

    def update(self, intersection: Tensor, union: Tensor) -> None:
        """Add samples by their pixel counts, (B,) int64 each."""
        # An image of 2^28 pixels still fits: intersection times 2^32 stays below 2^63.
        self._add((intersection.long() << _FRACTION_BITS) // union.long().clamp(min=1))


class PrecisionAtIoU(_Averaged):
    """Pr@X: the share of samples whose IoU is at least X; one with an empty union is not."""

    def __init__(self, threshold: float, **options: Any) -> None:  # noqa: ANN401 - torchmetrics' own options
        """Take X, a multiple of 0.01."""
        super().__init__(**options)
        self.percent = round(100 * threshold)

    def update(self, intersection: Tensor, union: Tensor) -> None:
        """Add samples by their pixel counts, (B,) int64 each."""
        reached = (100 * intersection.long() >= self.percent * union.long()) & (union > 0)
        self._add(reached.long() << _FRACTION_BITS)


class OverallIoU(Metric):
    """oIoU: the sum of intersections over the sum of unions, so that large things weigh more."""

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    intersection: Tensor
    union: Tensor

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - torchmetrics' own options
        super().__init__(**options)
        self.add_state("intersection", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("union", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, intersection: Tensor, union: Tensor) -> None:
        """Add samples by their pixel counts, (B,) int64 each."""
        self.intersection += intersection.long().sum()
        self.union += union.long().sum()

    def compute(self) -> Tensor:
        """The quotient, 0..1; nan while all unions are empty."""
        return _ratio(self.intersection, self.union)


class TargetAccuracy(_Averaged):
    """Of the samples whose thing is there, the share that was said to be there."""

    def update(self, said: Tensor, true: Tensor) -> None:
        """Add samples, (B,) bool each: present as the model says, and in truth."""
        self._add(said[true].long() << _FRACTION_BITS)


class NoTargetAccuracy(_Averaged):
    """Of the samples whose sentence means nothing in the image, the share that was said to be absent."""

    def update(self, said: Tensor, true: Tensor) -> None:
        """Add samples, (B,) bool each: present as the model says, and in truth."""
        self._add((~said[~true]).long() << _FRACTION_BITS)


class BalancedPresenceAccuracy(Metric):
    """The mean of `TargetAccuracy` and `NoTargetAccuracy`: 0.5 for whoever always gives the same answer."""

    is_differentiable = False
    higher_is_better = True
    full_state_update = False
    right: Tensor
    asked: Tensor

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - torchmetrics' own options
        super().__init__(**options)
        self.add_state("right", torch.zeros(2, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("asked", torch.zeros(2, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, said: Tensor, true: Tensor) -> None:
        """Add samples, (B,) bool each: present as the model says, and in truth."""
        for row, these in enumerate((~true, true)):
            self.right[row] += (said == true)[these].sum()
            self.asked[row] += these.sum()

    def compute(self) -> Tensor:
        """The mean of both shares, 0..1; nan while one sort of sample is missing."""
        return _ratio(self.right, self.asked).mean()


class ExpectedCalibrationError(Metric):
    """How far a score is from the IoU that it foretells: the mean of |mean score - mean IoU| over bins of the score.

    Ten bins of equal width (the last includes 1), each weighted by its number of samples; 0 is perfect. After Naeini et
    al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015, with IoU in the place of accuracy.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False
    scores: Tensor
    ious: Tensor
    counts: Tensor

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - torchmetrics' own options
        super().__init__(**options)
        for name in ("scores", "ious", "counts"):
            self.add_state(name, torch.zeros(CALIBRATION_BINS, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, score: Tensor, iou: Tensor) -> None:
        """Add samples, (B,) float each in 0..1."""
        bins = (score * CALIBRATION_BINS).long().clamp(0, CALIBRATION_BINS - 1)
        self.scores.index_add_(0, bins, _fixed(score))
        self.ious.index_add_(0, bins, _fixed(iou))
        self.counts.index_add_(0, bins, torch.ones_like(bins))

    def compute(self) -> Tensor:
        """The error, 0..1; nan before any sample."""
        return _ratio(_real((self.scores - self.ious).abs()).sum(), self.counts.sum())


def _fixed(fractions: Tensor) -> Tensor:
    return (fractions * 2.0**_FRACTION_BITS).round().long()


def _real(fixed: Tensor) -> Tensor:
    return fixed / 2.0**_FRACTION_BITS


def _ratio(part: Tensor, whole: Tensor) -> Tensor:
    """0 / 0 is nan: no figure is better than a wrong one."""
    return part / whole
