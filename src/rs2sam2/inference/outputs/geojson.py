"""GeoJSON (RFC 7946), a line for each object. Needs the optional 'geo' dependencies."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rs2sam2.inference.measure import to_lonlat
from rs2sam2.inference.outputs.layer import IN_PIXELS, Layer
from rs2sam2.inference.polygons.objects import Objects

# 1e-8 degrees are about a millimetre; the six decimals of RFC 7946's advice would move the corners of drone pixels.
_DECIMALS = 8


def write_geojson(path: Path, layer: Layer, batches: Iterable[Objects]) -> None:
    """Write a FeatureCollection as RFC 7946 wants it: longitude and latitude, outer rings counter-clockwise.

    The foreign member `rs2sam2` names expressions, model and coordinates. A raster without a place on Earth gives
    pixel coordinates, and the member says so. Equal objects give equal bytes.

    Raises:
        OSError: if it cannot be written.
    """
    convert = None if layer.placed_crs is None else to_lonlat(layer.placed_crs)
    about = layer.tags | {"coordinates": IN_PIXELS if convert is None else "EPSG:4326"}
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(f'{{"type": "FeatureCollection",\n"rs2sam2": {_json(about)},\n"features": [')
        separator = "\n"
        for feature in _features(layer, batches, convert):
            file.write(separator + feature)
            separator = ",\n"
        file.write("\n]}\n")


def _features(
    layer: Layer, batches: Iterable[Objects], convert: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None
) -> Iterator[str]:
    import shapely

    first_id = 1
    for objects in batches:
        columns = layer.columns(objects, first_id)
        first_id += len(objects)
        if convert is None:
            shapes = shapely.orient_polygons(objects.outline)
        else:
            geographic = layer.crs is not None and layer.crs.is_geographic
            shapes = on_the_globe(shapely.transform(layer.polygons(objects), convert), continuous=geographic)
        rows = (dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True))
        for row, geometry in zip(rows, shapely.to_geojson(shapes), strict=True):
            yield f'{{"type": "Feature", "properties": {_json(row)}, "geometry": {geometry or "null"}}}'


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def on_the_globe(polygons: NDArray[np.object_], *, continuous: bool) -> NDArray[np.object_]:
    """Polygons in degrees with longitudes in -180..180; RFC 7946, section 3.1.9: cut where they cross 180 degrees.

    Args:
        polygons: (N,).
        continuous: whether longitudes go on beyond 180 degrees (a geographic CRS) or jump to the other side there.

    Returns:
        (N,), None for what no longitude and latitude could be found for.
    """
    import shapely

    polygons[~np.isfinite(shapely.bounds(polygons)).all(axis=1)] = None
    west, _, east, _ = shapely.bounds(polygons).T
    across = (west < -180) | (east > 180) | ((east - west > 180) & (not continuous))
    for index in np.flatnonzero(across):
        polygons[index] = _cut(polygons[index], jumps=not continuous)
    rounded = shapely.transform(polygons, lambda points: np.round(points, _DECIMALS))
    return np.asarray(shapely.orient_polygons(rounded), dtype=np.object_)


def _cut(polygon: object, *, jumps: bool) -> object:
    import shapely

    if jumps:
        polygon = shapely.transform(polygon, lambda points: np.column_stack([points[:, 0] % 360, points[:, 1]]))
    turns = np.floor((shapely.bounds(polygon)[0] + 180) / 360)
    polygon = shapely.transform(polygon, lambda points: points - [360 * turns, 0])
    halves = [shapely.intersection(polygon, shapely.box(-180, -90, 180, 90))]
    beyond = shapely.intersection(polygon, shapely.box(180, -90, 540, 90))
    halves.append(shapely.transform(beyond, lambda points: points - [360, 0]))
    pieces = [piece for half in halves for piece in shapely.get_parts(half) if piece.geom_type == "Polygon"]
    return pieces[0] if len(pieces) == 1 else shapely.multipolygons(pieces)
