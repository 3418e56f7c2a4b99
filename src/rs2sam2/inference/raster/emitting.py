"""From the tiles' answers in the journal to finished strips. Needs the optional 'geo' dependencies.

Shapes: K expressions, W raster width in pixels, h rows of a strip.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from rs2sam2.errors import ImageError
from rs2sam2.inference.exclusive import likeliest
from rs2sam2.inference.raster.blending import Blend
from rs2sam2.inference.raster.enlarging import Enlarging
from rs2sam2.inference.raster.journal import Journal
from rs2sam2.inference.raster.sinks import Strip
from rs2sam2.inference.raster.source import RasterSource
from rs2sam2.inference.raster.tiling import Tiling

PIXELS = 1 << 19
"""In one strip, all expressions together: memory does not depend on the raster's width."""

Reading = Callable[[torch.Tensor], torch.Tensor]
"""From logits to probabilities."""


class Emitting:
    """Blends one row of tiles after the other, and gives the strips that are finished by it.

    Attributes:
        surest: for each expression P(present) and predicted IoU of the tile that was surest of it so far.
        empty: tiles without data so far.
    """

    def __init__(
        self,
        tiling: Tiling,
        journal: Journal,
        source: RasterSource,
        expressions: int,
        reading: Reading,
        nothing: float,
        threshold: float,
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
            threshold: of the masks, a probability.
            exclusive: whether each pixel goes to one expression at most.
        """
        self._tiling, self._journal, self._source = tiling, journal, source
        self._reading, self._threshold, self._exclusive = reading, threshold, exclusive
        self._blends = [Blend(tiling, nothing) for _ in range(expressions)]
        self._enlarging = Enlarging(tiling, expressions, nothing)
        self._said = np.zeros((tiling.rows, tiling.columns), dtype=np.bool_)
        self.surest = [(0.0, 0.0)] * expressions
        self.empty = 0

    def count_tiles(self, bounds: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many tiles had a say in objects, see `CountTiles`."""
        return self._tiling.count(bounds, self._said)

    def row(self, row: int, left_out: NDArray[np.bool_], failed: NDArray[np.bool_]) -> Iterator[Strip]:
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
        height = max(1, PIXELS // (self._source.width * len(self._blends)))
        while (first := self._enlarging.next_row) < self._enlarging.ready:
            yield self._strip(first, min(first + height, self._enlarging.ready))

    def _strip(self, first: int, end: int) -> Strip:
        logits, valid = self._enlarging.take(end)
        has_data = self._valid(first, end)
        if has_data is not None:
            valid = has_data if valid is None else valid & has_data
        shape = (end - first, self._source.width)
        probabilities = [None if some is None else self._probability(some, valid) for some in logits]
        masks = [np.zeros(shape, dtype=np.bool_) if p is None else p > self._threshold for p in probabilities]
        if self._exclusive:
            masks = _apart(masks, probabilities)
        return Strip(first, masks, probabilities, valid)

    def _probability(self, logits: NDArray[np.float32], valid: NDArray[np.bool_] | None) -> NDArray[np.float32]:
        probability: NDArray[np.float32] = self._reading(torch.from_numpy(logits)).numpy()
        if valid is not None:
            probability *= valid
        return probability

    def _valid(self, first: int, end: int) -> NDArray[np.bool_] | None:
        """Where the source has data; what cannot be read has none, a tile's width at a time."""
        try:
            return self._source.valid(first, end)
        except ImageError:
            width = self._source.width
            mask = np.zeros((end - first, width), dtype=np.bool_)
            for left in range(0, width, 256):
                try:
                    some = self._source.valid(first, end, left, min(width, left + 256))
                except ImageError:
                    continue
                mask[:, left : left + 256] = True if some is None else some
            return mask


def _apart(
    masks: Sequence[NDArray[np.bool_]], probabilities: Sequence[NDArray[np.float32] | None]
) -> list[NDArray[np.bool_]]:
    zero = np.zeros(masks[0].shape, dtype=np.float32)
    labels = likeliest((mask, zero if p is None else p) for mask, p in zip(masks, probabilities, strict=True))
    return [labels == number for number in range(1, len(masks) + 1)]
