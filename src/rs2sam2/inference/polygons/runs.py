"""Runs of pixels in a mask's rows: how they touch, and where outlines along pixel edges turn.

A mask of few objects has few runs, and what is done with them costs as much as there are, not as there are pixels.

A place is a pixel's row and column in one number, row * pitch + column, where pitch is one more than the width: no run
reaches the next row's first place. What lies below a place is `pitch` further on.

Shapes: W raster width in pixels, h rows of a strip.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rs2sam2.inference.polygons.boundaries import Corners


@dataclass(frozen=True)
class Runs:
    """N runs of pixels.

    Attributes:
        ends: (2 N,) int64, in rising order: the place where a run begins, and the one just behind its last pixel.
    """

    ends: NDArray[np.int64]

    def __len__(self) -> int:
        """N."""
        return len(self.ends) // 2

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> "Runs":
        """All runs of an (h, W) mask."""
        padded = np.zeros((len(mask), mask.shape[1] + 2), dtype=np.bool_)
        padded[:, 1:-1] = mask
        return cls(np.flatnonzero(padded[:, 1:] != padded[:, :-1]))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(N,) pixels."""
        return self.ends[1::2] - self.ends[0::2]

    def moved(self, places: int) -> "Runs":
        """The same runs so many places further on."""
        return Runs(self.ends + places)

    def and_then(self, others: "Runs") -> "Runs":
        """These, and others that all come later."""
        return Runs(np.concatenate([self.ends, others.ends]))

    def since(self, first: int) -> "Runs":
        """Without the first ones."""
        return Runs(self.ends[2 * first :])


def touching(runs: Runs, pitch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs of runs that share pixel edges: numbers of the upper ones, and of the lower ones."""
    start, end = runs.ends[0::2], runs.ends[1::2]
    first = np.searchsorted(end + pitch, start, "right")
    count = np.searchsorted(start + pitch, end, "left") - first
    lower = np.repeat(np.arange(len(runs)), count)
    upper = np.arange(len(lower)) - np.repeat(count.cumsum() - count - first, count)
    return upper, lower


def corners(runs: Runs, label: NDArray[np.int64], pitch: int, height: int, first_row: int) -> Corners:
    """Where outlines turn on the line above each row of a strip.

    Args:
        runs: of the row above the strip, which is row 0 here, and of the strip's, 1 to h.
        label: (N,) of the runs. Those that touch have labels of the same object (if not the same labels).
        pitch: W + 1.
        height: h.
        first_row: the raster row of the strip's first row.
    """
    place, label = runs.ends, np.repeat(label, 2)
    # A run's end, above or below the line, is a corner unless another run ends there the same way on the other side.
    # The odd one of the four pixels around a corner is the run's outermost pixel, or the empty one beside it where
    # the other side of the line is covered.
    above, below = np.flatnonzero(place < height * pitch), np.flatnonzero(place >= pitch)
    found = []
    for own, across, q in ((above, place[above] + pitch, 0), (below, place[below] - pitch, 2)):
        at = np.searchsorted(place, across)
        meets = place[np.minimum(at, len(place) - 1)] == across
        turns = ~meets | (((at ^ own) & 1) > 0)
        covered = at & 1 & ~meets
        odd_one = (q + ((1 - (own & 1)) ^ covered)).astype(np.uint8)
        row, column = np.divmod(place[own] + (pitch if q == 0 else 0), pitch)
        found.append(Corners(label[own], row + (first_row - 1), column, odd_one)[turns])
    return found[0] + found[1]
