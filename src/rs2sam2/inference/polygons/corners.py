"""Where outlines along pixel edges turn, by the ends of runs (`rs2sam2.inference.runs`).

Shapes: W raster width in pixels, h rows of a strip.
"""

import numpy as np
from numpy.typing import NDArray

from rs2sam2.inference.polygons.boundaries import Corners
from rs2sam2.inference.runs import Runs


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
