"""The weights, as the server asks them.

Shapes: H, W height and width of a scene in pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.segmenter import Segmenter
from rs2sam2.model.rs2sam2 import RS2SAM2Output
from rs2sam2.preprocess import to_image_grid
from rs2sam2.serving.refusals import Refusal

Look: TypeAlias = RS2SAM2Output
"""What the model finds for one expression: a few small arrays, from which answers at any threshold are made."""


@dataclass(frozen=True)
class Question:
    """What a request asks about a scene.

    Attributes:
        expressions: at least one.
        points: (x, y) in pixels of the scene; with one expression only, as `labels` and `box`.
        labels: of the points, 1 for "this, too" and 0 for "not this".
        box: (x0, y0, x1, y1) in pixels of the scene around the thing, or None.
    """

    expressions: tuple[str, ...]
    points: tuple[tuple[float, float], ...] = ()
    labels: tuple[int, ...] = ()
    box: tuple[float, float, float, float] | None = None

    @property
    def size(self) -> int:
        """How much of a pass through the model it takes."""
        return len(self.expressions)

    @property
    def is_prompted(self) -> bool:
        """Whether somebody points at something."""
        return bool(self.points) or self.box is not None


def check(segmenter: Segmenter, question: Question) -> None:
    """Refuse what cannot be asked, before it waits for the model.

    Raises:
        ExpressionError: an expression is blank or too long.
        Refusal: points or a box come with several expressions (422).
    """
    segmenter.check(question.expressions)
    if question.is_prompted and question.size > 1:
        raise Refusal(422, "points and a box belong to one expression: ask for one at a time")


def look(segmenter: Segmenter, image: RasterImage, questions: Sequence[Question]) -> list[list[Look]]:
    """The model's numbers for each expression of each question, all in as few passes as they fit in."""
    found = iter(list(segmenter.outputs([(image, text) for question in questions for text in question.expressions])))
    return [[next(found) for _ in question.expressions] for question in questions]


def pseudo_mask(look: Look, height: int, width: int) -> NDArray[np.float32] | None:
    """(H, W) probability by the words alone, 0..1; None for weights without the generator."""
    if look.pseudo_mask_logits is None:
        return None
    return np.asarray(to_image_grid(look.pseudo_mask_logits, height, width)[0, 0].sigmoid().numpy(), dtype=np.float32)
