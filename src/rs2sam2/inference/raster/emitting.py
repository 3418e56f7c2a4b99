"""From the tiles' answers in the journal to finished parts. Needs the optional 'geo' dependencies."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rs2sam2.errors import ImageError
from rs2sam2.inference.exclusive import likeliest
from rs2sam2.inference.raster.blending import Blend
from rs2sam2.inference.raster.enlarging import Enlarging
from rs2sam2.inference.raster.growing import BLOCK
from rs2sam2.inference.raster.journal import Journal
from rs2sam2.inference.raster.part import Part, Reading
from rs2sam2.inference.raster.source import RasterSource
from rs2sam2.inference.raster.tiling import Tiling

PIXELS = 1 << 19
"""In one part, all expressions together: memory does not depend on the raster's width."""


class Emitting:
    """Blends one row of tiles after the other, and gives the parts that are finished by it.

    Attributes:
        surest: for each expression P(present) and predicted IoU of the tile that was surest of it so far.
        empty: tiles without data so far.
        has_data: whether any pixel so far has data.
    """

    def __init__(
        self,
        tiling: Tiling,
        journal: Journal,
        source: RasterSource,
        expressions: int,
        reading: Reading,
        nothing: float,
        cut: float,
        low: float,
        *,
        exclusive: bool,
    ) -> None:
        """Begin at the first row.

        Args:
            tiling: of the raster.
            journal: what tiles have answered.
            source: tells which pixels have data.
            expressions: K.
            reading: what logits mean.
            nothing: a logit whose probability rounds to 0.
            cut: a logit: what is above belongs to the masks.
            low: a logit, at most `cut`: what is not above need not be known.
            exclusive: whether each pixel goes to one expression at most.
        """
        self._tiling, self._journal, self._source = tiling, journal, source
        self._reading, self._cut, self._exclusive = reading, np.float32(cut), exclusive
        self._blends = [Blend(tiling, nothing) for _ in range(expressions)]
        self._enlarging = Enlarging(tiling, expressions, low)
        self._said = np.zeros((tiling.rows, tiling.columns), dtype=np.bool_)
        self.surest = [(0.0, 0.0)] * expressions
        self.empty = 0
        self.has_data = False

    def count_tiles(self, bounds: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many tiles had a say in objects, see `CountTiles`."""
        return self._tiling.count(bounds, self._said)

    def row(self, row: int, left_out: NDArray[np.bool_], failed: NDArray[np.bool_]) -> Iterator[Part]:
        """Take a row of tiles.

        Args:
            row: its number, one more than that of the row before.
            left_out: (columns,) tiles that nobody asked: nothing is meant there.
            failed: (columns,) tiles that could not be read: unknown.
        """
        for column in range(self._tiling.columns):
            if failed[column]:
                continue
            answers = None if left_out[column] else self._journal.read(row * self._tiling.columns + column)
            if answers is None and not left_out[column]:
                self.empty += 1
                continue  # no data: its neighbours say all there is
            self._said[row, column] = answers is not None
            for number, blend in enumerate(self._blends):
                answer = None if answers is None else answers[number]
                logits = None if answer is None or answer.logits is None else answer.logits.astype(np.float32)
                blend.add(column, logits)
                if answer is not None:
                    self.surest[number] = max(self.surest[number], (answer.p_present, answer.predicted_iou))
        finished, answered = zip(*(blend.finish_row(row) for blend in self._blends), strict=True)
        self._enlarging.add(finished, answered[0])
        width, height = self._source.width, self._source.height
        columns = max(1, PIXELS // (BLOCK * BLOCK * len(self._blends))) * BLOCK
        while (first := self._enlarging.next_row) < height:
            end = min(first + BLOCK, height)
            if end > self._enlarging.ready:
                return
            for left in range(0, width, columns):
                yield self._part(end, left, min(left + columns, width))
            self._enlarging.leave(end)

    def _part(self, end: int, left: int, right: int) -> Part:
        first = self._enlarging.next_row
        logits, valid = self._enlarging.part(end, left, right)
        has_data = self._valid(first, end, left, right)
        self.has_data = self.has_data or has_data is None or bool(has_data.any())
        if has_data is not None:
            valid = has_data if valid is None else valid & has_data
        shape = (end - first, right - left)
        masks = [np.zeros(shape, dtype=np.bool_) if some is None else some > self._cut for some in logits]
        if valid is not None:
            masks = [mask & valid for mask in masks]
        part = Part(first, left, masks, logits, valid, self._reading)
        return _apart(part) if self._exclusive else part

    def _valid(self, first: int, end: int, left: int, right: int) -> NDArray[np.bool_] | None:
        """Where the source has data; what cannot be read has none, a tile's width at a time."""
        try:
            return self._source.valid(first, end, left, right)
        except ImageError:
            mask = np.zeros((end - first, right - left), dtype=np.bool_)
            for at in range(left, right, 256):
                try:
                    some = self._source.valid(first, end, at, min(right, at + 256))
                except ImageError:
                    continue
                mask[:, at - left : at - left + 256] = True if some is None else some
            return mask


def _apart(part: Part) -> Part:
    labels = likeliest((mask, part.probability(number)) for number, mask in enumerate(part.masks))
    return replace(part, masks=[labels == number for number in range(1, len(part.masks) + 1)])
