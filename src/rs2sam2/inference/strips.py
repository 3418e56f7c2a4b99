"""What a streamed run over a large raster hands on, strip by strip.

Shapes: W raster width in pixels, h rows of one strip (they differ from strip to strip).
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class StripSink(Protocol):
    """Takes the finished rows of one expression's answer, from the raster's first row to its last, without gaps.

    The arrays belong to the caller, who uses them again after `add` has returned: keep copies.
    """

    def add(self, row_offset: int, mask: NDArray[np.bool_], probability: NDArray[np.uint8]) -> None:
        """Take the next rows.

        Args:
            row_offset: the raster row of the strip's first row: 0 at first, then where the strip before ended.
            mask: (h, W), True where the expression is meant; False in no-data pixels.
            probability: (h, W), 0..255 stand for the probabilities 0..1; 0 in no-data pixels.
        """
        ...

    def close(self) -> None:
        """Take note that the last row has come: finish the output. Not called in a run that fails or is stopped."""
        ...
