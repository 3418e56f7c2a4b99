"""Does it know when nothing is meant? Figures over questions whose thing is there or verified not to be."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from rs2sam2.evaluation.bootstrap import Floats, interval
from rs2sam2.evaluation.diagnosis.predict import Answer, Question
from rs2sam2.evaluation.diagnosis.words_only import words_only
from rs2sam2.evaluation.figures import finite
from rs2sam2.evaluation.metrics import BalancedPresenceAccuracy, NoTargetAccuracy, TargetAccuracy

Figures = dict[str, Any]


@dataclass(frozen=True)
class PresenceQuestion:
    """A question with the truth about whether its thing is there.

    Attributes:
        question: what is asked.
        present: the truth.
        unit: the place that is resampled as a whole.
        reason: why the thing is absent ("class", "colour", "place"), or the kind of sentence; empty where present.
        area: the part of the world, where the set names it.
    """

    question: Question
    present: bool
    unit: str
    reason: str = ""
    area: str = ""


@dataclass(frozen=True)
class Pair:
    """One sentence, asked where its thing is and where it is not.

    Attributes:
        there, absent: the two questions.
        groups: name of a division ("kind", "class") -> the part to which the pair belongs.
        share: of the picture, that the thing covers; None where it is not known.
    """

    there: PresenceQuestion
    absent: PresenceQuestion
    groups: Mapping[str, str] = field(default_factory=dict)
    share: float | None = None


def presence_summary(asked: Sequence[PresenceQuestion], answers: dict[Question, Answer], seed: int) -> Figures:
    """Balanced, target and no-target accuracy with 95 % intervals, beside the baseline that reads only the sentence.

    Returns:
        Fractions 0..1: "balanced_accuracy", "target_accuracy", "no_target_accuracy" as {"value", "low", "high"},
        "words_only_balanced_accuracy", "no_target_accuracy_by_reason", and counts.
    """
    truths = [question.present for question in asked]
    said = [answers[question.question].present for question in asked]
    true, calls = torch.tensor(truths), torch.tensor(said)
    names = ("balanced_accuracy", "target_accuracy", "no_target_accuracy")
    rows = np.array(
        [[truth, truth and call, not truth, not truth and not call] for truth, call in zip(truths, said, strict=True)],
        dtype=np.float64,
    )
    lows, highs = interval(rows, [question.unit for question in asked], _accuracies, seed)
    figures: Figures = {
        "questions": len(asked),
        "pictures": len({question.question.picture for question in asked}),
        "sentences": len({question.question.sentence for question in asked}),
    }
    metrics = (BalancedPresenceAccuracy(), TargetAccuracy(), NoTargetAccuracy())
    for name, metric, low, high in zip(names, metrics, lows, highs, strict=True):
        metric.update(calls, true)
        figures[name] = {"value": finite(metric.compute()), "low": low, "high": high}
    guesses = torch.from_numpy(words_only([question.question.sentence for question in asked], truths))
    words = BalancedPresenceAccuracy()
    words.update(guesses, true)
    figures["words_only_balanced_accuracy"] = finite(words.compute())
    figures["no_target_accuracy_by_reason"] = {
        reason: _accuracy([not answers[question.question].present for question in asked if question.reason == reason])
        for reason in sorted({question.reason for question in asked if not question.present})
    }
    return figures


def pair_summary(pairs: Sequence[Pair], answers: dict[Question, Answer], seed: int) -> Figures:
    """As `presence_summary`, over pairs, and with two more figures.

    "both_right" is the share of pairs in which both answers are right. "area_only_balanced_accuracy" is what somebody
    would reach who knows nothing but the area of each picture and how often the truth is "present" there.
    """
    asked = [question for pair in pairs for question in (pair.there, pair.absent)]
    both = [answers[pair.there.question].present and not answers[pair.absent.question].present for pair in pairs]
    figures = presence_summary(asked, answers, seed)
    if any(question.area for question in asked):
        figures["area_only_balanced_accuracy"] = _area_only(asked)
    return {"pairs": len(pairs), "both_right": sum(both) / len(both)} | figures


def _area_only(asked: Sequence[PresenceQuestion]) -> float:
    """On pairs both truths are equally many, so the plain accuracy of the better guess in each area is balanced."""
    there = Counter(question.area for question in asked if question.present)
    absent = Counter(question.area for question in asked if not question.present)
    return sum(max(there[area], absent[area]) for area in there | absent) / len(asked)


def _accuracy(right: Sequence[bool]) -> Figures:
    return {"count": len(right), "value": sum(right) / len(right)}


def _accuracies(sums: Floats) -> Floats:
    target, no_target = sums[:, 1] / sums[:, 0], sums[:, 3] / sums[:, 2]
    return np.stack([(target + no_target) / 2, target, no_target], axis=1)
