"""Sums over finished parts: how many pixels were found, and where."""

from typing import Self

import numpy as np
from numpy.typing import NDArray


class Tally:
    """Of one expression's mask.

    Attributes:
        area_px: pixels.
        bbox: (x_min, y_min, x_max, y_max), the last two just outside; None while nothing was found.
    """

    def __init__(self) -> None:
        self.area_px = 0
        self.bbox: tuple[int, int, int, int] | None = None

    def add(self, first_row: int, first_column: int, mask: NDArray[np.bool_]) -> Self:
        """Take a part (h, w) that begins at this pixel."""
        count = int(np.count_nonzero(mask))
        if count:
            self.area_px += count
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            rows, columns = rows + first_row, columns + first_column
            here = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
            before = self.bbox or here
            self.bbox = (
                min(before[0], here[0]),
                min(before[1], here[1]),
                max(before[2], here[2]),
                max(before[3], here[3]),
            )
        return self
