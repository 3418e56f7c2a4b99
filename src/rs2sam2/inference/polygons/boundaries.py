"""Outlines of labelled pixels from the corners where they turn. Needs the optional 'geo' dependencies.

Every outline along pixel edges is known by its corners alone: along a row of the grid's lines, and likewise along a
column, consecutive corners of one object are joined in pairs. So corners can be collected strip by strip, in any
split, and are joined once an object is complete, without a loop over pixels or objects.

Coordinates: x to the right, y down, in pixels from the raster's upper left corner.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

# The four pixels around a corner are numbered 0 upper left, 1 upper right, 2 lower left, 3 lower right: bit 0 says
# east, bit 1 south.
_EAST, _SOUTH = 1, 2


@dataclass(frozen=True)
class Corners:
    """N corners of outlines.

    Attributes:
        label: (N,) int64, the object whose outline turns here.
        row: (N,) int64, y.
        column: (N,) int64, x.
        sides: (N,) uint8, where the outline's two edges go: bit 0 east (else west), bit 1 south (else north).
    """

    label: NDArray[np.int64]
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    sides: NDArray[np.uint8]

    def __len__(self) -> int:
        """N."""
        return len(self.label)

    @classmethod
    def none(cls) -> Self:
        """No corners at all."""
        empty = np.empty(0, dtype=np.int64)
        return cls(empty, empty, empty, np.empty(0, dtype=np.uint8))

    def __getitem__(self, chosen: NDArray[np.generic]) -> "Corners":
        """Some of them, by a mask or by numbers."""
        return Corners(self.label[chosen], self.row[chosen], self.column[chosen], self.sides[chosen])

    def __add__(self, other: "Corners") -> "Corners":
        """These and then the others."""
        return Corners(
            np.concatenate([self.label, other.label]),
            np.concatenate([self.row, other.row]),
            np.concatenate([self.column, other.column]),
            np.concatenate([self.sides, other.sides]),
        )

    def relabelled(self, names: NDArray[np.int64]) -> "Corners":
        """Under other labels: `names[label]` in place of `label`."""
        return Corners(names[self.label], self.row, self.column, self.sides)


def trace(found: Corners) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Join all corners of complete objects.

    Returns:
        The labels in rising order, and for each a valid shapely polygon with its holes. Every ring starts at the
        leftmost corner of its top row and goes east, and holes follow in the order of their starts: equal objects
        have equal polygons, however they were collected.
    """
    import shapely

    if not len(found):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.object_)
    found = found[np.lexsort((found.sides & _EAST, found.column, found.row, found.label))]
    step = _two_edges_on(found)
    starts = _ring_starts(step)
    walk = _walk(step, starts)
    ring = np.repeat(np.isin(walk, starts, assume_unique=True).cumsum() - 1, 2)
    order = np.column_stack([walk, walk ^ 1]).ravel()
    points = np.column_stack([found.column[order], found.row[order]]).astype(np.float64)
    rings = shapely.linearrings(points, indices=ring)
    labels, owner = np.unique(found.label[starts], return_inverse=True)
    return labels, np.asarray(shapely.polygons(rings, indices=owner), dtype=np.object_)


def _two_edges_on(found: Corners) -> NDArray[np.int32]:
    """From each of the sorted corners along its horizontal edge and then along the vertical one that follows.

    In this order the two ends of a horizontal edge are neighbours, 2 k and 2 k + 1.
    """
    south = found.sides & _SOUTH
    # Where an object touches itself at a corner, going across it keeps a hole apart from what it touches; turning
    # round the pixel there would make one ring that meets itself, which no valid polygon may have.
    same = (np.diff(found.label) == 0) & (np.diff(found.row) == 0) & (np.diff(found.column) == 0)
    touching = np.flatnonzero(same)
    south[touching], south[touching + 1] = south[touching + 1], south[touching]
    vertical = np.lexsort((south, found.row, found.column, found.label)).astype(np.int32)
    other_end = np.empty(len(found), dtype=np.int32)
    other_end[vertical[0::2]], other_end[vertical[1::2]] = vertical[1::2], vertical[0::2]
    step: NDArray[np.int32] = other_end[np.arange(len(found)) ^ 1]
    return step


def _ring_starts(step: NDArray[np.int32]) -> NDArray[np.int64]:
    """The first corner of each ring, in rising order.

    A ring is two cycles of `step`, one for each direction; the one that its first corner is in begins eastwards.
    """
    _, cycle = connected_components(_graph(step), connection="weak")
    _, first = np.unique(cycle, return_index=True)
    return np.sort(first[first < first[cycle[first ^ 1]]])


def _walk(step: NDArray[np.int32], starts: NDArray[np.int64]) -> NDArray[np.int32]:
    """Corners in the order of `step`, ring after ring: each ring's last step is led to the next ring's start."""
    before = np.empty_like(step)
    before[step] = np.arange(len(step), dtype=np.int32)
    step = step.copy()
    step[before[starts[:-1]]] = starts[1:]
    walk: NDArray[np.int32] = breadth_first_order(_graph(step), int(starts[0]), return_predecessors=False)
    return walk


def _graph(step: NDArray[np.int32]) -> csr_array:
    size = len(step)
    return csr_array((np.ones(size), step, np.arange(size + 1, dtype=np.int32)), shape=(size, size))
