"""What the map in a notebook shows, as small files: squares of the image at every scale, and masks.

Shapes: H, W height and width of the image in pixels.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rs2sam2.errors import ImageError
from rs2sam2.inference.segmentation import Segmentation

TILE = 256
"""Pixels along a side of a square."""
_FINEST_HEAT = 1024


class Tiles:
    """An image at its own scale and at halves of it, in squares."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        """Of (H, W, 3)."""
        self._scales = [Image.fromarray(pixels)]
        self.levels = max(0, (max(pixels.shape[:2]) - 1) // TILE).bit_length() + 1

    def jpeg(self, level: int, column: int, row: int) -> bytes:
        """A square of the image at a scale of 1 / 2 ** level, as a JPEG file; smaller at the right and lower border.

        Raises:
            ImageError: if there is no such square.
        """
        if not 0 <= level < self.levels:
            raise ImageError(f"level {level}: there are 0 to {self.levels - 1}")
        while len(self._scales) <= level:
            self._scales.append(self._scales[-1].reduce(2))
        whole = self._scales[level]
        left, top = column * TILE, row * TILE
        if not (0 <= left < whole.width and 0 <= top < whole.height):
            raise ImageError(f"square ({column}, {row}) of level {level} lies outside the image")
        square = whole.crop((left, top, min(left + TILE, whole.width), min(top + TILE, whole.height)))
        buffer = io.BytesIO()
        square.save(buffer, "JPEG", quality=88)
        return buffer.getvalue()


def mask_png(answer: Segmentation) -> bytes:
    """White where the mask is, transparent elsewhere."""
    return _veil(answer.mask.astype(np.uint8) * 255)


def heat_png(probability: NDArray[np.float32]) -> bytes:
    """White, as opaque as each pixel of (H, W) is probable; no finer than the model sees."""
    step = -(-max(probability.shape) // _FINEST_HEAT)
    return _veil(np.rint(probability[::step, ::step] * 255).astype(np.uint8))


def _veil(opacity: NDArray[np.uint8]) -> bytes:
    shown = Image.fromarray(opacity)
    buffer = io.BytesIO()
    Image.merge("LA", (Image.new("L", shown.size, 255), shown)).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
