"""From logits on the grid of cells to strips on the raster's own grid, bilinear.

With one tile that covers a picture it is `rs2sam2.preprocess.to_image_grid`. Shapes: K expressions, C cells across the
raster, W raster width in pixels, h rows.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import floor

import numpy as np
from numpy.typing import NDArray

from rs2sam2.inference.raster.tiling import Axis, Tiling

Logits = NDArray[np.float32]


def neighbours(axis: Axis, first: int, end: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """For pixels from `first` to before `end`: the cells before and behind each one's centre, and the latter's part."""
    where = np.clip(axis.cell_at(np.arange(first, end)) - 0.5, 0, axis.cells - 1)
    before = np.minimum(where.astype(np.int64), max(0, axis.cells - 2))
    behind = np.minimum(before + 1, axis.cells - 1)
    return before, behind, (where - before).astype(np.float32)


class Enlarging:
    """Takes finished cell rows, gives rows of raster pixels as soon as these can be known."""

    def __init__(self, tiling: Tiling, expressions: int, low: float) -> None:
        """Begin at the first row.

        Args:
            tiling: of the raster.
            expressions: K.
            low: a logit; rows that have none above it are given as None, and cost nothing.
        """
        self._down, self._low = tiling.down, low
        self._before, self._behind, self._part = neighbours(tiling.across, 0, tiling.across.length)
        columns = tiling.across.cell_at(np.arange(tiling.across.length))
        self._nearest = np.minimum(columns.astype(np.int64), tiling.across.cells - 1)
        self._logits = [np.empty((0, tiling.across.cells), dtype=np.float32) for _ in range(expressions)]
        self._answered = np.empty((0, tiling.across.cells), dtype=np.bool_)
        self._first_cell = 0  # of those that are kept
        self.next_row = 0

    def add(self, logits: Sequence[Logits], answered: NDArray[np.bool_]) -> None:
        """Take the next cell rows: K times (h, C), and where a tile has answered, (h, C)."""
        self._logits = [np.concatenate(pair) for pair in zip(self._logits, logits, strict=True)]
        self._answered = np.concatenate([self._answered, answered])

    @property
    def ready(self) -> int:
        """How many rows of the raster can be given by now, those given before included."""
        known = self._first_cell + len(self._answered)
        if known == self._down.cells:
            return self._down.length
        if known < 2:
            return 0
        # Those whose lower neighbour is known; a part's cells reach beyond it.
        rows = floor((known - 0.5) * self._down.pitch + self._down.origin - 0.5)
        return min(max(0, rows), self._down.length)

    def take(self, end: int) -> tuple[list[Logits | None], NDArray[np.bool_] | None]:
        """The rows from `next_row` to before `end`, which is at most `ready`.

        Returns:
            K times logits (h, W) or None (see `low`), and where a tile has answered, (h, W) or None for everywhere.
        """
        before, behind, part = neighbours(self._down, self.next_row, end)
        before, behind = before - self._first_cell, behind - self._first_cell
        strips = [self._strip(cells, before, behind, part) for cells in self._logits]
        answered = self._answered_rows(end)
        self.next_row = end
        spent = int(before[-1])
        self._logits = [cells[spent:] for cells in self._logits]
        self._answered = self._answered[spent:]
        self._first_cell += spent
        return strips, answered

    def _strip(
        self, cells: Logits, before: NDArray[np.int64], behind: NDArray[np.int64], part: NDArray[np.float32]
    ) -> Logits | None:
        if cells[before[0] : behind[-1] + 1].max() <= self._low:
            return None
        strip = np.empty((len(before), len(self._before)), dtype=np.float32)
        bounds = [0, *(np.flatnonzero(np.diff(before)) + 1).tolist(), len(before)]
        wide: dict[int, Logits] = {}
        for top, bottom in pairwise(bounds):
            pair = (int(before[top]), int(behind[top]))
            wide = {cell: wide[cell] if cell in wide else self._across(cells[cell]) for cell in pair}
            upper, lower = wide[pair[0]], wide[pair[1]]
            np.multiply.outer(part[top:bottom], lower - upper, out=strip[top:bottom])
            strip[top:bottom] += upper
        return strip

    def _across(self, row: Logits) -> Logits:
        left = row[self._before]
        left += self._part * (row[self._behind] - left)
        return left

    def _answered_rows(self, end: int) -> NDArray[np.bool_] | None:
        rows = self._down.cell_at(np.arange(self.next_row, end))
        rows = np.minimum(rows.astype(np.int64), self._down.cells - 1) - self._first_cell
        # The last row's own cell may be one that its centre lies before: it is known all the same.
        near = self._answered[np.minimum(rows, len(self._answered) - 1)]
        return None if near.all() else near[:, self._nearest]
