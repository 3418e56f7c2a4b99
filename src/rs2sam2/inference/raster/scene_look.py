"""One look at a whole scene says which thing is meant and where; tiles at the finest resolution say how it lies.

"The largest", "on the left": a tile knows neither. So each such expression is asked of the whole raster first, scaled
down to one picture. Only tiles that the answer touches are asked then, with the answer as mask prompt, and what they
find counts where the answer lies.

Shapes: G x G logits of a look, H, W height and width in pixels of the picture that was looked at.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rs2sam2.inference.raster.source import RasterSource
from rs2sam2.inference.raster.tiling import Tiling
from rs2sam2.inference.segmentation import Segmentation
from rs2sam2.inference.segmenter import Segmenter
from rs2sam2.model.rs2sam2 import mask_logit

_LOST = 0.25
"""Part of what the look at the scene has found in a tile that the tile has to find again, to be believed instead."""


class SceneLook:
    """What one expression means in a scene that was looked at as a whole.

    Attributes:
        p_present: 0..1.
        predicted_iou: 0..1.
    """

    def __init__(
        self, answer: Segmentation | None, segmenter: Segmenter, source: RasterSource, threshold: float
    ) -> None:
        """Take an answer.

        Args:
            answer: of the segmenter, about the whole of the raster; None where that has no data.
            segmenter: of the answer.
            source: the raster.
            threshold: of masks, a probability.
        """
        self._cut = mask_logit(threshold, segmenter.config)
        self._width, self._height = source.width, source.height
        self.p_present, self.predicted_iou = (0.0, 0.0) if answer is None else (answer.p_present, answer.predicted_iou)
        self._logits = np.zeros((2, 2), dtype=np.float32)
        self._region = np.zeros((1, 1), dtype=np.bool_)
        if answer is not None and answer.present and answer.mask_logits is not None:
            self._logits = answer.mask_logits
            self._region = _widened(answer.mask, len(self._logits))

    def touches(self, tiling: Tiling) -> NDArray[np.bool_]:
        """(rows, columns) of tiles in which the thing lies."""
        found = np.zeros((tiling.rows, tiling.columns), dtype=np.bool_)
        if self._region.any():
            for tile in range(len(tiling)):
                found.flat[tile] = bool(self._region_in(tiling, tile).any())
        return found

    def prompt(self, tiling: Tiling, tile: int) -> NDArray[np.float32]:
        """(G, G) logits of the part of the answer that a tile shows; of an answer that is not empty."""
        rows, columns = (_along(axis, len(self._logits)) for axis in _cells(tiling, tile, self._height, self._width))
        (top, bottom, down), (left, right, across) = rows, columns
        upper = self._logits[np.ix_(top, left)] * (1 - across) + self._logits[np.ix_(top, right)] * across
        lower = self._logits[np.ix_(bottom, left)] * (1 - across) + self._logits[np.ix_(bottom, right)] * across
        return (upper * (1 - down[:, None]) + lower * down[:, None]).astype(np.float32)

    def kept(self, tiling: Tiling, tile: int, logits: NDArray[np.float32], nothing: float) -> NDArray[np.float32]:
        """What counts of a tile's (G, G) logits: those where the thing lies. What the tile has lost is put back."""
        region, coarse = self._region_in(tiling, tile), self.prompt(tiling, tile)
        meant = region & (coarse > self._cut)
        if np.count_nonzero(meant & (logits > self._cut)) < _LOST * np.count_nonzero(meant):
            logits = coarse
        return np.where(region, logits, np.float32(nothing))

    def _region_in(self, tiling: Tiling, tile: int) -> NDArray[np.bool_]:
        rows, columns = _cells(tiling, tile, self._height, self._width)
        height, width = self._region.shape
        down = np.clip((rows * height).astype(np.int64), 0, height - 1)
        across = np.clip((columns * width).astype(np.int64), 0, width - 1)
        beyond = ((rows < 0) | (rows >= 1))[:, None] | (columns < 0) | (columns >= 1)
        return np.asarray(self._region[np.ix_(down, across)] & ~beyond, dtype=np.bool_)


def look_at_scene(
    segmenter: Segmenter, source: RasterSource, expressions: Sequence[str], threshold: float | None
) -> list[SceneLook]:
    """Ask for each expression once, with the whole raster as one picture.

    Args:
        segmenter: what answers.
        source: the raster, or its area of interest.
        expressions: what to look for.
        threshold: of masks, a probability; None for the weights' own.

    Raises:
        ImageError: if the raster cannot be read.
        ExpressionError: if the model cannot read an expression.
    """
    picture = source.picture((0, 0, source.width, source.height), segmenter.config.image_size)
    cut = segmenter.decision.mask_threshold if threshold is None else threshold
    if picture is None:
        return [SceneLook(None, segmenter, source, cut) for _ in expressions]
    answers = segmenter.answers([(picture, text) for text in expressions], threshold)
    return [SceneLook(answer, segmenter, source, cut) for answer in answers]


def _widened(mask: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """A mask (H, W) with one of the look's cells more on each side: that is how finely it knows where things end."""
    from scipy.ndimage import maximum_filter

    height, width = mask.shape
    size = tuple(2 * math.ceil(length / side) + 1 for length in (height, width))
    return np.asarray(maximum_filter(mask, size), dtype=np.bool_)


def _cells(tiling: Tiling, tile: int, height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres of a tile's G rows and columns of cells, as parts of the raster's height and width."""
    left, top, right, bottom = tiling.box(tile)
    side = tiling.down.tile
    at = (np.arange(side) + 0.5) / side
    return (top + at * (bottom - top)) / height, (left + at * (right - left)) / width


def _along(where: NDArray[np.float64], side: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """For places 0..1 along `side` cells: the cells before and behind, and the latter's part."""
    exact = np.clip(where * side - 0.5, 0, side - 1)
    before = np.minimum(exact.astype(np.int64), max(0, side - 2))
    return before, np.minimum(before + 1, side - 1), exact - before
