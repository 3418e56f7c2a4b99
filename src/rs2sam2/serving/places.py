"""Between an image's pixels, longitude and latitude, and the windows that requests name.

Shapes: N points, (x, y) each.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rs2sam2.data.building.raster_pixels import applied
from rs2sam2.inference.measure import from_lonlat, to_lonlat
from rs2sam2.serving.refusals import Refusal

if TYPE_CHECKING:
    from affine import Affine
    from rasterio.crs import CRS

    from rs2sam2.serving.picture import Picture

Coordinates = Literal["pixels", "lonlat"]
Window = tuple[int, int, int, int]
"""(x0, y0, x1, y1) in pixels, the last two just outside."""

SMALLEST_SIDE = 16
"""Of a scene, in pixels."""


def to_degrees(points: NDArray[np.float64], crs: "CRS", transform: "Affine") -> NDArray[np.float64] | None:
    """(N, 2) pixel coordinates as longitude and latitude; None where these do not exist."""
    convert = to_lonlat(crs)
    if convert is None:
        return None
    degrees = convert(np.column_stack(applied(transform, points[:, 0], points[:, 1])))
    return degrees if np.isfinite(degrees).all() else None


def corners(picture: "Picture", window: Window) -> list[list[float]] | None:
    """Longitude and latitude of a window's upper left, upper right, lower right and lower left corner."""
    if picture.crs is None or picture.transform is None or picture.bounds is None:
        return None
    x0, y0, x1, y1 = window
    points = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float64)
    found = to_degrees(points, picture.crs, picture.transform)
    return None if found is None else found.tolist()


def in_pixels(picture: "Picture", points: ArrayLike, coordinates: Coordinates) -> NDArray[np.float64]:
    """(N, 2) points of a request as pixel coordinates of its image.

    Raises:
        Refusal: they are longitude and latitude, and the image has no place on Earth, or not this one (422).
    """
    given = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if coordinates == "pixels":
        return given
    convert = None if picture.crs is None or picture.bounds is None else from_lonlat(picture.crs)
    if convert is None or picture.transform is None:
        raise Refusal(422, "this image has no place on Earth: give pixels")
    placed = convert(given)
    if not np.isfinite(placed).all():
        raise Refusal(422, "a point lies outside the coordinate system of this image")
    return np.column_stack(applied(~picture.transform, *placed.T))


def box_in_pixels(
    picture: "Picture", box: Sequence[float], coordinates: Coordinates
) -> tuple[float, float, float, float]:
    """A box of a request, (x0, y0, x1, y1), as the smallest one in pixels that holds its corners.

    Raises:
        Refusal: as `in_pixels`.
    """
    x0, y0, x1, y1 = box
    found = in_pixels(picture, [[x0, y0], [x1, y0], [x1, y1], [x0, y1]], coordinates)
    left, upper = found.min(axis=0)
    right, lower = found.max(axis=0)
    return float(left), float(upper), float(right), float(lower)


def scene_window(picture: "Picture", scene: Sequence[float] | None, coordinates: Coordinates) -> Window:
    """The window that a request is about: its scene, clipped to the image, in whole pixels; or the whole image.

    Raises:
        Refusal: nothing is left of the scene, or next to nothing (422).
    """
    if scene is None:
        return 0, 0, picture.width, picture.height
    # A millionth of a pixel is noise of the reprojection, no wish for one more row.
    left, upper, right, lower = (round(value, 6) for value in box_in_pixels(picture, scene, coordinates))
    x0, y0 = math.floor(max(0, min(left, picture.width))), math.floor(max(0, min(upper, picture.height)))
    x1, y1 = math.ceil(max(0, min(right, picture.width))), math.ceil(max(0, min(lower, picture.height)))
    if x1 - x0 < min(SMALLEST_SIDE, picture.width) or y1 - y0 < min(SMALLEST_SIDE, picture.height):
        raise Refusal(
            422, f"the scene shows less than {SMALLEST_SIDE} pixels of the image: draw it larger, or elsewhere"
        )
    return x0, y0, x1, y1
