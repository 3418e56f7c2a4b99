"""Answers about pictures whose truth is known: the training split of a data set, and rendered scenes."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rs2sam2.config import OneThing, Presence
from rs2sam2.data.real_scenes import scenes_by_image
from rs2sam2.errors import DataError
from rs2sam2.evaluation.calibration.choose import Known, ious
from rs2sam2.evaluation.diagnosis.colour_pairs import colour_pairs
from rs2sam2.evaluation.diagnosis.predict import Question
from rs2sam2.evaluation.diagnosis.presence import Pair, PresenceQuestion
from rs2sam2.evaluation.diagnosis.real_set import RealSet
from rs2sam2.evaluation.diagnosis.rendered_set import RenderedSet
from rs2sam2.evaluation.diagnosis.scores import Target
from rs2sam2.evaluation.progress import bar
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.presence import sources
from rs2sam2.inference.segmenter import Segmenter

Scores = dict[Presence, float]
"""P(present) by where it comes from."""


def real(segmenter: Segmenter, root: Path, split: str, seed: int) -> Known:
    """Ask about a split of a data set in the RRSIS-D layout; without pairs of its own, its absent things are asked.

    Raises:
        DataError: if the data is missing or broken, or has nothing that is absent.
    """
    data = RealSet(root, split)
    targets = [*data.single, *data.group]
    scenes = scenes_by_image(data.refer, split) if data.has_outlines else {}
    pairs = colour_pairs(targets, data.absent, scenes, seed) if data.absent and scenes else []
    there = [PresenceQuestion(target.question, True, target.unit) for target in targets]
    halves = _halves(pairs) if pairs else [*there, *data.absent]
    if not targets or all(half.present for half in halves):
        raise DataError(f"{root}: split {split!r} says of nothing that it is absent: presence cannot be calibrated")
    return _ask(segmenter, targets, halves, data.open, f"{split} split")


def rendered(segmenter: Segmenter, scenes: int, seed: int) -> Known:
    """Ask about held-out rendered scenes; another seed than that of a measurement gives other scenes."""
    drawn = RenderedSet(scenes, seed)
    return _ask(segmenter, drawn.targets, _halves(drawn.pairs), drawn.open, "rendered scenes")


def _halves(pairs: Sequence[Pair]) -> list[PresenceQuestion]:
    return [half for pair in pairs for half in (pair.there, pair.absent)]


def _ask(
    segmenter: Segmenter,
    targets: Sequence[Target],
    halves: Sequence[PresenceQuestion],
    open_picture: Callable[[str], RasterImage],
    title: str,
) -> Known:
    """Every question once, picture by picture; of a probability map only its scores are kept."""
    meant = {target.question: target.mask for target in targets}
    by_picture: dict[str, list[Question]] = defaultdict(list)
    for question in dict.fromkeys([*meant, *(half.question for half in halves)]):
        by_picture[question.picture].append(question)
    scores: list[dict[OneThing, NDArray[np.float64]]] = []
    found: list[Scores] = []
    by_question: dict[Question, Scores] = {}
    with bar() as progress:
        for picture, questions in progress.track(by_picture.items(), description=title):
            image = open_picture(picture)
            outputs = segmenter.outputs([(image, question.sentence) for question in questions])
            for question, output in zip(questions, outputs, strict=True):
                answer = segmenter.answer(image, question.sentence, output)
                by_question[question] = sources(output, float(answer.probability.max()))
                if question in meant:
                    scores.append(ious(answer.probability, meant[question].mask, question.sentence))
                    found.append(by_question[question])
    there, absent = (
        [by_question[half.question] for half in halves if half.present is truth] for truth in (True, False)
    )
    return Known(scores, _by_source(found), _by_source(there), _by_source(absent))


def _by_source(found: Sequence[Scores]) -> dict[Presence, list[float]]:
    return {source: [one[source] for one in found] for source in found[0]}
