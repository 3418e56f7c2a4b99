"""Asking a model what users would ask it: through `Segmenter`, with the weights' own thresholds, image by image.

Shapes: H, W height and width of the image in pixels.
"""

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from rs2sam2.evaluation.progress import bar
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.language import LanguageWarning
from rs2sam2.inference.segmentation import Segmentation
from rs2sam2.inference.segmenter import Segmenter


class Question(NamedTuple):
    """A sentence about a picture, which is named by its path or number."""

    picture: str
    sentence: str


@dataclass(frozen=True)
class PackedMask:
    """A mask in one bit a pixel, so that thousands of them fit into memory.

    Attributes:
        shape: H, W.
        bits: rows one after the other, as `numpy.packbits` has them.
    """

    shape: tuple[int, int]
    bits: bytes

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> Self:
        """Pack a mask (H, W)."""
        height, width = mask.shape
        return cls((height, width), np.packbits(mask).tobytes())

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W), unpacked."""
        height, width = self.shape
        flat = np.unpackbits(np.frombuffer(self.bits, dtype=np.uint8), count=height * width)
        return flat.reshape(height, width).astype(bool)


@dataclass(frozen=True)
class Answer:
    """What a user would get for a question.

    Attributes:
        found: the mask at the image's own size; empty where the thing is said to be absent.
        present, p_present, predicted_iou, score: as in `Segmentation`.
    """

    found: PackedMask
    present: bool
    p_present: float
    predicted_iou: float
    score: float

    @classmethod
    def of(cls, answer: Segmentation) -> Self:
        """Keep what is measured."""
        return cls(PackedMask.of(answer.mask), answer.present, answer.p_present, answer.predicted_iou, answer.score)


def ask(
    segmenter: Segmenter, questions: Iterable[Question], open_picture: Callable[[str], RasterImage], title: str
) -> dict[Question, Answer]:
    """Answer questions; each picture is opened and prepared once, its sentences run together.

    Args:
        segmenter: the model.
        questions: in any order; a question that comes twice is asked once.
        open_picture: from a picture's name to its pixels.
        title: what the progress bar says.
    """
    sentences: dict[str, list[str]] = defaultdict(list)
    for question in dict.fromkeys(questions):
        sentences[question.picture].append(question.sentence)
    answers: dict[Question, Answer] = {}
    with bar() as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore", LanguageWarning)  # whatever the words, what counts is the answer
        task = progress.add_task(title, total=sum(map(len, sentences.values())))
        for picture, asked in sentences.items():
            for sentence, answer in zip(asked, segmenter(open_picture(picture), asked), strict=True):
                answers[Question(picture, sentence)] = Answer.of(answer)
            progress.advance(task, len(asked))
    return answers
