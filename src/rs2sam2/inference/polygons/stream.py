"""Connected objects of a mask that comes in strips. Needs the optional 'geo' dependencies.

Shapes: W raster width in pixels, h rows of a strip.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from rs2sam2.inference.polygons.boundaries import Corners, trace
from rs2sam2.inference.polygons.corners import corners
from rs2sam2.inference.polygons.weighed_runs import WeighedRuns
from rs2sam2.inference.runs import Runs, touching

# Whatever the strips' height, this many pixels are looked at at a time, and this many runs, or one row.
_BLOCK, _RUNS = 1 << 21, 1 << 16
MOST_PROBABLE = 255


@dataclass(frozen=True)
class Found:
    """N complete objects.

    Attributes:
        outlines: (N,) valid polygons along pixel edges, in pixel coordinates (x right, y down), holes included; the
            first point is the upper left corner of the object's first pixel in row-major order.
        area: (N,) int64, pixels.
        score: (N,) float64 in 0..1, the mean probability of the object's pixels.
    """

    outlines: NDArray[np.object_]
    area: NDArray[np.int64]
    score: NDArray[np.float64]

    @classmethod
    def joined(cls, several: "Sequence[Found]") -> Self:
        """All of them, in the given order; of at least one."""
        return cls(*(np.concatenate([getattr(one, field.name) for one in several]) for field in fields(cls)))


class ObjectStream:
    """Finds the objects of one mask, each of them once and whole, in whatever strips the mask comes.

    Pixels belong together where they share an edge (4-connectivity). Pixels that touch at a corner only are two
    objects: joined there, an outline would cross itself and be no valid polygon.

    What is kept between strips are the corners of objects that reach the last row seen: memory depends on these and
    not on the raster's height.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._next_row = 0
        self._above = Runs(np.empty(0, dtype=np.int64))  # of the last row
        self._owners = np.empty(0, dtype=np.int64)  # of these runs, the open object: 0 to n - 1
        self._sums = np.zeros(0)  # of probability (0..255), by open object
        self._corners = Corners.none()

    def add(self, row_offset: int, mask: NDArray[np.bool_], probability: NDArray[np.uint8]) -> Iterator[Found]:
        """Take the next rows and give the objects that are complete by now.

        Args:
            row_offset: the raster row that the strip begins at: where the strip before ended.
            mask: (h, W).
            probability: (h, W), 0..255 stand for 0..1.

        Raises:
            ValueError: if the strip does not follow the one before, or has another width.
        """
        if row_offset != self._next_row or mask.shape[1:] != (self._width,) or probability.shape != mask.shape:
            raise ValueError(
                f"a strip of {mask.shape} and {probability.shape} at row {row_offset}: "
                f"expected row {self._next_row} and width {self._width}"
            )
        height = max(1, _BLOCK // self._width)
        for top in range(0, len(mask), height):
            some = mask[top : top + height]
            runs = WeighedRuns.of(some, probability[top : top + height][some], self._width + 1)
            yield from self.add_runs(runs, len(some))

    def add_runs(self, weighed: WeighedRuns, height: int) -> Iterator[Found]:
        """As `add`, of the runs of the next `height` rows, weighed by the probabilities."""
        pitch, row, first = self._width + 1, 0, 0
        rows = weighed.runs.ends[0::2] // pitch
        while row < height:
            until = height if len(rows) - first <= _RUNS else max(row + 1, int(rows[first + _RUNS]))
            last = int(np.searchsorted(rows, until))
            some = weighed[first:last]
            yield from self._block(some.runs.moved(-row * pitch), some.sums, until - row)
            row, first = until, last

    def close(self) -> Iterator[Found]:
        """Give the objects that reach the last row."""
        yield from self._block(Runs(np.empty(0, dtype=np.int64)), np.zeros(0), 1)

    def _block(self, new: Runs, added: NDArray[np.float64], height: int) -> Iterator[Found]:
        pitch = self._width + 1
        top, self._next_row = self._next_row, self._next_row + height
        if not len(self._above) and not len(new):
            return
        runs = self._above.and_then(new.moved(pitch))
        nodes = np.concatenate([self._owners, len(self._sums) + np.arange(len(new))])
        upper, lower = touching(runs, pitch)
        names = _joined(nodes[upper], nodes[lower], len(self._sums) + len(new))
        sums = np.bincount(names, weights=np.concatenate([self._sums, added])).astype(np.float64, copy=False)
        found = (self._corners + corners(runs, nodes, pitch, height, top)).relabelled(names)

        last = int(np.searchsorted(runs.ends, height * pitch)) // 2
        open_, owners = np.unique(names[nodes[last:]], return_inverse=True)
        is_open = np.zeros(len(sums), dtype=np.bool_)
        is_open[open_] = True
        done, outlines = trace(found[~is_open[found.label]])

        renamed = np.zeros(len(sums), dtype=np.int64)
        renamed[open_] = np.arange(len(open_))
        self._above, self._owners = runs.since(last).moved(-height * pitch), owners
        self._sums = sums[open_]
        self._corners = found[is_open[found.label]].relabelled(renamed)
        if len(done):
            yield _found(outlines, sums[done])


def _joined(first: NDArray[np.int64], second: NDArray[np.int64], nodes: int) -> NDArray[np.int64]:
    """The object, numbered from 0, that each node belongs to, where `first` and `second` are the same by pairs."""
    pairs = coo_array((np.ones(len(first)), (first, second)), shape=(nodes, nodes))
    return np.asarray(connected_components(pairs, directed=False)[1], dtype=np.int64)


def _found(outlines: NDArray[np.object_], sums: NDArray[np.float64]) -> Found:
    import shapely

    area = shapely.area(outlines)  # exact: whole numbers below 2**53
    return Found(outlines, area.astype(np.int64), sums / (area * MOST_PROBABLE))
