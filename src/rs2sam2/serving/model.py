"""The weights, as the server asks them. One thread at a time may look."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.seen import Seen
from rs2sam2.inference.segmenter import Segmenter
from rs2sam2.inference.user_prompts import UserPrompts
from rs2sam2.model.rs2sam2 import RS2SAM2Output
from rs2sam2.serving.refusals import Refusal

Look: TypeAlias = RS2SAM2Output
"""What the model finds for one expression: a few small arrays, from which answers at any threshold are made."""

_SEEN_BYTES = 256 << 20
"""Of what the model keeps between clicks."""


@dataclass(frozen=True)
class Question:
    """What a request asks about a scene.

    Attributes:
        expressions: at least one.
        prompts: points and a box in pixels of the scene, with one expression only; or None.
    """

    expressions: tuple[str, ...]
    prompts: UserPrompts | None = None

    @property
    def size(self) -> int:
        """How much of a pass through the model it takes."""
        return len(self.expressions)


class Model:
    """Looks at scenes, and remembers the last that somebody clicked on: the next click costs the mask decoder alone."""

    def __init__(self, segmenter: Segmenter) -> None:
        """Ask these weights."""
        self._segmenter = segmenter
        self._seen: OrderedDict[tuple[RasterImage, str], Seen] = OrderedDict()

    def look(self, image: RasterImage, questions: Sequence[Question]) -> list[list[Look]]:
        """The model's numbers for each expression of each question, all in as few passes as they fit in.

        Raises:
            PromptError: a point or a box lies outside the scene.
        """
        plain = [(image, text) for one in questions if one.prompts is None for text in one.expressions]
        found = iter(list(self._segmenter.outputs(plain)) if plain else [])
        return [
            [next(found) for _ in one.expressions]
            if one.prompts is None
            else [self._segmenter.decode(self._look_at(image, one.expressions[0]), one.prompts)]
            for one in questions
        ]

    def _look_at(self, image: RasterImage, expression: str) -> Seen:
        key = image, expression
        if key not in self._seen:
            self._seen[key] = self._segmenter.see(image, expression)
            while len(self._seen) > 1 and sum(seen.nbytes for seen in self._seen.values()) > _SEEN_BYTES:
                self._seen.popitem(last=False)
        self._seen.move_to_end(key)
        return self._seen[key]

    def forget(self, image: RasterImage) -> None:
        """Let go of what was seen of a scene."""
        for key in [key for key in self._seen if key[0] is image]:
            del self._seen[key]


def check(segmenter: Segmenter, question: Question, width: int, height: int) -> None:
    """Refuse what cannot be asked about a scene of this size in pixels, before it waits for the model.

    Raises:
        ExpressionError: an expression is blank or too long.
        PromptError: a point or a box lies outside the scene.
        Refusal: points or a box come with several expressions (422).
    """
    segmenter.check(question.expressions)
    if question.prompts is not None:
        if question.size > 1:
            raise Refusal(422, "points and a box belong to one expression: ask for one at a time")
        question.prompts.check_inside(width, height)
