"""What a data set is built from: pictures with the objects that they show, wherever both come from.

Shapes: H, W image height and width in pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rs2sam2.data.building.names import UNKNOWN
from rs2sam2.data.roof_colours import COLOUR_NAMES, POSSIBLE_SHARE, roof_colours
from rs2sam2.data.scene import BACKGROUND, Scene, Thing

MOST_OBJECTS = 2000
"""In a picture. Beyond, hardly a sentence singles one out, and comparing them takes long."""
# In a box there is more than the object.
_IN_BOX_SHARE = 0.1
# Of pixels that may be more colourful than this (0 to 255) in a grey picture: compression makes some.
_GREY_SHARE, _GREY_CHROMA = 0.01, 8


@dataclass(frozen=True)
class Footprint:
    """An object in a picture.

    Attributes:
        noun: its class, as sentences say it; `UNKNOWN` if that is not known.
        upper, left: pixel of the picture where `mask` begins.
        mask: (h, w) its pixels.
        full_area: pixels of the whole object, also of what the picture does not show.
        referable: False if no sentence may mean it; it still is a rival.
        outlined: False if `mask` is but a box around it.
    """

    noun: str
    upper: int
    left: int
    mask: NDArray[np.bool_]
    full_area: float
    referable: bool = True
    outlined: bool = True

    @classmethod
    def of(cls, noun: str, mask: NDArray[np.bool_], full_area: float, **more: bool) -> "Footprint | None":
        """Take an (H, W) mask; None if it is empty."""
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not len(rows):
            return None
        upper, left = int(rows[0]), int(columns[0])
        part = mask[upper : rows[-1] + 1, left : columns[-1] + 1].copy()
        return cls(noun, upper, left, part, full_area, **more)

    @property
    def window(self) -> tuple[slice, slice]:
        """Where `mask` lies in the picture."""
        height, width = self.mask.shape
        return np.s_[self.upper : self.upper + height, self.left : self.left + width]

    def whole(self, height: int, width: int) -> NDArray[np.bool_]:
        """(H, W) mask."""
        mask = np.zeros((height, width), dtype=bool)
        mask[self.window] = self.mask
        return mask


class Picture(Protocol):
    """One image of the set.

    Attributes:
        name: of its file in the set.
        place: of the ground it shows.
        facts: what `instances.json` says of it beyond name, size, place and split.
    """

    @property
    def name(self) -> str:
        """See the class."""

    @property
    def place(self) -> str:
        """See the class."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """See the class."""

    def read(self) -> tuple[NDArray[np.uint8], list[Footprint]] | None:
        """(H, W, 3) uint8 RGB and the objects; None if there is nothing to say about it."""

    def write(self, path: Path, pixels: NDArray[np.uint8]) -> None:
        """Write its file for the set; `pixels` are what `read` gave."""


class Source(Protocol):
    """Where pictures come from.

    Attributes:
        nouns: of all classes.
        record: of what the set was made, for `build.json`: plain containers, no paths.
        notes: what people should know, such as how many outlines were mended.
    """

    nouns: Sequence[str]
    record: Mapping[str, Any]
    notes: list[str]

    def places(self) -> Mapping[str, int]:
        """Place -> number of objects there."""

    def pictures(self, split_of: Mapping[str, str]) -> Sequence[Picture]:
        """All pictures, in an order that does not change; `split_of` gives the split of each place."""


def scene_of(pixels: NDArray[np.uint8], footprints: Sequence[Footprint]) -> tuple[Scene, list[Footprint]]:
    """The scene, and the footprints in the order of its things.

    Large objects are drawn first, so that a car on a bridge stays visible; boxes are drawn where nothing else is.
    Colours are measured in the pixels by the margins of `roof_colours`; in a grey picture nobody knows them.
    """
    order = sorted(footprints, key=lambda footprint: (not footprint.outlined, -footprint.mask.sum()))
    labels = np.zeros(pixels.shape[:2], dtype=np.uint16)
    grey = _is_grey(pixels)
    things = []
    for number, footprint in enumerate(order, start=1):
        part = labels[footprint.window]
        part[footprint.mask if footprint.outlined else footprint.mask & (part == BACKGROUND)] = number
        share = POSSIBLE_SHARE if footprint.outlined else _IN_BOX_SHARE
        colours, maybe = roof_colours(pixels[footprint.window], footprint.mask, share)
        if grey:
            colours, maybe = frozenset(), COLOUR_NAMES
        things.append(
            Thing(
                footprint.noun,
                footprint.full_area,
                colours,
                maybe,
                footprint.referable and footprint.outlined and footprint.noun != UNKNOWN,
            )
        )
    return Scene(pixels, labels, tuple(things)), order


def _is_grey(pixels: NDArray[np.uint8]) -> bool:
    chroma = pixels.max(axis=2) - pixels.min(axis=2)
    return bool((chroma > _GREY_CHROMA).mean() < _GREY_SHARE)
