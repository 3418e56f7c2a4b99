"""What a run over a large raster hands on, part by part: the rows of one block of files, and some of the columns.

Shapes: K expressions, h, w rows and columns of a part in pixels, M those of them that an expression means.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

Reading = Callable[[torch.Tensor], torch.Tensor]
"""From logits to probabilities."""


@dataclass(frozen=True)
class Part:
    """A finished part of all answers. Probabilities are made for those who ask for them: most pixels' nobody needs.

    Attributes:
        first_row, first_column: of the raster.
        masks: K times (h, w).
        logits: K times (h, w) float32; None where all of them are too low to be looked at.
        valid: (h, w) where there is data and an answer, or None for everywhere.
        reading: of the logits.
    """

    first_row: int
    first_column: int
    masks: Sequence[NDArray[np.bool_]]
    logits: Sequence[NDArray[np.float32] | None]
    valid: NDArray[np.bool_] | None
    reading: Reading
    _known: dict[int, NDArray[np.float32]] = field(default_factory=dict)

    def probability(self, number: int) -> NDArray[np.float32]:
        """(h, w) in 0..1 of an expression; 0 where there is no data."""
        logits = self.logits[number]
        if logits is None:
            return np.zeros(self.masks[number].shape, dtype=np.float32)
        if number not in self._known:
            probability = self._read(logits)
            if self.valid is not None:
                probability *= self.valid
            self._known[number] = probability
        return self._known[number]

    def steps_of_mask(self, number: int) -> NDArray[np.uint8]:
        """(M,) of an expression, row by row; 0..255 stand for 0..1."""
        logits = self.logits[number]
        return np.empty(0, dtype=np.uint8) if logits is None else steps(self._read(logits[self.masks[number]]))

    def _read(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        return self.reading(torch.from_numpy(logits)).numpy()


def steps(probability: NDArray[np.float32]) -> NDArray[np.uint8]:
    """0..255 for probabilities of 0..1."""
    scaled = probability * np.float32(255)
    rounded: NDArray[np.uint8] = np.rint(scaled, out=scaled).astype(np.uint8)
    return rounded
