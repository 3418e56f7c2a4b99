"""A whole mask's outlines as polygons along pixel edges. Needs the optional 'geo' dependencies.

Pixel coordinates: x to the right, y down, in pixels from the image's upper left corner (not from a pixel's centre).
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rs2sam2.inference.measure import placed
from rs2sam2.inference.polygons.objects import Objects, measured
from rs2sam2.inference.polygons.stream import MOST_PROBABLE, ObjectStream

if TYPE_CHECKING:
    from affine import Affine
    from rasterio.crs import CRS
    from shapely.geometry import Polygon


@dataclass(frozen=True)
class Part:
    """One connected piece of a mask.

    Attributes:
        outline: in pixel coordinates.
        polygon: in the raster's CRS; the same as `outline` without one.
        score: mean probability of its pixels, 0..1.
        area_px: pixels.
        area_m2: geodesic, on the ground; None where the raster has no place on Earth.
        perimeter_m: likewise, holes included.
    """

    outline: "Polygon"
    polygon: "Polygon"
    score: float
    area_px: int
    area_m2: float | None
    perimeter_m: float | None


def objects(
    mask: NDArray[np.bool_], probability: NDArray[np.float32], transform: "Affine | None", crs: "CRS | None"
) -> Objects:
    """The connected pieces of an (H, W) mask with their holes, in the order of their first pixels, row by row.

    Args:
        mask: (H, W).
        probability: (H, W), 0..1; what counts is the nearest of 255 steps, as in the strips of a large raster.
        transform: pixel corner (column, row) to coordinates of `crs`, or None.
        crs: the raster's, or None.
    """
    stream = ObjectStream(mask.shape[1])
    steps = np.rint(probability * MOST_PROBABLE).astype(np.uint8)
    pieces = (*stream.add(0, mask, steps), *stream.close())
    found = [measured(some, 0, transform, crs, _one_look) for some in pieces]
    return Objects.joined([Objects.none(), *found]).in_order()


def parts(found: Objects, transform: "Affine | None", crs: "CRS | None") -> tuple[Part, ...]:
    """The same pieces one by one, largest first."""
    found = found[np.argsort(-found.area_px, kind="stable")]
    polygons = found.outline if transform is None or crs is None else placed(found.outline, transform)
    columns = (found.score, found.area_px, found.area_m2, found.perimeter_m)
    rows = zip(found.outline, polygons, *(column.tolist() for column in columns), strict=True)
    return tuple(
        Part(outline, polygon, score, area_px, _known(area_m2), _known(perimeter_m))
        for outline, polygon, score, area_px, area_m2, perimeter_m in rows
    )


def _one_look(bounds: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.ones(len(bounds), dtype=np.int64)


def _known(metres: float) -> float | None:
    return None if math.isnan(metres) else metres
