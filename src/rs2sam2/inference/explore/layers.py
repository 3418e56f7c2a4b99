"""What somebody has asked about an image so far: layers that are never changed, only followed by others.

Coordinates: pixels of the whole image, x to the right, y down; a scene is (x0, y0, x1, y1) in whole pixels.
"""

from dataclasses import dataclass
from typing import TypeAlias

from rs2sam2.inference.segmentation import Segmentation
from rs2sam2.inference.user_prompts import UserPrompts

Scene: TypeAlias = tuple[int, int, int, int]
Layers: TypeAlias = tuple["Layer", ...]

MOST_STEPS = 30
"""That can be undone: each may hold an answer of its own."""


@dataclass(frozen=True, eq=False)
class Layer:
    """An expression and its answer.

    Attributes:
        number: since the map was opened, from 0; gives the colour.
        revision: of the answer, which no other has.
        expression: as it was asked.
        scene: the part of the image that was looked at.
        prompts: points and box beside the words, in pixels of the whole image, or None.
        threshold: of the mask, or None for the weights' own.
        answer: to all this.
        visible: whether the map shows it.
    """

    number: int
    revision: int
    expression: str
    scene: Scene
    prompts: UserPrompts | None
    threshold: float | None
    answer: Segmentation
    visible: bool = True


@dataclass(frozen=True, eq=False)
class Step:
    """How things stand.

    Attributes:
        layers: the oldest first.
        current: number of the layer that clicks, box and threshold are for; None without layers.
    """

    layers: Layers = ()
    current: int | None = None

    def find(self, number: int | None) -> Layer | None:
        """The layer of this number, or None."""
        return next((layer for layer in self.layers if layer.number == number), None)

    def having(self, layer: Layer) -> "Step":
        """With this layer in the place of the one with its number, or last; it is the current one."""
        if self.find(layer.number) is None:
            return Step((*self.layers, layer), layer.number)
        layers = tuple(layer if one.number == layer.number else one for one in self.layers)
        return Step(layers, layer.number)

    def without(self, number: int) -> "Step":
        """Without this layer."""
        layers = tuple(layer for layer in self.layers if layer.number != number)
        current = self.current if self.current != number else (layers[-1].number if layers else None)
        return Step(layers, current)
