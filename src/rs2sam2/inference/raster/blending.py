"""From the answers of overlapping tiles to one map of logits, a row of tiles at a time.

Shapes: G cells along a tile's side, C cells across the raster, h cell rows that are finished together.
"""

import numpy as np
from numpy.typing import NDArray

from rs2sam2.inference.raster.tiling import Tiling


def weights(side: int) -> NDArray[np.float32]:
    """(G, G) how far a tile's cells count: positive everywhere, most in the middle (a squared sine each way)."""
    along = np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2
    return np.outer(along, along).astype(np.float32)


class Blend:
    """The weighted mean of the tiles' logits for one expression.

    Memory holds the cells of one row of tiles.
    """

    def __init__(self, tiling: Tiling, nothing: float) -> None:
        """Begin at the first row.

        Args:
            tiling: of the raster.
            nothing: the logit of cells that are not meant, or that no tile has answered.
        """
        self._tiling, self._nothing = tiling, np.float32(nothing)
        self._side = tiling.down.tile
        self._weights = weights(self._side)
        self._sum = np.zeros((self._side, tiling.across.cells), dtype=np.float32)
        self._weight = np.zeros_like(self._sum)

    def add(self, column: int, logits: NDArray[np.float32] | None) -> None:
        """Take the answer of a tile in the row that is open.

        Args:
            column: of the tile.
            logits: (G, G), or None for "nothing here".
        """
        start = self._tiling.across.starts[column]
        cells = slice(start, start + self._side)
        wide = self._sum[:, cells].shape[1]
        weight = self._weights[:, :wide]
        self._sum[:, cells] += weight * (self._nothing if logits is None else logits[:, :wide])
        self._weight[:, cells] += weight

    def finish_row(self, row: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Close a row of tiles.

        Returns:
            (h, C) logits of the cell rows that no later tile reaches, and where a tile has answered.
        """
        down = self._tiling.down
        last = row + 1 == len(down.starts)
        done = (down.cells if last else down.starts[row + 1]) - down.starts[row]
        answered = self._weight[:done] > 0
        logits = np.full(answered.shape, self._nothing)
        np.divide(self._sum[:done], self._weight[:done], out=logits, where=answered)
        for kept in (self._sum, self._weight):
            kept[: self._side - done] = kept[done:].copy()
            kept[self._side - done :] = 0
        return logits, answered
