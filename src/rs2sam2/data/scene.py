"""A scene: an image and the things in it, as one value that can be turned, cut and scaled.

Expressions are made from a scene *after* it was transformed, so a flip never leaves a false "left" behind.
Shapes: H, W image height and width in pixels.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BACKGROUND = 0


@dataclass(frozen=True)
class Thing:
    """One object of a scene. What it is and looks like; where it is follows from `Scene.labels`.

    Attributes:
        category: class name in the singular ("building", "storage tank").
        colours: colour names that certainly describe it.
        maybe_colours: colour names that somebody could use for it (always holds `colours`).
        referable: False for things that no expression may mean (tiny, not clearly a roof); they still are rivals.
        full_area: pixels of the whole object at the present scale, also when the scene shows only a part.
    """

    category: str
    full_area: float
    colours: frozenset[str] = frozenset()
    maybe_colours: frozenset[str] = frozenset()
    referable: bool = True


@dataclass(frozen=True)
class Scene:
    """An image with its instance map.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        labels: (H, W) uint16; 0 is background, i + 1 marks the visible pixels of `things[i]`.
        things: the objects; one that is wholly outside the scene keeps its place with no pixels.
        absent: category names that are known not to be in the scene, whatever `things` says nothing about.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint16]
    things: tuple[Thing, ...]
    absent: frozenset[str] = frozenset()

    def mask(self, targets: Iterable[int]) -> NDArray[np.bool_]:
        """(H, W) mask of the things with these indices; empty for none."""
        wanted = np.zeros(len(self.things) + 1, dtype=bool)
        wanted[[target + 1 for target in targets]] = True
        return wanted[self.labels]

    def areas(self) -> NDArray[np.int64]:
        """(number of things,) visible pixels of each thing."""
        return np.bincount(self.labels.ravel(), minlength=len(self.things) + 1)[1:]

    def turned(self, quarter_turns: int, mirrored: bool) -> "Scene":
        """The scene turned counter-clockwise by quarters, then mirrored left to right if asked."""
        image, labels = np.rot90(self.image, quarter_turns), np.rot90(self.labels, quarter_turns)
        if mirrored:
            image, labels = image[:, ::-1], labels[:, ::-1]
        return replace(self, image=np.ascontiguousarray(image), labels=np.ascontiguousarray(labels))

    def cut(self, x: int, y: int, width: int, height: int) -> "Scene":
        """The window with its upper left corner at pixel (x, y)."""
        window = np.s_[y : y + height, x : x + width]
        return replace(self, image=self.image[window], labels=self.labels[window])

    def resized(self, width: int, height: int) -> "Scene":
        """The scene at another size: bilinear pixels (antialiased), nearest labels."""
        old_height, old_width = self.labels.shape
        if (old_height, old_width) == (height, width):
            return self
        image = Image.fromarray(self.image).resize((width, height), Image.Resampling.BILINEAR)
        labels = Image.fromarray(self.labels).resize((width, height), Image.Resampling.NEAREST)
        scale = width * height / (old_width * old_height)
        things = tuple(replace(thing, full_area=thing.full_area * scale) for thing in self.things)
        return replace(self, image=np.asarray(image), labels=np.asarray(labels, dtype=np.uint16), things=things)
