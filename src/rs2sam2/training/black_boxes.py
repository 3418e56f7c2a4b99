"""The published augmentation: black boxes over some of the training pictures."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FEWEST, MOST = 20, 60
BOX_SIDE, AT_SIDE = 32, 1024
"""A box has 32 pixels in a picture of 1024, and as much less in a smaller one."""


@dataclass(frozen=True)
class BlackBoxes:
    """Which samples get boxes, and where, depends on the seed and the sample's index alone, so it resumes as it was.

    Attributes:
        share: of the samples, 0..1; the published code takes 0.2.
        side: S, the picture's side in pixels when it is painted on.
        seed: of everything.
    """

    share: float
    side: int
    seed: int

    def __call__(self, index: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture (H, W, 3) as it is, or at (S, S, 3) with 20 to 60 black boxes, which may overlap."""
        rng = np.random.default_rng([self.seed, index])
        if rng.random() >= self.share:
            return image
        painted = np.array(Image.fromarray(image).resize((self.side, self.side), Image.Resampling.BILINEAR))
        box = box_side(self.side)
        for x, y in box_corners(rng, self.side):
            painted[y : y + box, x : x + box] = 0
        return painted


def box_side(side: int) -> int:
    """Pixels along a box in a picture of `side` pixels."""
    return max(1, round(BOX_SIDE * side / AT_SIDE))


def box_corners(rng: np.random.Generator, side: int) -> NDArray[np.int64]:
    """Upper left corners (n, 2) as x, y of 20 to 60 boxes that lie within a picture of `side` pixels."""
    count = int(rng.integers(FEWEST, MOST + 1))
    return rng.integers(0, side - box_side(side) + 1, (count, 2))
