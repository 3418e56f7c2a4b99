"""From logits on the grid of cells to parts of the raster's own grid, bilinear.

With one tile that covers a picture it is `rs2sam2.preprocess.to_image_grid`. Shapes: K expressions, C cells across the
raster, h, w rows and columns of a part in pixels.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import floor

import numpy as np
from numpy.typing import NDArray

from rs2sam2.inference.raster.tiling import Axis, Tiling

Logits = NDArray[np.float32]
Between = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
"""For each pixel the cells before and behind its centre, and the latter's part."""


def neighbours(axis: Axis, first: int, end: int) -> Between:
    """For pixels from `first` to before `end`."""
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
            low: a logit; parts that have none above it are given as None, and of other parts what lies in rows of
                cells before the first that is above it, or behind the last, as minus infinity: these cost nothing.
        """
        self._down, self._across, self._low = tiling.down, tiling.across, low
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

    def part(self, end: int, left: int, right: int) -> tuple[list[Logits | None], NDArray[np.bool_] | None]:
        """The rows from `next_row` to before `end`, which is at most `ready`, and the columns from `left` to `right`.

        Returns:
            K times logits (h, w) or None (see `low`), and where a tile has answered, (h, w) or None for everywhere.
        """
        before, behind, part = neighbours(self._down, self.next_row, end)
        rows = before - self._first_cell, behind - self._first_cell, part
        columns = neighbours(self._across, left, right)
        return [self._enlarged(cells, rows, columns) for cells in self._logits], self._answered_in(end, left, right)

    def leave(self, end: int) -> None:
        """Go on with row `end`: those before it have been taken."""
        spent = int(neighbours(self._down, end - 1, end)[0][0]) - self._first_cell
        self._logits = [cells[spent:] for cells in self._logits]
        self._answered = self._answered[spent:]
        self._first_cell += spent
        self.next_row = end

    def _enlarged(self, cells: Logits, rows: Between, columns: Between) -> Logits | None:
        (before, behind, part), (left, right, along) = rows, columns
        high = cells[before[0] : behind[-1] + 1, left[0] : right[-1] + 1] > self._low
        if not high.any():
            return None
        found = np.full((len(before), len(left)), -np.inf, dtype=np.float32)
        bounds = [0, *(np.flatnonzero(np.diff(before)) + 1).tolist(), len(before)]
        wide: dict[int, Logits] = {}
        for top, bottom in pairwise(bounds):
            pair = (int(before[top]), int(behind[top]))
            near = np.flatnonzero(high[pair[0] - before[0]] | high[pair[1] - before[0]]) + left[0]
            if len(near):  # from the first pixel that takes from such a cell to the last
                some = slice(np.searchsorted(right, near[0]), np.searchsorted(left, near[-1], "right"))
                wide = {row: wide[row] if row in wide else _across(cells[row], left, right, along) for row in pair}
                upper, lower = wide[pair[0]][some], wide[pair[1]][some]
                np.multiply.outer(part[top:bottom], lower - upper, out=found[top:bottom, some])
                found[top:bottom, some] += upper
        return found

    def _answered_in(self, end: int, left: int, right: int) -> NDArray[np.bool_] | None:
        # The last row's own cell may be one that its centre lies before: it is known all the same.
        rows = _nearest(self._down, self.next_row, end) - self._first_cell
        near = self._answered[np.minimum(rows, len(self._answered) - 1)]
        columns = _nearest(self._across, left, right)
        return None if near[:, columns[0] : columns[-1] + 1].all() else near[:, columns]


def _across(row: Logits, before: NDArray[np.int64], behind: NDArray[np.int64], part: NDArray[np.float32]) -> Logits:
    left = row[before]
    left += part * (row[behind] - left)
    return left


def _nearest(axis: Axis, first: int, end: int) -> NDArray[np.int64]:
    """The cells that pixels' centres lie in."""
    return np.minimum(axis.cell_at(np.arange(first, end)).astype(np.int64), axis.cells - 1)
