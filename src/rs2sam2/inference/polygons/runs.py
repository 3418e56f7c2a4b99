"""Runs of pixels in a mask's rows: how they touch, and where outlines along pixel edges turn.

A mask of few objects has few runs, and what is done with them costs as much as there are, not as there are pixels.

A place is a pixel's row and column in one number, row * pitch + column, where pitch is one more than the width: no run
reaches the next row's first place. What lies below a place is `pitch` further on.

Shapes: W raster width in pixels, h rows of a strip.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

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
    def of(cls, mask: NDArray[np.bool_], pitch: int, left: int = 0) -> Self:
        """All runs of a mask (h, w) that begins in column `left`."""
        padded = np.zeros((len(mask), mask.shape[1] + 2), dtype=np.bool_)
        padded[:, 1:-1] = mask
        places = np.flatnonzero(padded[:, 1:] != padded[:, :-1])
        if mask.shape[1] + 1 == pitch:
            return cls(places)
        row, column = np.divmod(places, mask.shape[1] + 1)
        return cls(row * pitch + (column + left))

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


@dataclass(frozen=True)
class WeighedRuns:
    """N runs, and what their pixels weigh together.

    Attributes:
        runs: N.
        sums: (N,) float64.
    """

    runs: Runs
    sums: NDArray[np.float64]

    @classmethod
    def of(cls, mask: NDArray[np.bool_], weights: NDArray[np.uint8], pitch: int, left: int = 0) -> Self:
        """Of a mask (h, w) that begins in column `left`; `weights` (M,) are those of its pixels, row by row."""
        runs = Runs.of(mask, pitch, left)
        first = runs.lengths.cumsum() - runs.lengths
        return cls(runs, np.add.reduceat(weights, first, dtype=np.float64) if len(runs) else np.zeros(0))

    @classmethod
    def side_by_side(cls, parts: Sequence[Self]) -> Self:
        """Those of whole rows, of parts that lie beside each other: a run that goes on in the next part is one."""
        if len(parts) == 1:
            return parts[0]
        start, end = (np.concatenate([part.runs.ends[side::2] for part in parts]) for side in (0, 1))
        order = np.argsort(start)
        start, end, sums = start[order], end[order], np.concatenate([part.sums for part in parts])[order]
        if not len(order):
            return cls(Runs(start), sums)
        new = start[1:] != end[:-1]
        first = np.flatnonzero(np.concatenate([[True], new]))
        last = np.flatnonzero(np.concatenate([new, [True]]))
        return cls(Runs(np.column_stack([start[first], end[last]]).ravel()), np.add.reduceat(sums, first))

    def __getitem__(self, chosen: slice) -> "WeighedRuns":
        """Some that follow each other."""
        return WeighedRuns(Runs(self.runs.ends[2 * chosen.start : 2 * chosen.stop]), self.sums[chosen])


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
