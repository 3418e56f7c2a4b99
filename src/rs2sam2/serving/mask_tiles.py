"""Map tiles of a mask that was written to a file: one colour, transparent elsewhere."""

import io
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from rs2sam2.serving.picture import opened
from rs2sam2.serving.tiles import EMPTY, Tile, read_mercator, read_pixels
from rs2sam2.serving.whole_raster import Order


def mask_tile(
    order: Order, path: Path, space: Literal["pixels", "mercator"], tile: Tile, answer: int, colour: str
) -> bytes:
    """A PNG of 256 x 256 pixels.

    Args:
        order: the run that wrote the mask.
        path: of the mask (see `label_map` for its values).
        space: of the tile.
        tile: z, x, y.
        answer: number of the expression, from 0.
        colour: six hexadecimal digits.

    Raises:
        Refusal: there is no such tile (404).
    """
    if space == "pixels":
        read = read_pixels(path, order.picture, _origin(order, path), tile, (1,), "nearest")
    else:
        read = read_mercator(path, order.picture, tile, (1,), "nearest")
    if read is None:
        return EMPTY
    label = 255 if len(order.expressions) == 1 else answer + 1
    meant = (np.asarray(read.data[0]) == label) & (np.asarray(read.mask) > 0)
    if not meant.any():
        return EMPTY
    image = Image.fromarray(meant.astype(np.uint8))
    image.putpalette([0, 0, 0, *bytes.fromhex(colour)])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=0)
    return buffer.getvalue()


def _origin(order: Order, path: Path) -> tuple[int, int]:
    """Where the mask begins in the picture; a window of a turned raster gets a mask that is larger than itself."""
    if order.picture.transform is None:
        return order.window[:2]
    with opened(path) as dataset:
        column, row = ~order.picture.transform @ (dataset.transform.c, dataset.transform.f)
    return round(column), round(row)
