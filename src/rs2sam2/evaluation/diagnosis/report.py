"""One run, one report: every figure from the same weights, data and seed, with the answers that users get."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from rs2sam2.data.real_scenes import scenes_by_image
from rs2sam2.data.scene import Scene
from rs2sam2.errors import DataError
from rs2sam2.evaluation.diagnosis.baselines import truth_baselines
from rs2sam2.evaluation.diagnosis.colour_pairs import colour_pairs
from rs2sam2.evaluation.diagnosis.predict import Answer, Question, ask
from rs2sam2.evaluation.diagnosis.presence import Pair, PresenceQuestion, pair_summary, presence_summary
from rs2sam2.evaluation.diagnosis.real_set import RealSet, swapped
from rs2sam2.evaluation.diagnosis.rendered_set import RenderedSet
from rs2sam2.evaluation.diagnosis.scores import Case, Target, by_size, calibration, compare, mean_drop, summary
from rs2sam2.inference.segmenter import Segmenter

FORMAT = 1
Figures = dict[str, Any]


@dataclass(frozen=True)
class Evaluation:
    """Figures, and the single-object cases of the real split for pictures.

    Attributes:
        sections: name of the section -> figures, ready for JSON.
        cases: of the sentences that mean one thing.
        real: the data they are from; None without real data.
    """

    sections: Figures = field(default_factory=dict)
    cases: Sequence[Case] = ()
    real: RealSet | None = None


def measure(segmenter: Segmenter, root: Path | None, split: str, rendered: int, seed: int) -> Evaluation:
    """Measure a model.

    Args:
        segmenter: with the weights and their own thresholds.
        root: folder of a data set (`RealSet`), or None for rendered scenes alone.
        split: of the data set.
        rendered: number of held-out rendered scenes; 0 for none.
        seed: of every choice: swapped sentences, pairs, rendered scenes and resampling.

    Returns:
        Sections "data", "single", "group", "swapped", "no_target", "baselines", "rendered", "presence",
        "calibration" and "seconds", as far as there is data for them.

    Raises:
        DataError: if the data is missing or broken, or there is nothing to measure.
    """
    if rendered == 1:
        raise DataError("--rendered 1: pairs need two scenes: give 0 for none, or more")
    if root is None and rendered == 0:
        raise DataError("nothing to measure: give --root, or rendered scenes")
    start = perf_counter()
    sections: Figures = {}
    presence: dict[str, list[Pair]] = {}
    answers: dict[Question, Answer] = {}
    calibrated: Figures = {}
    real, cases = None, []
    if root is not None:
        real = RealSet(root, split)
        cases = _real(segmenter, real, seed, sections, presence, answers)
        calibrated["single"] = _calibration(cases)
        if real.absent:
            calibrated["single and no target"] = _calibration(cases, [answers[one.question] for one in real.absent])
    if rendered:
        calibrated["rendered"] = _calibration(_rendered(segmenter, rendered, seed, sections, presence, answers))
    if len(presence) > 1:
        presence["real and rendered"] = [pair for pairs in presence.values() for pair in pairs]
    sections["presence"] = {name: pair_summary(pairs, answers, seed) for name, pairs in presence.items() if pairs}
    sections["calibration"] = calibrated
    sections["seconds"] = round(perf_counter() - start, 1)
    return Evaluation(sections, cases, real)


def _real(
    segmenter: Segmenter,
    real: RealSet,
    seed: int,
    sections: Figures,
    presence: dict[str, list[Pair]],
    answers: dict[Question, Answer],
) -> list[Case]:
    """Fill in what the real split gives; return the single-object cases."""
    targets = [*real.single, *real.group]
    exchanged = swapped(real.single, seed)
    scenes: Mapping[str, Scene] = scenes_by_image(real.refer, real.split) if real.has_outlines else {}
    presence["real"] = colour_pairs(targets, real.absent, scenes, seed) if real.absent and scenes else []
    questions = [target.question for target in targets] + [one.question for one in real.absent]
    questions += _asked(presence["real"])
    answers |= ask(segmenter, questions, real.open, f"{real.split} split")

    cases = _compared(real.single, answers)
    sections["data"] = {
        "split": real.split,
        "sha256_of_annotations": real.checksum,
        "pictures": len({target.question.picture for target in targets}),
    }
    sections["single"] = summary(cases, seed, ("kind", "area")) | {"by_size": by_size(cases, seed)}
    if real.group:
        sections["group"] = summary(_compared(real.group, answers), seed, ("kind",))
    if exchanged:
        sections["swapped"] = _swapped(exchanged, answers, seed)
    if real.absent:
        there = [PresenceQuestion(target.question, True, target.unit) for target in real.single]
        sections["no_target"] = presence_summary([*there, *real.absent], answers, seed)
    if scenes:
        baselines = truth_baselines(real.single, scenes)
        sections["baselines"] = {name: summary(some, seed) for name, some in baselines.items()}
    return cases


def _rendered(
    segmenter: Segmenter,
    count: int,
    seed: int,
    sections: Figures,
    presence: dict[str, list[Pair]],
    answers: dict[Question, Answer],
) -> list[Case]:
    """Fill in what rendered scenes give; return the single-object cases."""
    drawn = RenderedSet(count, seed)
    presence["rendered"] = drawn.pairs
    questions = [target.question for target in drawn.targets] + _asked(drawn.pairs)
    answers |= ask(segmenter, questions, drawn.open, "rendered scenes")
    sections["rendered"] = {"scenes": count}
    for of in ("single", "group"):
        cases = _compared([target for target in drawn.targets if target.groups["of"] == of], answers)
        if cases:
            sections["rendered"][of] = summary(cases, seed, ("class",))
    return _compared([target for target in drawn.targets if target.groups["of"] == "single"], answers)


def _swapped(exchanged: Sequence[tuple[Target, Question]], answers: Mapping[Question, Answer], seed: int) -> Figures:
    """The same targets, scored with their own sentence and with one that means another thing of the picture."""
    own = [compare(target, answers[target.question]) for target, _ in exchanged]
    other = [compare(target, answers[question]) for target, question in exchanged]
    return {
        "count": len(exchanged),
        "mean_iou_own_sentence": summary(own, seed)["mean_iou"],
        "mean_iou_swapped_sentence": summary(other, seed)["mean_iou"],
        "drop": mean_drop(own, other, seed),
    }


def _calibration(cases: Sequence[Case], absent: Sequence[Answer] = ()) -> Figures:
    """Of the score, and of the predicted IoU alone; where nothing is meant, the IoU to foretell is 0."""
    answers = [case.answer for case in cases] + list(absent)
    ious = [case.iou for case in cases] + [0.0] * len(absent)
    return {
        "count": len(answers),
        "expected_calibration_error_of_score_against_iou": calibration([answer.score for answer in answers], ious),
        "expected_calibration_error_of_predicted_iou_against_iou": calibration(
            [answer.predicted_iou for answer in answers], ious
        ),
    }


def _compared(targets: Sequence[Target], answers: Mapping[Question, Answer]) -> list[Case]:
    return [compare(target, answers[target.question]) for target in targets]


def _asked(pairs: Sequence[Pair]) -> list[Question]:
    return [question.question for pair in pairs for question in (pair.there, pair.absent)]
