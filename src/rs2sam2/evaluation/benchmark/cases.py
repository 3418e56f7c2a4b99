"""The cases that went worst and best, as pictures."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rs2sam2.evaluation.benchmark.masks import mask_name, read_mask
from rs2sam2.evaluation.benchmark.questions import Question
from rs2sam2.evaluation.benchmark.score import SampleScore
from rs2sam2.evaluation.case_pictures import case_strip
from rs2sam2.evaluation.html import Gallery, Picture

CASES = 12
_PANELS = "Image (the frame is what the rest shows), truth, answer, comparison:"


def galleries(
    questions: Sequence[Question], scores: Sequence[SampleScore], masks: Path, count: int = CASES
) -> list[Gallery]:
    """The worst and the best, from many places, so that a hard one does not fill the page.

    Args:
        questions: all of them.
        scores: of the questions, in their order.
        masks: folder of the answers.
        count: pictures in each gallery.

    Raises:
        DataError, ImageError: image, truth or answer cannot be read.
    """
    of = {question.sample: question for question in questions}
    ordered = sorted(scores, key=lambda row: (row.iou, -(row.score or 0.0), row.sample))
    worst = from_many_places(ordered, count)
    found = [row for row in ordered[::-1] if row.meant and row.iou > 0]
    best = [row for row in from_many_places(found, count) if row not in worst]
    notes = (
        "Lowest IoU, of these the surest answers first; from as many places as there are.",
        "Highest IoU of sentences that mean something; from as many places as there are.",
    )
    return [
        Gallery(title, _PANELS, [_picture(of[row.sample], row, masks) for row in some], note)
        for title, some, note in zip(("Worst cases", "Best cases"), (worst, best), notes, strict=True)
    ]


def describe(row: SampleScore) -> str:
    """IoU and what else is known of a case."""
    parts = [f"IoU {row.iou:.2f}", row.picture]
    if row.score is not None:
        parts.insert(1, f"score {row.score:.2f}")
    if not row.meant:
        parts.append("means nothing here")
    if not row.found:
        parts.append("said to be absent")
    return ", ".join(parts)


def from_many_places(scores: Sequence[SampleScore], count: int) -> list[SampleScore]:
    """`count` of these in their order: the first of each place, then the second of each, and so on."""
    seen: Counter[str] = Counter()
    turns = []
    for row in scores:
        turns.append(seen[row.place])
        seen[row.place] += 1
    chosen = sorted(range(len(scores)), key=turns.__getitem__)[:count]
    return [scores[index] for index in sorted(chosen)]


def _picture(question: Question, row: SampleScore, masks: Path) -> Picture:
    sample = question.read()
    answer = read_mask(masks / mask_name(row.sample), sample.mask.shape)
    return Picture(case_strip(sample.image, sample.mask, [answer]), row.sentence, describe(row))
