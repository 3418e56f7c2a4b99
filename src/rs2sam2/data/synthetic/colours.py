"""Colours with the names that people give them.

A `Paint` is what a surface is painted with: `certain` names describe it beyond doubt, `maybe` names could be used by
somebody. Shades that lie between names have no certain one.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from rs2sam2.data.synthetic.sprite import Colour


@dataclass(frozen=True)
class Paint:
    """A surface colour (0 to 255 per channel) and its names; `maybe` always holds `certain`."""

    colour: Colour
    certain: frozenset[str] = frozenset()
    maybe: frozenset[str] = frozenset()

    def varied(self, rng: np.random.Generator, amount: float = 8.0) -> "Paint":
        """The same names, a slightly different shade."""
        shift = rng.normal(0, amount * 0.6) + rng.normal(0, amount * 0.5, 3)
        red, green, blue = (float(np.clip(channel + s, 4, 253)) for channel, s in zip(self.colour, shift, strict=True))
        return Paint((red, green, blue), self.certain, self.maybe)


def _paint(colour: Colour, certain: str, also: str = "") -> Paint:
    """Names are given as comma separated lists."""
    sure = frozenset(name for name in certain.split(",") if name)
    return Paint(colour, sure, sure | frozenset(name for name in also.split(",") if name))


def unsure(colour: Colour, names: str) -> Paint:
    """A paint that no name fits for certain."""
    return _paint(colour, "", names)


ROOFS: Final = {
    "white": _paint((240, 243, 240), "white", "light gray,silver"),
    "light tin": unsure((203, 214, 222), "white,gray,light gray,silver,blue,light blue"),
    "gray tin": unsure((158, 165, 168), "gray,light gray,silver,white,dark gray"),
    "blue": _paint((48, 112, 178), "blue", "light blue"),
    "strong blue": _paint((26, 78, 150), "blue", "dark blue"),
    "crimson": _paint((186, 70, 82), "red", "pink"),
    "faded red": _paint((196, 104, 104), "red", "pink"),
    "brick red": _paint((164, 66, 58), "red", "brown,orange"),
    "orange": _paint((214, 138, 98), "orange", "red,brown"),
    "deep orange": _paint((206, 118, 78), "orange", "red,brown"),
    "rusty": _paint((146, 102, 80), "rusty brown", "brown,red,orange"),
    "dark gray": _paint((74, 76, 82), "dark gray", "gray,black"),
    "brown": unsure((118, 92, 74), "brown,rusty brown,dark gray,gray"),
    "green": _paint((62, 128, 88), "green", ""),
    "pale green": unsure((176, 196, 172), "green,gray,white,light green"),
    "concrete": unsure((164, 158, 150), "gray,light gray,white,brown,beige"),
    "dark concrete": unsure((122, 118, 114), "gray,dark gray,brown"),
    "beige": unsure((206, 186, 154), "beige,brown,white,orange,yellow"),
    "thatch": unsure((136, 118, 88), "brown,gray,rusty brown,beige"),
}

CARS: Final = (
    _paint((236, 237, 238), "white", "silver,gray"),
    _paint((236, 237, 238), "white", "silver,gray"),
    _paint((236, 237, 238), "white", "silver,gray"),
    unsure((176, 180, 184), "silver,gray,light gray,white"),
    unsure((128, 131, 134), "gray,silver,dark gray"),
    unsure((62, 65, 70), "dark gray,black,gray"),
    _paint((26, 27, 30), "black", "dark gray,dark blue"),
    _paint((178, 32, 34), "red", ""),
    _paint((36, 74, 150), "blue", "dark blue"),
    _paint((232, 190, 40), "yellow", "orange"),
    unsure((150, 132, 104), "brown,beige,gray,gold"),
    _paint((42, 104, 66), "green", "dark green"),
)

BOXES: Final = (
    _paint((238, 238, 236), "white", "gray"),
    _paint((40, 92, 164), "blue", ""),
    _paint((180, 44, 40), "red", "orange"),
    unsure((150, 152, 150), "gray,silver,white"),
    _paint((226, 182, 52), "yellow", "orange"),
    _paint((52, 112, 74), "green", ""),
)

HULLS: Final = (
    _paint((150, 58, 48), "red", "rusty brown,brown,orange"),
    _paint((58, 104, 78), "green", "dark green"),
    unsure((112, 116, 118), "gray,dark gray"),
    _paint((48, 78, 132), "blue", "dark blue"),
    unsure((132, 92, 72), "brown,rusty brown,red"),
    _paint((226, 228, 226), "white", "gray"),
)

TANKS: Final = (
    _paint((234, 236, 234), "white", "gray,light gray"),
    _paint((234, 236, 234), "white", "gray,light gray"),
    unsure((178, 182, 184), "gray,light gray,silver,white"),
    unsure((206, 202, 188), "white,beige,gray,light gray"),
    _paint((144, 98, 74), "rusty brown", "brown,red,orange"),
    unsure((126, 146, 132), "green,gray"),
    unsure((116, 120, 124), "gray,dark gray"),
)

COURTS: Final = (
    _paint((52, 104, 168), "blue", "light blue"),
    _paint((66, 130, 88), "green", ""),
    _paint((64, 118, 92), "green", ""),
    _paint((168, 74, 58), "red", "brown,orange,rusty brown"),
    _paint((204, 116, 66), "orange", "brown,red"),
    unsure((128, 104, 150), "purple,blue,gray"),
    unsure((128, 130, 132), "gray,dark gray"),
)

POOLS: Final = (
    _paint((58, 172, 208), "blue", "light blue,cyan,turquoise"),
    _paint((70, 186, 216), "blue", "light blue,cyan,turquoise"),
    unsure((92, 200, 196), "turquoise,cyan,blue,green,light blue"),
    _paint((44, 140, 198), "blue", "light blue,cyan"),
)

AIRCRAFT: Final = (
    _paint((236, 238, 240), "white", "gray,silver"),
    _paint((236, 238, 240), "white", "gray,silver"),
    unsure((194, 198, 202), "gray,silver,white,light gray"),
    unsure((134, 139, 144), "gray,dark gray,silver"),
)


def pick(rng: np.random.Generator, paints: tuple[Paint, ...]) -> Paint:
    """One of the paints, slightly varied."""
    return paints[int(rng.integers(len(paints)))].varied(rng, 6.0)
