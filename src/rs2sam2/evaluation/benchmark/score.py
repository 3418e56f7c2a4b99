"""A sample's answer against its truth: whole numbers, from which every figure is made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rs2sam2.data.sample import Sample
from rs2sam2.evaluation.benchmark.answers import Answer
from rs2sam2.evaluation.benchmark.questions import Question
from rs2sam2.evaluation.boundary import Mask, boundary_matches, boundary_overlap
from rs2sam2.evaluation.figures import PAPER_SIDE, Columns


@dataclass(frozen=True)
class SampleScore:
    """One row of the samples' table; counts are pixels.

    Attributes:
        sample, picture, place, sentence, kind, category: as in `Question`.
        height, width: of the image.
        truth_sha256: checksum of the truth's size and pixels.
        stretched: whether the truth was stored at another size and brought to the image's.
        truth, answer: pixels in each mask.
        intersection, union: of both.
        boundary_intersection, boundary_union: see `boundary_overlap`.
        matched_prediction, prediction_boundary, matched_target, target_boundary: see `boundary_matches`.
        intersection_at_1024, union_at_1024: of the masks at 1024 x 1024. The truth, as it is stored, is brought there
            by nearest neighbour; so is the answer of a system that gives masks only (see `Answer.paper_mask`).
        p_present, predicted_iou, score: as in `Segmentation`; None for masks of another system.
    """

    sample: str
    picture: str
    place: str
    sentence: str
    kind: str
    category: str
    height: int
    width: int
    truth_sha256: str
    stretched: bool
    truth: int
    answer: int
    intersection: int
    union: int
    boundary_intersection: int
    boundary_union: int
    matched_prediction: int
    prediction_boundary: int
    matched_target: int
    target_boundary: int
    intersection_at_1024: int
    union_at_1024: int
    p_present: float | None
    predicted_iou: float | None
    score: float | None

    @property
    def meant(self) -> bool:
        """Whether the sentence means anything."""
        return self.truth > 0

    @property
    def found(self) -> bool:
        """Whether there was an answer."""
        return self.answer > 0

    @property
    def iou(self) -> float:
        """0..1; where nothing is meant, 1 for an empty answer."""
        return self.intersection / self.union if self.union else 1.0

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Self:
        """From what `dataclasses.asdict` gave.

        Raises:
            TypeError: a value is missing, or of another type.
        """
        row = cls(**values)
        for field in fields(cls):
            value = getattr(row, field.name)
            if not isinstance(value, field.type if isinstance(field.type, type) else float | None):
                raise TypeError(f"{field.name} is {value!r}")
        return row


def score(question: Question, sample: Sample, answer: Answer) -> SampleScore:
    """Compare an answer with its sample's truth.

    Raises:
        DataError, ImageError: the truth cannot be read.
    """
    truth, found = sample.mask, answer.mask
    height, width = truth.shape
    large = [
        _at_paper_size(found) if answer.paper_mask is None else answer.paper_mask,
        _at_paper_size(sample.stored_mask),
    ]
    return SampleScore(
        question.sample,
        question.picture,
        question.place,
        question.sentence,
        question.kind,
        question.category,
        height,
        width,
        sha256(f"{truth.shape}".encode() + np.packbits(truth).tobytes()).hexdigest(),
        sample.stored_mask.shape != truth.shape,
        int(truth.sum()),
        int(found.sum()),
        int((found & truth).sum()),
        int((found | truth).sum()),
        *boundary_overlap(found, truth),
        *boundary_matches(found, truth),
        int((large[0] & large[1]).sum()),
        int((large[0] | large[1]).sum()),
        answer.p_present,
        answer.predicted_iou,
        answer.score,
    )


def columns(scores: Sequence[SampleScore]) -> Columns:
    """The counts that figures are made of."""
    numbers = [field.name for field in fields(SampleScore) if field.type is int]
    found: dict[str, NDArray[Any]] = {
        name: np.array([getattr(row, name) for row in scores], dtype=np.int64) for name in numbers
    }
    for name in ("meant", "found"):
        found[name] = np.array([getattr(row, name) for row in scores], dtype=bool)
    return found


def truth_sha256(scores: Sequence[SampleScore]) -> str:
    """Checksum of all that was asked and of its truth, in the set's order."""
    digest = sha256()
    for row in scores:
        digest.update("\0".join((row.sample, row.picture, row.sentence, row.truth_sha256)).encode() + b"\n")
    return digest.hexdigest()


def _at_paper_size(mask: Mask) -> Mask:
    return np.asarray(Image.fromarray(mask).resize((PAPER_SIDE, PAPER_SIDE), Image.Resampling.NEAREST))
