"""Asking a trained run everything, and what is kept of its answers: counts for each question, no figures yet."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, TypeVar

from rs2sam2.ablation.parts import CLICKS
from rs2sam2.evaluation.diagnosis.clicks import correct
from rs2sam2.evaluation.diagnosis.predict import Question
from rs2sam2.evaluation.diagnosis.presence import Pair, PresenceQuestion
from rs2sam2.evaluation.diagnosis.scores import Target
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.presence import early_presence, p_present
from rs2sam2.inference.segmenter import LARGEST_BATCH, Segmenter

T = TypeVar("T", Target, PresenceQuestion)
Columns = dict[str, Any]


class Questions(Protocol):
    """What is asked."""

    targets: list[Target]
    single: list[Target]
    pairs: list[Pair]
    sha256: str

    def open(self, picture: str) -> RasterImage: ...  # noqa: D102


def answered(segmenter: Segmenter, asked: dict[str, Questions], corrected: int) -> dict[str, Columns]:
    """Ask all questions.

    Args:
        segmenter: the model.
        asked: by where they are from, such as "real".
        corrected: so many answers about one thing, spread evenly, are corrected by clicks.

    Returns:
        For each part (`rs2sam2.ablation.parts`) that has questions: "sha256" of what was asked, "units" (the place of
        each question), and a column for each count that its figures take.
    """
    found: dict[str, Columns] = {}
    for origin, questions in asked.items():
        some = questions.single[:: max(1, len(questions.single) // corrected)][:corrected] if corrected else []
        drawn = masks(segmenter, questions)
        parts = {
            origin: drawn,
            f"{origin}_several": about_several(drawn, questions),
            f"{origin}_pairs": presence(segmenter, questions) if questions.pairs else None,
            f"{origin}_clicks": clicks(segmenter, questions, some) if some else None,
        }
        found |= {name: {"sha256": questions.sha256, **columns} for name, columns in parts.items() if columns}
    return found


def masks(segmenter: Segmenter, questions: Questions) -> Columns:
    """Pixels that are meant and said, cut at 0.5 whatever the object score says, since the paper refuses nothing."""
    counts: list[tuple[int, int]] = []
    for targets in _batches(questions.targets):
        for target, answer in zip(targets, segmenter.answers(_opened(questions, targets)), strict=True):
            meant, said = target.mask.mask, answer.probability > 0.5
            counts.append((int((meant & said).sum()), int((meant | said).sum())))
    intersection, union = zip(*counts, strict=True)
    return {"units": _units(questions.targets), "intersection": intersection, "union": union}


def about_several(drawn: Columns, questions: Questions) -> Columns | None:
    """Of what `masks` found, the rows of targets that are several things; None where there are none."""
    single = {id(target) for target in questions.single}
    rows = [row for row, target in enumerate(questions.targets) if id(target) not in single]
    return {name: [column[row] for row in rows] for name, column in drawn.items()} if rows else None


def presence(segmenter: Segmenter, questions: Questions) -> Columns:
    """Of both halves of every pair: whether the score is right, and whether it is higher where the thing is."""
    halves = [half for pair in questions.pairs for half in (pair.there, pair.absent)]
    late: dict[Question, float] = {}
    early: dict[Question, float] = {}
    for some in _batches(halves):
        for half, output in zip(some, segmenter.outputs(_opened(questions, some)), strict=True):
            late[half.question] = p_present(output, "object_score", 0.0)
            early[half.question] = float(early_presence(output))

    def ranked(scores: dict[Question, float]) -> list[bool]:
        return [
            scores[pair.there.question] > scores[pair.absent.question] for pair in questions.pairs for _ in range(2)
        ]

    return {
        "units": _units(halves),
        "there": [half.present for half in halves],
        "right": [(late[half.question] > 0.5) == half.present for half in halves],
        "ranked": ranked(late),
        "ranked_early": ranked(early),
    }


def clicks(segmenter: Segmenter, questions: Questions, targets: Sequence[Target]) -> Columns:
    """Pixels as users get them, to the words alone and after each corrective click."""
    found = correct(segmenter, targets, questions.open, CLICKS, "correcting")
    columns: Columns = {"units": _units(targets)}
    for count in range(CLICKS + 1):
        columns[f"intersection_{count}"] = [one.by_clicks[count].intersection for one in found]
        columns[f"union_{count}"] = [one.by_clicks[count].union for one in found]
    return columns


def _opened(questions: Questions, some: Sequence[Target] | Sequence[PresenceQuestion]) -> list[tuple[RasterImage, str]]:
    images = {one.question.picture: questions.open(one.question.picture) for one in some}
    return [(images[one.question.picture], one.question.sentence) for one in some]


def _units(some: Sequence[Target] | Sequence[PresenceQuestion]) -> list[str]:
    return [one.unit for one in some]


def _batches(some: Sequence[T]) -> Iterator[Sequence[T]]:
    return (some[start : start + LARGEST_BATCH] for start in range(0, len(some), LARGEST_BATCH))
