"""Polygons as GeoJSON and GeoPackage: one row for each connected piece of each expression's mask."""

import io
import json
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rs2sam2.inference.measure import to_lonlat
from rs2sam2.inference.outputs.tags import tags
from rs2sam2.inference.segmentation import Segmentation
from rs2sam2.inference.vectorize import Part

if TYPE_CHECKING:
    from shapely.geometry import MultiPolygon, Polygon

LAYER = "segments"
COLUMNS = ("id", "expression", "score", "area_m2", "perimeter_m", "area_px")

# 1e-8 degrees are about a millimetre; the six decimals of RFC 7946's advice would move the corners of drone pixels.
_DEGREES = 1e-8
_UNDEFINED_CARTESIAN = -1
_IN_PIXELS = "pixels of the image, x to the right and y down from its upper left corner: it has no CRS"


def encode_geojson(answers: Sequence[Segmentation]) -> bytes:
    """A FeatureCollection as RFC 7946 wants it: longitude and latitude, outer rings counter-clockwise.

    The foreign member `rs2sam2` names expressions, model and coordinates. An image without a place on Earth gives
    pixel coordinates, and the member says so.
    """
    import shapely

    crs = answers[0].crs if answers[0].transform is not None else None
    convert = to_lonlat(crs) if crs is not None else None
    features = []
    for row, part in _rows(answers):
        geometry: Polygon | MultiPolygon = part.outline
        if convert is not None:
            geometry = _cut_at_antimeridian(shapely.transform(part.polygon, convert))
            geometry = shapely.set_precision(geometry, _DEGREES, mode="pointwise")
        geometry = shapely.orient_polygons(geometry)
        features.append({"type": "Feature", "properties": row, "geometry": shapely.geometry.mapping(geometry)})
    about = tags(answers) | {"coordinates": _IN_PIXELS if convert is None else "EPSG:4326"}
    collection = {"type": "FeatureCollection", "rs2sam2": about, "features": features}
    return (json.dumps(collection, ensure_ascii=False, indent=1) + "\n").encode()


def encode_geopackage(answers: Sequence[Segmentation]) -> bytes:
    """A GeoPackage with one layer, `segments`, in the image's CRS, or in pixels ("Undefined Cartesian") without one."""
    import shapely
    from pyogrio import raw

    crs = answers[0].crs if answers[0].transform is not None else None
    rows = list(_rows(answers))
    types = (np.int32, object, np.float64, np.float64, np.float64, np.int64)
    values = [np.array([row[name] for row, _ in rows], dtype=kind) for name, kind in zip(COLUMNS, types, strict=True)]
    metadata = tags(answers) | ({} if crs is not None else {"coordinates": _IN_PIXELS})
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        raw.write(
            buffer,
            geometry=np.array([shapely.to_wkb(part.polygon) for _, part in rows], dtype=object),
            field_data=values,
            fields=list(COLUMNS),
            field_mask=[np.isnan(column) if column.dtype == np.float64 else None for column in values],
            driver="GPKG",
            layer=LAYER,
            geometry_type="Polygon",
            crs=None if crs is None else crs.to_wkt(),
            layer_metadata=metadata,
            **({"SRID": _UNDEFINED_CARTESIAN} if crs is None else {}),
        )
    return buffer.getvalue()


def _rows(answers: Sequence[Segmentation]) -> Iterator[tuple[dict[str, Any], Part]]:
    number = 0
    for answer in answers:
        for part in answer.parts:
            number += 1
            values = (number, answer.expression, answer.score, part.area_m2, part.perimeter_m, part.area_px)
            yield dict(zip(COLUMNS, values, strict=True)), part


def _cut_at_antimeridian(polygon: "Polygon") -> "Polygon | MultiPolygon":
    """RFC 7946, section 3.1.9: a polygon across 180 degrees becomes two that do not cross it."""
    import shapely
    from shapely.affinity import translate
    from shapely.geometry import MultiPolygon, box

    west, _, east, _ = polygon.bounds
    if east - west <= 180:
        return polygon
    eastern = shapely.transform(polygon, lambda points: np.column_stack([points[:, 0] % 360, points[:, 1]]))
    halves = [eastern & box(0, -90, 180, 90), translate(eastern & box(180, -90, 360, 90), -360)]
    return MultiPolygon([piece for half in halves for piece in shapely.get_parts(half) if piece.geom_type == "Polygon"])
