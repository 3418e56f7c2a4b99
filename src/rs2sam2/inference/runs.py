"""Runs of pixels in a mask's rows, how they touch, and what hangs together.

A mask of few objects has few runs, and what is done with them costs as much as there are, not as there are pixels.
All of it is numpy's: importing scipy takes a tenth of the time in which `rs2sam2 segment` starts.

A place is a pixel's row and column in one number, row * pitch + column, where pitch is one more than the width: no run
reaches the next row's first place. What lies below a place is `pitch` further on.

Shapes: W raster width in pixels, h rows of a strip.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


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


def touching(runs: Runs, pitch: int, *, corners: bool = False) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs of runs that share pixel edges, or corners, too: numbers of the upper ones, and of the lower ones."""
    start, end = runs.ends[0::2], runs.ends[1::2]
    first = np.searchsorted(end + pitch, start, "left" if corners else "right")
    count = np.searchsorted(start + pitch, end, "right" if corners else "left") - first
    lower = np.repeat(np.arange(len(runs)), count)
    upper = np.arange(len(lower)) - np.repeat(count.cumsum() - count - first, count)
    return upper, lower


def joined(first: NDArray[np.int64], second: NDArray[np.int64], nodes: int) -> NDArray[np.int64]:
    """(nodes,): what each node hangs together with, where `first` and `second` do by pairs.

    Numbered from 0, in the order of each thing's first node. scipy's `connected_components` is a few times as fast,
    once it is imported.
    """
    root = np.arange(nodes)
    while len(first):
        low, high = np.minimum(first, second), np.maximum(first, second)
        np.minimum.at(root, high, low)  # roots point at lower roots: no circles
        while not np.array_equal(root, above := root[root]):
            root = above
        first, second = root[first], root[second]
        apart = first != second
        first, second = first[apart], second[apart]
    return np.unique(root, return_inverse=True)[1]
