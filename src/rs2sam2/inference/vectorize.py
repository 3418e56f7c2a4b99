"""A mask's outlines as polygons along pixel edges. Needs the optional 'geo' dependencies.

Pixel coordinates: x to the right, y down, in pixels from the image's upper left corner (not from a pixel's centre).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rs2sam2.inference.measure import ground_area, ground_perimeter

if TYPE_CHECKING:
    from affine import Affine
    from rasterio.crs import CRS
    from shapely.geometry import Polygon

# Pixels that touch at a corner only are two parts: joined there, an outline would cross itself and be no valid polygon.
_CONNECTIVITY = 4


@dataclass(frozen=True)
class Part:
    """One connected piece of a mask.

    Attributes:
        outline: in pixel coordinates.
        polygon: in the raster's CRS; the same as `outline` without one.
        area_px: pixels.
        area_m2: geodesic, on the ground; None where the raster has no place on Earth.
        perimeter_m: likewise, holes included.
    """

    outline: "Polygon"
    polygon: "Polygon"
    area_px: int
    area_m2: float | None
    perimeter_m: float | None


def parts(mask: NDArray[np.bool_], transform: "Affine | None", crs: "CRS | None") -> tuple[Part, ...]:
    """The connected pieces of an (H, W) mask, largest first, with their holes."""
    return tuple(_part(outline, transform, crs) for outline in outlines(mask))


def outlines(mask: NDArray[np.bool_]) -> "list[Polygon]":
    """Valid polygons along the pixel edges of an (H, W) mask, in pixel coordinates, largest first."""
    from rasterio.features import shapes
    from shapely.geometry import shape

    found = [shape(geometry) for geometry, _ in shapes(mask.astype(np.uint8), mask=mask, connectivity=_CONNECTIVITY)]
    return sorted(found, key=lambda polygon: -polygon.area)


def placed(outline: "Polygon", transform: "Affine") -> "Polygon":
    """An outline in pixel coordinates where the raster's `transform` (also a rotated one) puts it."""
    import shapely

    a, b, c, d, e, f = transform[:6]

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        linear, offset = np.array([[a, b], [d, e]]), np.array([c, f])
        moved: NDArray[np.float64] = points @ linear.T + offset
        return moved

    return shapely.transform(outline, move)


def _part(outline: "Polygon", transform: "Affine | None", crs: "CRS | None") -> Part:
    area_px = round(outline.area)
    if transform is None or crs is None:
        return Part(outline, outline, area_px, None, None)

    def place(polygon: "Polygon") -> "Polygon":
        return placed(polygon, transform)

    return Part(
        outline, place(outline), area_px, ground_area(outline, place, crs), ground_perimeter(outline, place, crs)
    )
