"""Which cut of the mask and of P(present) serves best, on answers whose truth is known.

Shapes: H, W height and width of the user's image in pixels; T mask thresholds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from rs2sam2.config import Decision, OneThing, Presence
from rs2sam2.inference.one_thing import cut

MASK_THRESHOLDS = tuple(round(0.20 + 0.05 * step, 2) for step in range(13))
PRESENCE_THRESHOLDS = tuple(round(0.05 + 0.01 * step, 2) for step in range(91))
NOISE = 0.005
"""What lies this close to the best is as good: the standard error of a paired difference over some 600 sentences."""
_RULES: tuple[OneThing, ...] = get_args(OneThing)

Figures = dict[str, Any]


def ious(
    probability: NDArray[np.float32], target: NDArray[np.bool_], expression: str
) -> dict[OneThing, NDArray[np.float64]]:
    """IoU (T,) of one answer at every mask threshold, by what answers an expression that means one thing.

    Args:
        probability: (H, W) in 0..1.
        target: (H, W), what is meant.
        expression: its words.
    """
    return {
        rule: np.array(
            [
                _iou(cut(probability, expression, Decision(mask_threshold=threshold, one_thing=rule)), target)
                for threshold in MASK_THRESHOLDS
            ]
        )
        for rule in _RULES
    }


@dataclass(frozen=True)
class Known:
    """Answers about one set of pictures.

    Attributes:
        ious: of each sentence that means something, as `ious` gives them.
        p_present: P(present), 0..1, of each of these sentences, by where it comes from.
        there: the same of each pair of pictures where the thing is there.
        absent: and where it is not.
    """

    ious: Sequence[Mapping[OneThing, NDArray[np.float64]]]
    p_present: Mapping[Presence, Sequence[float]]
    there: Mapping[Presence, Sequence[float]]
    absent: Mapping[Presence, Sequence[float]]


def choose(sets: Mapping[str, Known], before: Decision) -> tuple[Decision, Figures]:
    """The decision with the highest sum of mean IoU and balanced accuracy of presence; each set counts the same.

    A thing that is there and refused has IoU 0, so that refusing is worth it only where it helps more than it costs. Of
    what is as good as the best (`NOISE`), the one that lies closest to `before` is taken.

    Args:
        sets: by name, each with at least one sentence and one pair, all with the same sources of P(present).
        before: what is set now.

    Returns:
        The decision, and what the choices were worth, fractions 0..1, the others as chosen: "mean_iou" by rule
        and mask threshold; "by_presence" with "mean_iou" and "balanced_accuracy" by presence threshold; "by_source",
        the highest balanced accuracy by where P(present) comes from.
    """
    sources: list[Presence] = [*next(iter(sets.values())).there]
    worth = {
        (source, rule): np.mean([_mean_iou(known, source, rule) for known in sets.values()], axis=0)
        for source in sources
        for rule in _RULES
    }
    balanced = {source: np.mean([_balanced(known, source) for known in sets.values()], axis=0) for source in sources}
    options = [
        replace(before, one_thing=rule, mask_threshold=mask, presence=source, presence_threshold=presence)
        for source, rule in worth
        for mask in MASK_THRESHOLDS
        for presence in PRESENCE_THRESHOLDS
    ]
    sums = np.concatenate([(iou + balanced[source]).ravel() for (source, _), iou in worth.items()])
    best = max(
        (options[place] for place in np.flatnonzero(sums >= sums.max() - NOISE)),
        key=lambda option: (
            option.presence == before.presence,
            option.one_thing == before.one_thing,
            -abs(option.mask_threshold - before.mask_threshold)
            - abs(option.presence_threshold - before.presence_threshold),
        ),
    )
    mask = MASK_THRESHOLDS.index(best.mask_threshold)
    presence = PRESENCE_THRESHOLDS.index(best.presence_threshold)
    chosen = {rule: values for (source, rule), values in worth.items() if source == best.presence}
    return best, {
        "mean_iou": {rule: _named(MASK_THRESHOLDS, values[:, presence]) for rule, values in chosen.items()},
        "by_presence": {
            "mean_iou": _named(PRESENCE_THRESHOLDS, chosen[best.one_thing][mask]),
            "balanced_accuracy": _named(PRESENCE_THRESHOLDS, balanced[best.presence]),
        },
        "by_source": {source: round(float(values.max()), 4) for source, values in balanced.items()},
    }


def _mean_iou(known: Known, source: Presence, rule: OneThing) -> NDArray[np.float64]:
    """Of every mask threshold (rows) and presence threshold (columns)."""
    found = np.stack([one[rule] for one in known.ious])
    kept = np.array(known.p_present[source])[:, None] >= np.array(PRESENCE_THRESHOLDS)
    mean: NDArray[np.float64] = found.T @ kept / len(found)
    return mean


def _balanced(known: Known, source: Presence) -> NDArray[np.float64]:
    thresholds = np.array(PRESENCE_THRESHOLDS)[:, None]
    kept = (np.array(known.there[source]) >= thresholds).mean(axis=1)
    refused = (np.array(known.absent[source]) < thresholds).mean(axis=1)
    balanced: NDArray[np.float64] = (kept + refused) / 2
    return balanced


def _named(thresholds: Sequence[float], values: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(map(str, thresholds), values.round(4).tolist(), strict=True))


def _iou(mask: NDArray[np.bool_], target: NDArray[np.bool_]) -> float:
    union = np.count_nonzero(mask | target)
    return np.count_nonzero(mask & target) / union if union else 0.0
