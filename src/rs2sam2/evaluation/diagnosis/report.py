"""One run, one report: every figure from the same weights, data and seed, with the answers that users get."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from time import perf_counter
from typing import Any

from rs2sam2.data.real_scenes import scenes_by_image
from rs2sam2.data.scene import Scene
from rs2sam2.errors import DataError
from rs2sam2.evaluation.diagnosis.baselines import truth_baselines
from rs2sam2.evaluation.diagnosis.clicks import clicks_summary, correct
from rs2sam2.evaluation.diagnosis.colour_pairs import colour_pairs
from rs2sam2.evaluation.diagnosis.predict import Answer, Question, ask
from rs2sam2.evaluation.diagnosis.presence import Pair, PresenceQuestion, pair_summary, presence_summary
from rs2sam2.evaluation.diagnosis.real_set import RealSet, swapped
from rs2sam2.evaluation.diagnosis.rendered_set import RenderedSet
from rs2sam2.evaluation.diagnosis.scores import Case, Target, by_size, calibration, compare, mean_gain, summary
from rs2sam2.inference.images import RasterImage
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


def measure(
    segmenter: Segmenter, root: Path | None, split: str, rendered: int, seed: int, clicks: int = 0
) -> Evaluation:
    """Measure a model.

    Args:
        segmenter: with the weights and their own thresholds.
        root: folder of a data set (`RealSet`), or None for rendered scenes alone.
        split: of the data set.
        rendered: number of held-out rendered scenes; 0 for none.
        seed: of every choice: swapped sentences, pairs, rendered scenes and resampling.
        clicks: with which a simulated user corrects each answer; 0 leaves this out.

    Returns:
        Sections "data", "single", "group", "swapped", "no_target", "baselines", "rendered", "presence",
        "calibration", "clicks" and "seconds", as far as there is data for them.

    Raises:
        DataError: if the data is missing or broken, or there is nothing to measure.
    """
    if rendered == 1:
        raise DataError("--rendered 1: pairs need two scenes: give 0 for none, or more")
    if root is None and rendered == 0:
        raise DataError("nothing to measure: give --root, or rendered scenes")
    start = perf_counter()
    sections: Figures = {}
    said = _Answers(segmenter)
    presence: dict[str, list[Pair]] = {}
    calibrated: Figures = {}
    real: RealSet | None = None
    cases: list[Case] = []
    corrected: Figures = {}
    if root is not None:
        real = RealSet(root, split)
        cases, presence["real"] = _real(real, said, seed, sections)
        if clicks:
            asked = {"real, single object": real.single, "real, group": real.group}
            corrected |= _clicks(segmenter, asked, real.open, clicks, seed)
        calibrated["single"] = _calibration(cases)
        if real.absent:
            calibrated["single and no target"] = _calibration(cases, [said.to[one.question] for one in real.absent])
    if rendered:
        scenes = RenderedSet(rendered, seed)
        drawn, presence["rendered"] = _rendered(scenes, said, seed, sections)
        if clicks:
            asked = {"rendered, single object": _of(scenes, "single"), "rendered, group": _of(scenes, "group")}
            corrected |= _clicks(segmenter, asked, scenes.open, clicks, seed)
        calibrated["rendered"] = _calibration(drawn)
    if len(presence) > 1:
        presence["real and rendered"] = [pair for pairs in presence.values() for pair in pairs]
    sections["presence"] = {name: pair_summary(pairs, said.to, seed) for name, pairs in presence.items() if pairs}
    sections["calibration"] = calibrated
    if corrected:
        sections["clicks"] = corrected
    sections["seconds"] = round(perf_counter() - start, 1)
    return Evaluation(sections, cases, real)


class _Answers:
    """What was asked so far, and the answers to it (`to`)."""

    def __init__(self, segmenter: Segmenter) -> None:
        self._segmenter = segmenter
        self.to: dict[Question, Answer] = {}

    def ask(
        self,
        asked: Iterable[Target | PresenceQuestion],
        pairs: Sequence[Pair],
        open_picture: Callable[[str], RasterImage],
        title: str,
    ) -> None:
        """Ask about targets, about absent things, and both halves of pairs."""
        halves = (half for pair in pairs for half in (pair.there, pair.absent))
        self.to |= ask(self._segmenter, [one.question for one in chain(asked, halves)], open_picture, title)

    def cases(self, targets: Iterable[Target]) -> list[Case]:
        """Targets beside their answers."""
        return [compare(target, self.to[target.question]) for target in targets]


def _real(real: RealSet, said: _Answers, seed: int, sections: Figures) -> tuple[list[Case], list[Pair]]:
    """Fill in what the real split gives; return its single-object cases and its pairs."""
    targets = [*real.single, *real.group]
    exchanged = swapped(real.single, seed)
    scenes: Mapping[str, Scene] = scenes_by_image(real.refer, real.split) if real.has_outlines else {}
    pairs = colour_pairs(targets, real.absent, scenes, seed) if real.absent and scenes else []
    said.ask([*targets, *real.absent], pairs, real.open, f"{real.split} split")

    cases = said.cases(real.single)
    sections["data"] = {
        "split": real.split,
        "sha256_of_annotations": real.checksum,
        "pictures": len({target.question.picture for target in targets}),
    }
    sections["single"] = summary(cases, seed, ("kind", "area")) | {"by_size": by_size(cases, seed)}
    if real.group:
        sections["group"] = summary(said.cases(real.group), seed, ("kind",))
    if exchanged:
        sections["swapped"] = _swapped(exchanged, said.to, seed)
    if real.absent:
        there = [PresenceQuestion(target.question, True, target.unit) for target in real.single]
        sections["no_target"] = presence_summary([*there, *real.absent], said.to, seed)
    if scenes:
        baselines = truth_baselines(real.single, scenes)
        sections["baselines"] = {name: summary(some, seed) for name, some in baselines.items()}
    return cases, pairs


def _rendered(drawn: RenderedSet, said: _Answers, seed: int, sections: Figures) -> tuple[list[Case], list[Pair]]:
    """Fill in what rendered scenes give; return their single-object cases and their pairs."""
    said.ask(drawn.targets, drawn.pairs, drawn.open, "rendered scenes")
    cases = {of: said.cases(_of(drawn, of)) for of in ("single", "group")}
    sections["rendered"] = {"scenes": drawn.count}
    sections["rendered"] |= {of: summary(some, seed, ("class",)) for of, some in cases.items() if some}
    return cases["single"], drawn.pairs


def _of(drawn: RenderedSet, of: str) -> list[Target]:
    return [target for target in drawn.targets if target.groups["of"] == of]


def _clicks(
    segmenter: Segmenter,
    asked: Mapping[str, Sequence[Target]],
    open_picture: Callable[[str], RasterImage],
    clicks: int,
    seed: int,
) -> Figures:
    """What corrections by hand make of the answers, for each set that has targets; a target that vanished has none."""
    seen = {name: [target for target in targets if any(target.mask.bits)] for name, targets in asked.items()}
    return {
        name: clicks_summary(correct(segmenter, targets, open_picture, clicks, f"correcting: {name}"), seed)
        for name, targets in seen.items()
        if targets
    }


def _swapped(exchanged: Sequence[tuple[Target, Question]], answers: Mapping[Question, Answer], seed: int) -> Figures:
    """The same targets, scored with their own sentence and with one that means another thing of the picture."""
    own = [compare(target, answers[target.question]) for target, _ in exchanged]
    other = [compare(target, answers[question]) for target, question in exchanged]
    return {
        "count": len(exchanged),
        "mean_iou_own_sentence": summary(own, seed)["mean_iou"],
        "mean_iou_swapped_sentence": summary(other, seed)["mean_iou"],
        "drop": mean_gain(other, own, seed),
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
