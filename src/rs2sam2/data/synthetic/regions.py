"""What people build with, region by region."""

from typing import Final

import numpy as np

from rs2sam2.data.synthetic.buildings import House
from rs2sam2.data.synthetic.canvas import Canvas

_TIN_HIP = House("light tin", "hip", "tin", 0.0, 0.025)
_TIN_GABLE = House("light tin", "gable", "tin", 0.03, 0.03)
_WHITE = House("white", "gable", "tin", 0.0, 0.012)
_OLD = House("gray tin", "gable", "tin", 0.28, 0.06)
_RUSTY = House("rusty", "gable", "tin", 0.45, 0.09)
SHED = House("gray tin", "shed", "tin", 0.2, 0.06)
_BLUE = House("blue", "gable", "tin", 0.02, 0.03)
_CRIMSON = House("crimson", "gable", "tin", 0.0, 0.02)
_FADED = House("faded red", "gable", "tin", 0.03, 0.03)
_TILE = House("orange", "hip", "tile", 0.0, 0.0)
_DEEP_TILE = House("deep orange", "hip", "tile", 0.0, 0.0)
_DARK = House("dark gray", "hip", "tile", 0.0, 0.0)
_SLAB = House("concrete", "flat", "concrete")
_DARK_SLAB = House("dark concrete", "flat", "concrete")
_GREEN = House("green", "gable", "tin", 0.0, 0.02)
_PALE_GREEN = House("pale green", "gable", "tin", 0.0, 0.02)
_BRICK = House("brick red", "hip", "tile", 0.0, 0.0)
_BROWN = House("brown", "hip", "tile", 0.0, 0.0)
_BEIGE = House("beige", "gable", "tin", 0.02, 0.02)
_THATCH = House("thatch", "hip", "thatch")
_STRONG_BLUE = House("strong blue", "gable", "tin", 0.0, 0.02)

_ROOFS: Final = {
    "coast": ((_TIN_HIP, 5), (_TIN_GABLE, 4), (_WHITE, 2.5), (_OLD, 2), (_RUSTY, 2), (SHED, 1.5), (_BLUE, 0.7),
              (_FADED, 0.4), (_THATCH, 0.4), (_DARK, 0.4)),
    "red earth": ((_CRIMSON, 3), (_FADED, 2), (_TILE, 2.5), (_DEEP_TILE, 1.5), (_RUSTY, 2.5), (_OLD, 1.2),
                  (_GREEN, 0.6), (_PALE_GREEN, 0.6), (_WHITE, 1), (_BEIGE, 1), (_DARK, 0.9), (_BLUE, 1), (_BRICK, 1),
                  (_SLAB, 0.6), (_TIN_GABLE, 1)),
    "valley": ((_SLAB, 5), (_DARK_SLAB, 2), (_BLUE, 2.2), (_STRONG_BLUE, 1), (_TIN_GABLE, 1), (SHED, 1.5), (_OLD, 1),
               (_CRIMSON, 1), (_RUSTY, 0.8), (_WHITE, 0.5)),
    "dry": ((_RUSTY, 3), (_OLD, 2), (_TIN_GABLE, 2), (_WHITE, 1.5), (_BLUE, 1.5), (_FADED, 1), (_SLAB, 1.5),
            (_THATCH, 1), (_BRICK, 1), (_DARK, 0.6), (_TILE, 0.6)),
    "lawn": ((_DARK, 4), (_BROWN, 2.5), (_BRICK, 2), (_DEEP_TILE, 2), (_TILE, 1), (_WHITE, 1), (_SLAB, 0.7),
             (_BLUE, 0.5)),
}  # fmt: skip


def roof(canvas: Canvas, region: str) -> House:
    """A kind of house that is common in the region."""
    houses, weights = zip(*_ROOFS[region], strict=True)
    chances = np.array(weights) / sum(weights)
    chosen = houses[int(canvas.rng.choice(len(houses), p=chances))]
    if chosen.shape in ("gable", "hip") and canvas.rng.random() < 0.3:
        return House(
            chosen.paint, "hip" if chosen.shape == "gable" else "gable", chosen.material, chosen.rust, chosen.patchwork
        )
    return House(chosen.paint, chosen.shape, chosen.material, chosen.rust, chosen.patchwork)
