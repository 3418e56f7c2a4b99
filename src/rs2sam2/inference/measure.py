"""Areas and lengths on the ground, in metres, whatever the CRS. Needs the optional 'geo' dependencies.

A CRS's own units mislead: square "metres" of EPSG:3857 are 27 % too many in Nepal. Everything here is
measured on the WGS 84 ellipsoid (C. F. F. Karney, "Algorithms for geodesics", Journal of Geodesy 87, 2013; through
`pyproj.Geod`). Shapes: N polygons.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from affine import Affine
    from pyproj import Geod, Transformer
    from rasterio.crs import CRS

# A straight edge in a CRS is no geodesic: in pieces this short (pixels) the difference does not matter.
_LONGEST_EDGE = 16.0
# Stairs of pixel edges are up to 41 % longer than the slanted line they stand for. Simplified within this many pixels,
# outlines of rotated rectangles from 20 x 10 pixels on come within 3.1 %. Rectangles along the axes are left alone.
_STAIRS = 1.2
# A scale that differs by less from one side of a thing to the other counts as one; the error is half of it at most.
_STEADY = 1e-5
_LARGEST_STEADY = 5000.0  # metres: across more, opposite sides may agree and the middle differ from both


def to_lonlat(crs: "CRS") -> Callable[[NDArray[np.float64]], NDArray[np.float64]] | None:
    """What maps (N, 2) coordinates of `crs` to longitude and latitude (EPSG:4326, degrees).

    None for a CRS without a place on Earth (local engineering grids, other planets).
    """
    transformer = _transformer(crs.to_wkt())
    if transformer is None:
        return None

    def convert(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

    return convert


def from_lonlat(crs: "CRS") -> Callable[[NDArray[np.float64]], NDArray[np.float64]] | None:
    """The inverse of `to_lonlat`; infinite where `crs` does not reach."""
    transformer = _transformer(crs.to_wkt())
    if transformer is None:
        return None

    def convert(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1], direction="INVERSE"))

    return convert


@lru_cache(maxsize=32)
def _transformer(wkt: str) -> "Transformer | None":
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    try:
        return Transformer.from_crs(wkt, "EPSG:4326", always_xy=True)
    except ProjError:
        return None


@lru_cache(maxsize=1)
def _wgs84() -> "Geod":
    from pyproj import Geod

    return Geod(ellps="WGS84")


def placed(outlines: NDArray[np.object_], transform: "Affine") -> NDArray[np.object_]:
    """Outlines (N,) in pixel coordinates where the raster's `transform` (rotated, sheared, mirrored) puts them."""
    import shapely

    a, b, c, d, e, f = transform[:6]
    linear, offset = np.array([[a, b], [d, e]]), np.array([c, f])
    return np.asarray(shapely.transform(outlines, lambda points: points @ linear.T + offset), dtype=np.object_)


def ground_areas(outlines: NDArray[np.object_], transform: "Affine", crs: "CRS") -> NDArray[np.float64]:
    """(N,) geodesic areas in square metres, holes taken off.

    Args:
        outlines: (N,) polygons in pixel coordinates.
        transform: brings pixel coordinates into `crs`.
        crs: the raster's.

    Returns:
        NaN where the CRS, or this part of it, has no place on Earth.
    """
    import shapely

    metric = _Metric.at(outlines, transform, crs)
    areas = shapely.area(outlines) * np.sqrt(metric.xx * metric.yy - metric.xy**2)
    far = outlines[~metric.steady]
    if len(far):
        ground = _on_ground(far, transform, crs)
        if ground is None:
            return np.full(len(outlines), np.nan)
        # Rings must run opposite ways for holes to be taken off; a transform with y downwards has turned them round.
        oriented = shapely.orient_polygons(ground)
        areas[~metric.steady] = [abs(_wgs84().geometry_area_perimeter(polygon)[0]) for polygon in oriented]
    return _finite(areas)


def ground_perimeters(outlines: NDArray[np.object_], transform: "Affine", crs: "CRS") -> NDArray[np.float64]:
    """(N,) geodesic lengths of outlines and holes in metres, of the slanted lines that the pixels' stairs stand for.

    Arguments and result are as in `ground_areas`.
    """
    smooth = _without_stairs(outlines)
    metric = _Metric.at(outlines, transform, crs)
    start, end, owner = _edges(smooth)
    x, y = (end - start).T
    squares = metric.xx[owner] * x**2 + 2 * metric.xy[owner] * x * y + metric.yy[owner] * y**2
    lengths = np.bincount(owner, weights=np.sqrt(squares), minlength=len(outlines)).astype(np.float64)
    far = smooth[~metric.steady]
    if len(far):
        ground = _on_ground(far, transform, crs)
        if ground is None:
            return np.full(len(outlines), np.nan)
        start, end, owner = _edges(ground)
        lengths[~metric.steady] = np.bincount(owner, weights=_geodesic(start, end), minlength=len(far))
    return _finite(lengths)


def _without_stairs(outlines: NDArray[np.object_]) -> NDArray[np.object_]:
    """Simplified within `_STAIRS`; rectangles stay as they are."""
    import shapely

    quick = shapely.simplify(outlines, _STAIRS, preserve_topology=False)
    # What is narrow collapses, or loses a hole: there the slow way, which keeps every ring.
    lost = shapely.get_num_interior_rings(quick) != shapely.get_num_interior_rings(outlines)
    lost |= shapely.is_empty(quick) | (shapely.get_type_id(quick) != shapely.get_type_id(outlines))
    quick[lost] = shapely.simplify(outlines[lost], _STAIRS)
    return np.where(shapely.get_num_coordinates(outlines) == 5, outlines, quick)


@dataclass(frozen=True)
class _Metric:
    """What a step of (x, y) pixels is worth at N places: sqrt(xx x^2 + 2 xy x y + yy y^2) metres.

    Attributes:
        xx, xy, yy: (N,) square metres; those at places that are not steady mean nothing.
        steady: (N,) where that holds for the whole of what lies there, within `_STEADY`. It does for what is small: a
            building, not a country.
    """

    xx: NDArray[np.float64]
    xy: NDArray[np.float64]
    yy: NDArray[np.float64]
    steady: NDArray[np.bool_]

    @classmethod
    def at(cls, outlines: NDArray[np.object_], transform: "Affine", crs: "CRS") -> "_Metric":
        """From sides and diagonals of the boxes around outlines in pixel coordinates."""
        import shapely

        box = shapely.bounds(outlines)
        convert = to_lonlat(crs)
        if convert is None:
            nothing = np.zeros(len(outlines))
            return cls(nothing, nothing, nothing, np.zeros(len(outlines), dtype=np.bool_))
        a, b, c, d, e, f = transform[:6]
        x, y = box[:, [0, 2, 0, 2]], box[:, [1, 1, 3, 3]]
        points = convert(np.column_stack([(a * x + b * y + c).ravel(), (d * x + e * y + f).ravel()]))
        upper_left, upper_right, lower_left, lower_right = points.reshape(-1, 4, 2).transpose(1, 0, 2)
        top, bottom = _geodesic(upper_left, upper_right), _geodesic(lower_left, lower_right)
        left, right = _geodesic(upper_left, lower_left), _geodesic(upper_right, lower_right)
        falling, rising = _geodesic(upper_left, lower_right), _geodesic(lower_left, upper_right)
        width, height = box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]
        steady = np.abs(top - bottom) <= _STEADY * top
        steady &= np.abs(left - right) <= _STEADY * left
        steady &= np.maximum(falling, rising) < _LARGEST_STEADY
        return cls(
            ((top + bottom) / (2 * width)) ** 2,
            (falling**2 - rising**2) / (4 * width * height),
            ((left + right) / (2 * height)) ** 2,
            steady,
        )


def _edges(polygons: NDArray[np.object_]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Starts and ends (M, 2) of all edges of outlines and holes, and the polygon (M,) of each."""
    import shapely

    rings, owner = shapely.get_rings(polygons, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    edge = np.flatnonzero(ring[:-1] == ring[1:])
    return points[edge], points[edge + 1], owner[ring[edge]]


def _geodesic(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M,) metres between points (M, 2) in longitude and latitude."""
    return np.asarray(_wgs84().inv(start[:, 0], start[:, 1], end[:, 0], end[:, 1])[2], dtype=np.float64)


def ground_lengths(lines: NDArray[np.float64], transform: "Affine", crs: "CRS") -> NDArray[np.float64] | None:
    """(N,) geodesic lengths in metres of (N, 2, 2) lines from one (x, y) in pixel coordinates to another.

    None without a place on Earth.
    """
    import shapely

    ground = _on_ground(shapely.linestrings(lines), transform, crs)
    if ground is None or not np.isfinite(ends := shapely.get_coordinates(ground)).all():
        return None
    return _geodesic(ends[0::2], ends[1::2])


def _on_ground(outlines: NDArray[np.object_], transform: "Affine", crs: "CRS") -> NDArray[np.object_] | None:
    """Outlines in longitude and latitude, in short pieces; None without a place on Earth."""
    import shapely

    convert = to_lonlat(crs)
    if convert is None:
        return None
    pieces = placed(shapely.segmentize(outlines, _LONGEST_EDGE), transform)
    return np.asarray(shapely.transform(pieces, convert), dtype=np.object_)


def _finite(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(values), values, np.nan)
