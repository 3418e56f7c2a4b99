"""The field's figures, each under a name that leaves one reading, as torchmetrics.

Masks of one data set differ in size, so the metrics take pixel counts (`overlap`, `boundary.boundary_overlap`,
`boundary.boundary_matches`) instead of masks. Each figure but the last two is a quotient of two sums over samples. All
sums are kept in integers (fractions in units of 2^-32), so that a figure is the same to the last bit in any order, at
any batch size and over any number of processes.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
CALIBRATION_BINS = 10
_FRACTION_BITS = 32
# An image of 2^28 pixels still fits: a count times 2^32 stays below 2^63.
_ONE = 1 << _FRACTION_BITS


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


class _Sums(Metric):
    """Integer sums over samples, added up over processes."""

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    def __init__(self, sums: Mapping[str, tuple[int, ...]], **options: Any) -> None:  # noqa: ANN401 - torchmetrics' own options
        super().__init__(**options)
        for name, shape in sums.items():
            self.add_state(name, torch.zeros(shape, dtype=torch.int64), dist_reduce_fx="sum")


class Quotient(_Sums):
    """A sum over samples divided by another one, 0..1; nan while the divisor is 0."""

    terms: Callable[..., tuple[Tensor, Tensor]]
    """What each sample adds to the dividend and to the divisor, (B,) int64 each, from what `update` takes."""
    dividend: Tensor
    divisor: Tensor

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - torchmetrics' own options
        super().__init__({"dividend": (), "divisor": ()}, **options)

    def update(self, *counts: Tensor) -> None:
        """Add samples: what `terms` takes, (B,) each."""
        dividends, divisors = self.terms(*counts)
        self.dividend += dividends.sum()
        self.divisor += divisors.sum()

    def compute(self) -> Tensor:
        """The quotient: no figure is better than a wrong one, so 0 / 0 is nan."""
        return self.dividend / self.divisor


class MeanIoU(Quotient):
    """mIoU: the mean over samples of intersection / union. It is for sentences that mean something.

    A sample whose union is empty counts as 0: its target has vanished and nothing was found. (RMSIN and what follows
    it count so too.) Over counts of boundary pixels it is mean boundary IoU.
    """

    def terms(self, intersection: Tensor, union: Tensor) -> tuple[Tensor, Tensor]:
        """From pixel counts, (B,) int64 each."""
        return _fraction(intersection, union.clamp(min=1)), _ones(union) * _ONE


class GeneralisedMeanIoU(Quotient):
    """The mean IoU over samples with and without a target: nothing found where nothing is meant counts as 1.

    Liu et al., "GRES: Generalized Referring Expression Segmentation", CVPR 2023, which calls it gIoU; other papers use
    that word for overall IoU or for plain mean IoU.
    """

    def terms(self, intersection: Tensor, union: Tensor) -> tuple[Tensor, Tensor]:
        """From pixel counts, (B,) int64 each."""
        nothing = (union == 0).long()
        return _fraction(intersection + nothing, union + nothing), _ones(union) * _ONE


class PrecisionAtIoU(Quotient):
    """Pr@X: the share of samples whose IoU is at least X; one with an empty union is not."""

    def __init__(self, threshold: float, **options: Any) -> None:  # noqa: ANN401 - torchmetrics' own options
        """Take X, a multiple of 0.01."""
        super().__init__(**options)
        self.percent = round(100 * threshold)

    def terms(self, intersection: Tensor, union: Tensor) -> tuple[Tensor, Tensor]:
        """From pixel counts, (B,) int64 each."""
        reached = (100 * intersection.long() >= self.percent * union.long()) & (union > 0)
        return reached.long(), _ones(union)


class OverallIoU(Quotient):
    """oIoU: the sum of intersections over the sum of unions, so that large things weigh more.

    Over samples with and without a target it is what GRES calls cumulative IoU, cIoU.
    """

    def terms(self, intersection: Tensor, union: Tensor) -> tuple[Tensor, Tensor]:
        """From pixel counts, (B,) int64 each."""
        return intersection.long(), union.long()


class MeanBoundaryF1(Quotient):
    """The mean over samples of the F-measure of boundary pixels that have one of the other mask's nearby.

    Csurka et al., "What is a good evaluation measure for semantic segmentation?", BMVC 2013; Perazzi et al., "A
    Benchmark Dataset and Evaluation Methodology for Video Object Segmentation", CVPR 2016. It is for sentences that
    mean something; see `boundary.boundary_matches` for what is a boundary, what is near, and masks without boundary.
    """

    def terms(
        self, matched_prediction: Tensor, prediction: Tensor, matched_target: Tensor, target: Tensor
    ) -> tuple[Tensor, Tensor]:
        """From counts of boundary pixels, (B,) int64 each: 2PR / (P + R), P and R being the shares that match."""
        share, recall = (
            part.double() / whole.clamp(min=1)
            for part, whole in ((matched_prediction, prediction), (matched_target, target))
        )
        # The least share that is not 0 is far above the clamp: no image has 10^30 pixels.
        return _fixed(2 * share * recall / (share + recall).clamp(min=1e-30)), _ones(target) * _ONE


class TargetAccuracy(Quotient):
    """Of the samples whose thing is there, the share that was said to be there (T-acc. in GRES)."""

    def terms(self, said: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
        """From (B,) bool each: present as the model says, and in truth."""
        return (said & true).long(), true.long()


class NoTargetAccuracy(Quotient):
    """Of the samples whose sentence means nothing in the image, the share that was said to be absent (N-acc.)."""

    def terms(self, said: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
        """From (B,) bool each: present as the model says, and in truth."""
        return (~said & ~true).long(), (~true).long()


class BalancedPresenceAccuracy(_Sums):
    """The mean of `TargetAccuracy` and `NoTargetAccuracy`: 0.5 for whoever always gives the same answer."""

    right: Tensor
    asked: Tensor

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - torchmetrics' own options
        super().__init__({"right": (2,), "asked": (2,)}, **options)

    def update(self, said: Tensor, true: Tensor) -> None:
        """Add samples, (B,) bool each: present as the model says, and in truth."""
        for row, these in enumerate((~true, true)):
            self.right[row] += (said == true)[these].sum()
            self.asked[row] += these.sum()

    def compute(self) -> Tensor:
        """The mean of both shares, 0..1; nan while one sort of sample is missing."""
        return (self.right / self.asked).mean()


class ExpectedCalibrationError(_Sums):
    """How far a score is from the IoU that it foretells: the mean of |mean score - mean IoU| over bins of the score.

    Ten bins of equal width (the last includes 1), each weighted by its number of samples; 0 is perfect. After Naeini et
    al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015, with IoU in the place of accuracy.
    """

    higher_is_better = False
    scores: Tensor
    ious: Tensor
    counts: Tensor

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - torchmetrics' own options
        super().__init__(dict.fromkeys(("scores", "ious", "counts"), (CALIBRATION_BINS,)), **options)

    def update(self, score: Tensor, iou: Tensor) -> None:
        """Add samples, (B,) float each in 0..1."""
        bins = (score * CALIBRATION_BINS).long().clamp(0, CALIBRATION_BINS - 1)
        self.scores.index_add_(0, bins, _fixed(score))
        self.ious.index_add_(0, bins, _fixed(iou))
        self.counts.index_add_(0, bins, torch.ones_like(bins))

    def compute(self) -> Tensor:
        """The error, 0..1; nan before any sample."""
        return ((self.scores - self.ious).abs() / _ONE).sum() / self.counts.sum()


def _ones(like: Tensor) -> Tensor:
    return torch.ones_like(like, dtype=torch.int64)


def _fraction(part: Tensor, whole: Tensor) -> Tensor:
    """Counts to a fraction in units of 2^-32, rounded down."""
    return (part.long() << _FRACTION_BITS) // whole.long()


def _fixed(fractions: Tensor) -> Tensor:
    return (fractions * float(_ONE)).round().long()
