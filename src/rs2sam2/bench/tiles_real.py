"""Questions to the pictures of a real data set, each as if it were a tile: for `rs2sam2 bench tiles --root`."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from rs2sam2.bench.tiles_dropped import COVERED, Asked
from rs2sam2.evaluation.diagnosis.predict import PackedMask, Question
from rs2sam2.evaluation.diagnosis.real_set import RealSet
from rs2sam2.inference.presence import early_presence
from rs2sam2.inference.segmenter import Segmenter


def ask_real(segmenter: Segmenter, root: Path, split: str) -> list[Asked]:
    """Every sentence of a split to its own picture; what a sentence means, one thing or several, counts as one.

    Args:
        segmenter: that is asked.
        root: of a data set in the REFER layout, see `RealSet`.
        split: train, val or test.

    Raises:
        DataError, ImageError: the set is missing or damaged.
    """
    real = RealSet(root, split)
    meant: dict[Question, PackedMask | None] = {there.question: there.mask for there in (*real.single, *real.group)}
    meant |= {absent.question: None for absent in real.absent}
    return [one for picture, some in _by_picture(meant) for one in _ask(segmenter, real, picture, some)]


def _by_picture(
    meant: dict[Question, PackedMask | None],
) -> Iterator[tuple[str, list[tuple[str, PackedMask | None]]]]:
    for picture, some in groupby(sorted(meant), key=lambda question: question.picture):
        yield picture, [(question.sentence, meant[question]) for question in some]


def _ask(
    segmenter: Segmenter, real: RealSet, picture: str, meant: list[tuple[str, PackedMask | None]]
) -> Iterator[Asked]:
    image = real.open(picture)
    questions = [(image, sentence) for sentence, _ in meant]
    for (sentence, thing), output in zip(meant, segmenter.outputs(questions), strict=True):
        found = 0
        if thing is not None:
            found = int(segmenter.answer(image, sentence, output).mask[thing.mask].mean() >= COVERED)
        yield Asked(float(early_presence(output)[0]), thing is not None, found)
