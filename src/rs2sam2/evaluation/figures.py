"""Every figure of a report: its name, what it means, what it is made of, and its interval."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rs2sam2.evaluation.bootstrap import Floats, interval
from rs2sam2.evaluation.boundary import DILATION_RATIO, TOLERANCE
from rs2sam2.evaluation.metrics import (
    THRESHOLDS,
    GeneralisedMeanIoU,
    MeanBoundaryF1,
    MeanIoU,
    NoTargetAccuracy,
    OverallIoU,
    PrecisionAtIoU,
    Quotient,
    TargetAccuracy,
)

Columns = Mapping[str, NDArray[Any]]
"""Name of a count -> its value for each sample, (N,) integers or booleans."""
Values = dict[str, dict[str, float | None]]
"""Name of a figure -> "value", "low" and "high", fractions 0..1; None where there is nothing to measure."""


@dataclass(frozen=True)
class Figure:
    """A figure over samples.

    Attributes:
        name: of the figure.
        meaning: what is counted, over which samples, in one sentence.
        metric: makes the empty metric.
        counts: names of the columns that the metric takes.
        only: name of a boolean column: samples without it do not count; empty for all samples.
    """

    name: str
    meaning: str
    metric: Callable[[], Quotient]
    counts: tuple[str, ...]
    only: str = ""


BOUNDARY_F1 = f"mean_boundary_f1_at_{TOLERANCE}_px"
_OVERLAP = ("intersection", "union")
_PRESENCE = ("found", "meant")
MASK_FIGURES = (
    Figure(
        "mean_iou",
        "mIoU: mean of intersection over union; sentences that mean something; 0 where the thing was refused",
        MeanIoU,
        _OVERLAP,
        "meant",
    ),
    Figure(
        "overall_iou",
        "oIoU (cIoU in GRES): sum of intersections over sum of unions; all sentences",
        OverallIoU,
        _OVERLAP,
    ),
    *(
        Figure(
            f"precision_at_{threshold}",
            f"Pr@{threshold}: share with an IoU of at least {threshold}; sentences that mean something",
            partial(PrecisionAtIoU, threshold),
            _OVERLAP,
            "meant",
        )
        for threshold in THRESHOLDS
    ),
)
"""What both a data set's report and the diagnosis of weights measure, at each image's own size."""

NATIVE_FIGURES = (
    *MASK_FIGURES,
    Figure(
        "mean_boundary_iou",
        f"mean IoU of the masks' inner boundary bands, {DILATION_RATIO:.0%} of the image's diagonal wide (Cheng et al. "
        "2021); sentences that mean something",
        MeanIoU,
        ("boundary_intersection", "boundary_union"),
        "meant",
    ),
    Figure(
        BOUNDARY_F1,
        f"mean F-measure of boundary pixels that lie within {TOLERANCE} pixels of the other mask's boundary (Csurka et "
        "al. 2013); sentences that mean something",
        MeanBoundaryF1,
        ("matched_prediction", "prediction_boundary", "matched_target", "target_boundary"),
        "meant",
    ),
    Figure(
        "generalised_mean_iou",
        "mean IoU in which an empty answer to a sentence that means nothing counts as 1 (gIoU in GRES); all sentences",
        GeneralisedMeanIoU,
        _OVERLAP,
    ),
    Figure(
        "target_accuracy",
        "share that got an answer at all, right or wrong; sentences that mean something",
        TargetAccuracy,
        _PRESENCE,
    ),
    Figure(
        "no_target_accuracy",
        "share that got an empty answer; sentences that mean nothing",
        NoTargetAccuracy,
        _PRESENCE,
    ),
)
"""Of a data set, with masks at their own size."""

PAPER_SIDE = 1024
"""The published figures are of masks of 1024 x 1024 pixels."""
_OVERLAP_AT_1024 = ("intersection_at_1024", "union_at_1024")
PAPER_FIGURES = (
    Figure("mean_iou", "mIoU at 1024 x 1024; all sentences; 0 where the union is empty", MeanIoU, _OVERLAP_AT_1024),
    Figure("overall_iou", "oIoU at 1024 x 1024; all sentences", OverallIoU, _OVERLAP_AT_1024),
    *(
        Figure(
            f"precision_at_{threshold}",
            f"Pr@{threshold} at 1024 x 1024: IoU of at least {threshold}; all sentences",
            partial(PrecisionAtIoU, threshold),
            _OVERLAP_AT_1024,
        )
        for threshold in THRESHOLDS
    ),
)
"""Of a data set, by the protocol of the published figures."""


def measure(figures: Sequence[Figure], columns: Columns, units: Sequence[str], seed: int) -> Values:
    """Figures with their 95 % intervals.

    Args:
        figures: what to measure.
        columns: the samples' counts.
        units: the place of each sample, which is resampled as a whole.
        seed: of the resampling.
    """
    lows, highs = interval(_terms(figures, columns), units, _quotients, seed)
    return {
        figure.name: {"value": _value(figure, columns), "low": low, "high": high}
        for figure, low, high in zip(figures, lows, highs, strict=True)
    }


def differences(figures: Sequence[Figure], first: Columns, second: Columns, units: Sequence[str], seed: int) -> Values:
    """By how much each figure of `second` is above that of `first`; both hold the same samples in the same order.

    The same places are drawn for both, so that what is hard for both does not widen the interval.
    """
    middle = 2 * len(figures)
    lows, highs = interval(
        np.concatenate([_terms(figures, first), _terms(figures, second)], axis=1),
        units,
        lambda sums: _quotients(sums[:, middle:]) - _quotients(sums[:, :middle]),
        seed,
    )
    found: Values = {}
    for figure, low, high in zip(figures, lows, highs, strict=True):
        one, other = _value(figure, first), _value(figure, second)
        found[figure.name] = {
            "value": None if one is None or other is None else other - one,
            "low": low,
            "high": high,
        }
    return found


def by_unit(figures: Sequence[Figure], columns: Columns, units: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """Each place's own figures, without intervals: place -> name -> value."""
    names, owners = np.unique(units, return_inverse=True)
    sums = np.zeros((len(names), 2 * len(figures)))
    np.add.at(sums, owners, _terms(figures, columns))
    with np.errstate(invalid="ignore"):
        rows = _quotients(sums)
    return {
        str(name): {figure.name: finite(torch.tensor(value)) for figure, value in zip(figures, row, strict=True)}
        for name, row in zip(names, rows, strict=True)
    }


def finite(value: Tensor) -> float | None:
    """A figure as JSON can hold it: None where there was nothing to measure."""
    return float(value) if bool(value.isfinite()) else None


def _value(figure: Figure, columns: Columns) -> float | None:
    metric = figure.metric()
    metric.update(*_arguments(figure, columns))
    return finite(metric.compute())


def _arguments(figure: Figure, columns: Columns) -> tuple[Tensor, ...]:
    counted = columns[figure.only] if figure.only else slice(None)
    return tuple(torch.as_tensor(columns[name][counted]) for name in figure.counts)


def _terms(figures: Sequence[Figure], columns: Columns) -> Floats:
    """(N, 2 figures): what each sample adds to dividend and divisor of each figure."""
    samples = len(next(iter(columns.values())))
    rows = np.zeros((samples, 2 * len(figures)))
    for place, figure in enumerate(figures):
        counted = columns[figure.only] if figure.only else slice(None)
        for offset, terms in enumerate(figure.metric().terms(*_arguments(figure, columns))):
            rows[counted, 2 * place + offset] = terms.numpy()
    return rows


def _quotients(sums: Floats) -> Floats:
    return sums[:, ::2] / sums[:, 1::2]
