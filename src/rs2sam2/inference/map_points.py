"""Points and boxes given in map coordinates, as pixels of a georeferenced image.

Shapes: N points, (x, y) each.
"""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rs2sam2.errors import PromptError
from rs2sam2.inference.images import RasterImage

Coordinates = Literal["pixels", "crs", "lonlat"]
"""Pixels of the image, its own coordinate reference system, or longitude and latitude (WGS 84, degrees)."""

_NOISE = 6
"""Decimals of a pixel below which a difference is the reprojection's."""


def to_pixels(image: RasterImage, xy: ArrayLike, coordinates: Coordinates) -> NDArray[np.float64]:
    """Bring points onto an image.

    Args:
        image: opened.
        xy: (N, 2).
        coordinates: what they are.

    Returns:
        (N, 2) in pixels, x to the right, y downwards; perhaps outside the image.

    Raises:
        PromptError: if the image has no such coordinates, or there is no such choice.
    """
    given = np.asarray(xy, dtype=np.float64).reshape(-1, 2)
    if coordinates not in get_args(Coordinates):
        raise PromptError(f"coordinates {coordinates!r}: use {', '.join(get_args(Coordinates))}")
    if coordinates == "pixels":
        return given
    if image.transform is None:
        raise _nowhere(image)
    if coordinates == "lonlat":
        given = _from_lonlat(image, given)
    if not np.isfinite(given).all():
        raise PromptError(f"{image.name}: a point or a box lies outside the coordinate system of this image")
    a, b, c, d, e, f = (~image.transform)[:6]
    found: NDArray[np.float64] = given @ np.array([[a, d], [b, e]]) + (c, f)
    return found.round(_NOISE)


def box_to_pixels(image: RasterImage, box: Sequence[float], coordinates: Coordinates) -> Sequence[float]:
    """As `to_pixels`, of a box (x0, y0, x1, y1): the smallest box in pixels that holds its four corners."""
    if coordinates == "pixels":
        return box
    x0, y0, x1, y1 = box
    corners = to_pixels(image, [(x0, y0), (x1, y0), (x1, y1), (x0, y1)], coordinates)
    return [*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist()]


def _from_lonlat(image: RasterImage, degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    from rs2sam2.inference.measure import from_lonlat

    convert = None if image.crs is None else from_lonlat(image.crs)
    if convert is None:
        raise _nowhere(image)
    return convert(degrees)


def _nowhere(image: RasterImage) -> PromptError:
    return PromptError(f"{image.name}: this image has no place on Earth: give points and box in pixels")
