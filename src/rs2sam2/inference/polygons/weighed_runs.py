"""Runs of pixels, and what their pixels weigh together.

Shapes: h, w rows and columns of a part of a raster in pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from rs2sam2.inference.runs import Runs


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
