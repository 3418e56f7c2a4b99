"""Map tiles of a picture: in web mercator where it has a place on Earth, and in pixel space, for every one.

Pixel space is a made-up world of square tiles that holds the picture well within it: at `MARGIN` of the world's side
from its upper and left edge, on at most a quarter of its side, so that a map shows it like any other raster.
"""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from rs2sam2.serving.picture import BLOCK, HIGHEST_ZOOM, Picture, opened
from rs2sam2.serving.refusals import Refusal

if TYPE_CHECKING:
    from rio_tiler.models import ImageData

Tile = tuple[int, int, int]
"""z, x, y."""
Resampling = Literal["average", "bilinear", "nearest"]

COLOURS = (1, 2, 3)
MARGIN = 3 / 8
LOWEST_ZOOM = 3
"""Of pixel space: the first at which `MARGIN` is a whole number of tiles."""


def pixel_zoom(width: int, height: int) -> int:
    """The zoom at which a pixel of a tile is one of the picture."""
    return max(LOWEST_ZOOM, 2 + math.ceil(math.log2(max(width, height, BLOCK) / BLOCK)))


def pixel_tile(picture: Picture, z: int, x: int, y: int) -> bytes:
    """A PNG of 256 x 256 pixels with alpha; transparent outside the picture.

    Raises:
        Refusal: there is no such tile in the whole world (404).
    """
    return rendered(read_pixels(picture.path, picture, (0, 0), (z, x, y), COLOURS, "average"))


def mercator_tile(picture: Picture, z: int, x: int, y: int) -> bytes:
    """As `pixel_tile`, of the usual XYZ tiles in web mercator.

    Raises:
        Refusal: there is no such tile, or the picture has no place on Earth (404).
    """
    return rendered(read_mercator(picture.path, picture, (z, x, y), COLOURS, "bilinear"))


def read_pixels(
    path: Path, picture: Picture, origin: tuple[int, int], tile: Tile, bands: Sequence[int], resampling: Resampling
) -> "ImageData | None":
    """A tile in the pixel space of a picture; None if it shows nothing of it.

    Args:
        path: raster on the picture's grid, or on a part of it.
        picture: gives the grid.
        origin: (column, row) of the grid where the raster begins.
        tile: z, x, y.
        bands: of the raster, counted from 1.
        resampling: how pixels are made where they are not the raster's own.

    Raises:
        Refusal: there is no such tile (404).
    """
    _check(tile)
    from rio_tiler.io import ImageReader

    window = pixel_window(picture, *tile)
    if window is None:
        return None
    left, upper, side = window[0] - origin[0], window[1] - origin[1], window[2]
    with opened(path) as dataset, ImageReader(None, dataset=dataset) as reader:
        if left >= dataset.width or upper >= dataset.height or left + side <= 0 or upper + side <= 0:
            return None
        bbox = (left, upper + side, left + side, upper)
        found: ImageData = reader.part(bbox, width=BLOCK, height=BLOCK, indexes=bands, resampling_method=resampling)
    return found


def read_mercator(
    path: Path, picture: Picture, tile: Tile, bands: Sequence[int], resampling: Resampling
) -> "ImageData | None":
    """As `read_pixels`, in web mercator; where the raster lies it says itself."""
    _check(tile)
    if picture.bounds is None:
        raise Refusal(404, "this image has no place on Earth: ask for its tiles in pixel space")
    from rio_tiler.errors import TileOutsideBounds
    from rio_tiler.io import Reader

    z, x, y = tile
    with opened(path) as dataset:
        try:
            reader = Reader(None, dataset=dataset)
            found: ImageData = reader.tile(
                x, y, z, indexes=bands, resampling_method=resampling, reproject_method=resampling
            )
        except TileOutsideBounds:
            return None
    return found


def pixel_window(picture: Picture, z: int, x: int, y: int) -> tuple[float, float, float] | None:
    """(left, upper, side) in pixels of the picture of a tile in pixel space; None if it shows nothing of it."""
    zoom = pixel_zoom(picture.width, picture.height)
    side = BLOCK * 2.0 ** (zoom - z)
    left, upper = (x - MARGIN * 2**z) * side, (y - MARGIN * 2**z) * side
    shows = left < picture.width and upper < picture.height and left + side > 0 and upper + side > 0
    return (left, upper, side) if shows else None


def rendered(tile: "ImageData | None") -> bytes:
    """The tile as a PNG file."""
    if tile is None or not np.any(tile.mask):
        return EMPTY
    return bytes(tile.render(img_format="PNG", zlevel=1))


def _check(tile: Tile) -> None:
    z, x, y = tile
    if not (0 <= z <= HIGHEST_ZOOM and 0 <= x < 2**z and 0 <= y < 2**z):
        raise Refusal(404, f"there is no such tile: z is 0 to {HIGHEST_ZOOM}, x and y are 0 to 2^z - 1")


def _empty() -> bytes:
    buffer = io.BytesIO()
    Image.new("LA", (BLOCK, BLOCK)).save(buffer, "PNG")
    return buffer.getvalue()


EMPTY = _empty()
"""A transparent tile."""
