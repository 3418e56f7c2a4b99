"""Where tiles lie: overlapping squares on one grid of cells, in a fixed order. Geometry only.

A cell is the ground of one logit: a tile's answer is G x G of them, and all tiles lie on the same grid of cells, which
begins at the raster's upper left corner. A cell's side is a whole number of raster pixels or not.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Axis:
    """The tiles along one axis.

    Attributes:
        length: raster pixels.
        pitch: raster pixels in a cell.
        tile: G, cells in a tile.
        starts: first cell of each tile, in rising order: the first is 0, the last tile reaches the raster's end.
        cells: that cover the raster; the last may reach beyond it.
        origin: where the first cell begins, in raster pixels: 0, or before the raster where that is a part of a larger
            one, whose grid this is.
    """

    length: int
    pitch: float
    tile: int
    starts: tuple[int, ...]
    cells: int
    origin: float = 0.0

    def part(self, first: int, end: int) -> "Axis":
        """The same grid for the pixels from `first` to before `end`, and the tiles that have a say in them."""
        # A pixel near a border takes from the next cell, too.
        meets = [
            index
            for index in range(len(self.starts))
            if self.span(index)[0] < end + self.pitch and self.span(index)[1] > first - self.pitch
        ]
        start = self.starts[meets[0]]
        origin = self.origin + start * self.pitch - first
        starts = tuple(self.starts[index] - start for index in meets)
        cells = min(self.cells - start, cells_in(end - first - origin, self.pitch) + 1, starts[-1] + self.tile)
        return Axis(end - first, self.pitch, self.tile, starts, cells, origin)

    def cell_at(self, pixels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Where pixels' centres lie, in cells: 0.5 is the first cell's centre."""
        return np.asarray((pixels + 0.5 - self.origin) / self.pitch, dtype=np.float64)

    def span(self, index: int) -> tuple[float, float]:
        """Where a tile begins and ends, in raster pixels; beyond the raster where this is smaller than a tile."""
        start = self.starts[index]
        return self.origin + start * self.pitch, self.origin + (start + self.tile) * self.pitch

    def meeting(self, first: NDArray[np.int64], end: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Which tiles share ground with the pixels from `first` to before `end`: the first, and one past the last."""
        begins = np.array([self.span(index)[0] for index in range(len(self.starts))])
        ends = np.array([self.span(index)[1] for index in range(len(self.starts))])
        return np.searchsorted(ends, first, "right"), np.searchsorted(begins, end, "left")


def cells_in(length: float, pitch: float) -> int:
    """How many cells cover a length in pixels."""
    return max(1, math.ceil(length / pitch - 1e-6))


def axis(length: int, pitch: float, tile: int, overlap: float) -> Axis:
    """Spread as few tiles as possible evenly.

    Args:
        length: raster pixels, at least 1.
        pitch: raster pixels in a cell.
        tile: G, cells in a tile, at least 2.
        overlap: part of a tile, 0..1, that two neighbours share at least.
    """
    cells = cells_in(length, pitch)
    beyond = cells - tile
    if beyond <= 0:
        return Axis(length, pitch, tile, (0,), cells)
    step = max(1, tile - math.ceil(overlap * tile))
    count = math.ceil(beyond / step)
    return Axis(length, pitch, tile, tuple(index * beyond // count for index in range(count + 1)), cells)


@dataclass(frozen=True)
class Tiling:
    """All tiles of a raster, numbered row by row from 0.

    Attributes:
        down: the tiles of one column.
        across: those of one row.
    """

    down: Axis
    across: Axis

    def __len__(self) -> int:
        """How many tiles there are."""
        return self.rows * self.columns

    @property
    def rows(self) -> int:
        """Of tiles."""
        return len(self.down.starts)

    @property
    def columns(self) -> int:
        """Of tiles."""
        return len(self.across.starts)

    def back_and_forth(self) -> NDArray[np.int64]:
        """All tiles row by row, every other row from right to left: what was read last is needed again first."""
        numbers = np.arange(len(self)).reshape(self.rows, self.columns)
        numbers[1::2] = numbers[1::2, ::-1]
        return numbers.ravel()

    def box(self, tile: int) -> tuple[float, float, float, float]:
        """(left, top, right, bottom) of a tile in raster pixels."""
        row, column = divmod(tile, self.columns)
        (left, right), (top, bottom) = self.across.span(column), self.down.span(row)
        return left, top, right, bottom

    def count(self, bounds: NDArray[np.int64], had_a_say: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many tiles had a say in objects.

        Args:
            bounds: (N, 4) first column and row of an object, and the last ones plus 1.
            had_a_say: (rows, columns) of tiles.

        Returns:
            (N,).
        """
        sums = np.zeros((self.rows + 1, self.columns + 1), dtype=np.int64)
        sums[1:, 1:] = had_a_say.cumsum(axis=0).cumsum(axis=1)
        left, right = self.across.meeting(bounds[:, 0], bounds[:, 2])
        top, bottom = self.down.meeting(bounds[:, 1], bounds[:, 3])
        return sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
