"""Outlines of objects from a vector layer: GeoPackage, GeoJSON, shapefile or GeoParquet, in the raster's pixels."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rs2sam2.data.building.names import UNKNOWN
from rs2sam2.data.building.raster_pixels import applied
from rs2sam2.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from pyproj import CRS

# What a file begins with, and the GDAL driver that reads it: by name alone, some of its drivers fetch other files.
_FORMATS = {
    ".gpkg": (b"SQLite format 3\0", "GPKG"),
    ".geojson": (b"{", "GeoJSON"),
    ".json": (b"{", "GeoJSON"),
    ".shp": (b"\0\0\x27\x0a", "ESRI Shapefile"),
    ".parquet": (b"PAR1", "Parquet"),
    ".geoparquet": (b"PAR1", "Parquet"),
}
_POLYGONS = (3, 6)
"""Type ids of shapely: Polygon and MultiPolygon."""


@dataclass(frozen=True)
class Layer:
    """Objects of a vector layer.

    Attributes:
        geometries: shapely polygons and multipolygons, valid and not empty.
        classes: of each; `UNKNOWN` where none is said.
        crs: of the coordinates, None if the file does not say.
        notes: what was mended or dropped.
    """

    geometries: NDArray[np.object_]
    classes: list[str]
    crs: "CRS | None"
    notes: list[str]


def read_layer(path: Path, layer: str | None, column: str | None, everything: str | None) -> Layer:
    """Read the polygons of a layer with their classes.

    Args:
        path: a file of one of the four formats.
        layer: name, where a file has several.
        column: of the classes.
        everything: class of all objects, instead of a column.

    Raises:
        DataError: the file cannot be read, has no such layer or column, no polygons, or none that can be mended.
        MissingExtraError: a library is missing.
    """
    driver = _driver(path)
    read = _read_parquet if driver == "Parquet" else _read_gdal
    wkb, values, crs = read(path, layer, column)
    if len(wkb) == 0:
        raise DataError(f"{path}: the layer is empty: nothing to speak of")
    geometries, kept, notes = _polygons(path, wkb)
    classes = [everything or UNKNOWN] * len(wkb) if values is None else [_class(value) for value in values]
    classes = [classes[index] for index in kept]
    if unnamed := classes.count(UNKNOWN):
        notes.append(f"{unnamed} objects have no class: no sentence means them, and they could be of any")
    if unnamed == len(classes):
        raise DataError(f"{path}: column {column!r} is empty for every object: name another column")
    return Layer(geometries, classes, crs, notes)


def _driver(path: Path) -> str:
    magic, driver = _FORMATS.get(path.suffix.lower(), (b"", ""))
    if not driver:
        raise DataError(f"{path}: not a vector layer that is known: give .gpkg, .geojson, .shp or .parquet")
    try:
        with path.open("rb") as file:
            start = file.read(64)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): check the path") from error
    if not start.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n" if magic == b"{" else b"").startswith(magic):
        raise DataError(f"{path}: not what its name says ({driver}): export it again")
    return driver


def _read_gdal(
    path: Path, layer: str | None, column: str | None
) -> tuple[NDArray[np.object_], NDArray[Any] | None, "CRS | None"]:
    """WKB of each object, values of the class column, CRS."""
    import pyogrio
    from pyogrio.raw import read
    from pyproj import CRS

    try:
        layers = [str(name) for name, _ in pyogrio.list_layers(path)]
        if layer is None and len(layers) > 1:
            raise DataError(f"{path}: has the layers {', '.join(layers)}: choose one with --layer")
        if layer is not None and layer not in layers:
            raise DataError(f"{path}: no layer {layer!r}; it has {', '.join(layers)}: choose one with --layer")
        info = pyogrio.read_info(path, layer=layer)
        _check_column(path, column, [str(name) for name in info["fields"]])
        meta, _, wkb, values = read(path, layer=layer, columns=[] if column is None else [column])
        crs = CRS.from_user_input(meta["crs"]) if meta["crs"] else None
    except (RuntimeError, ValueError) as error:  # all that pyogrio and pyproj raise
        if isinstance(error, DataError):
            raise
        raise _damaged(path, error) from error
    if wkb is None:
        raise DataError(f"{path}: the layer has no geometries: nothing to outline")
    return wkb, values[0] if column is not None else None, crs


def _read_parquet(
    path: Path, layer: str | None, column: str | None
) -> tuple[NDArray[np.object_], NDArray[Any] | None, "CRS | None"]:
    """As `_read_gdal`, by the GeoParquet specification 1.1; geometries have to be WKB."""
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise MissingExtraError("reading GeoParquet", "train") from error
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    if layer is not None:
        raise DataError(f"{path}: GeoParquet has no layers: leave --layer out")
    try:
        with ParquetFile(path) as file:
            schema = file.schema_arrow
            geo = json.loads((schema.metadata or {})[b"geo"])
            name = geo["primary_column"]
            about = geo["columns"][name]
            if about["encoding"] != "WKB":
                raise DataError(f"{path}: geometries are {about['encoding']}: export them as WKB")
            _check_column(path, column, [field for field in schema.names if field not in geo["columns"]])
            table = file.read(columns=[name] if column is None else [name, column])
        # Without a word about it, coordinates are longitude and latitude.
        crs = CRS.from_user_input(about.get("crs", "OGC:CRS84")) if about.get("crs", "") is not None else None
        wkb = np.array(table[name].to_pylist(), dtype=object)
        values = None if column is None else np.array(table[column].to_pylist(), dtype=object)
    except (ArrowException, CRSError, KeyError, TypeError, ValueError, OSError) as error:
        if isinstance(error, DataError):
            raise
        raise _damaged(path, error) from error
    return wkb, values, crs


def _check_column(path: Path, column: str | None, there: Sequence[str]) -> None:
    if column is not None and column not in there:
        raise DataError(
            f"{path}: no column {column!r}; it has {', '.join(there) or 'none'}: name one with --class-column, or say "
            "what all objects are with --class"
        )


def _polygons(path: Path, wkb: NDArray[np.object_]) -> tuple[NDArray[np.object_], list[int], list[str]]:
    """Valid polygons, which objects they are of, and notes."""
    import shapely

    geometries = shapely.force_2d(shapely.from_wkb(wkb, on_invalid="ignore"))
    kinds = shapely.get_type_id(geometries)
    there = np.isin(kinds, _POLYGONS) & ~shapely.is_empty(geometries)
    notes = []
    if not there.any():
        names = sorted({geometry.geom_type for geometry in geometries if geometry is not None}) or ["nothing"]
        raise DataError(f"{path}: no polygons but {', '.join(names)}: outlines of objects are needed")
    if count := int((~there).sum()):
        notes.append(f"{count} objects without a polygon were left out")
    invalid = there & ~shapely.is_valid(geometries)
    finite = np.isfinite(shapely.bounds(geometries)).all(axis=1)
    geometries[invalid & finite] = _polygonal(shapely.make_valid(geometries[invalid & finite]))
    usable = there & finite & (shapely.area(geometries) > 0)
    if count := int((invalid & usable).sum()):
        notes.append(f"{count} outlines that cross themselves were mended")
    if count := int((there & ~usable).sum()):
        notes.append(f"{count} outlines without an area were left out")
    if not usable.any():
        raise DataError(f"{path}: none of the {len(wkb)} outlines is valid or can be mended: repair the layer")
    return geometries[usable], np.flatnonzero(usable).tolist(), notes


def _polygonal(geometries: NDArray[np.object_]) -> NDArray[np.object_]:
    """What of each is a surface: mended outlines may carry lines and points along."""
    import shapely

    found = np.empty(len(geometries), dtype=object)
    for number, geometry in enumerate(geometries):
        parts = shapely.get_parts(geometry)
        found[number] = shapely.union_all(parts[np.isin(shapely.get_type_id(parts), _POLYGONS)])
    return found


def to_pixels(layer: Layer, path: Path, raster: Mapping[str, Any]) -> NDArray[np.object_]:
    """The geometries in pixels of a raster, x to the right and y down; the layer is reprojected if need be.

    Args:
        layer: what `read_layer` gave.
        path: its file, for messages.
        raster: "name", "crs" (WKT, or None), "transform" (affine) and "width" and "height" in pixels.

    Returns:
        A geometry for each of the layer; None for what lies outside.

    Raises:
        DataError: one of both has no CRS, or nothing of the layer lies in the raster.
    """
    import shapely
    from pyproj import CRS, Transformer

    if (layer.crs is None) != (raster["crs"] is None):
        lacking, other = (path, raster["name"]) if layer.crs is None else (raster["name"], path)
        raise DataError(f"{lacking}: has no CRS, {other} has one: say where it lies (a .prj file, gdal_edit -a_srs)")
    backwards = ~raster["transform"]
    transformer = None
    if layer.crs is not None and layer.crs != (target := CRS.from_wkt(raster["crs"])):
        transformer = Transformer.from_crs(layer.crs, target, always_xy=True)

    def to_pixel(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = points.T
        if transformer is not None:
            x, y = transformer.transform(x, y)
        return np.stack(applied(backwards, x, y), axis=1)

    moved = shapely.transform(layer.geometries, to_pixel)
    bounds = shapely.bounds(moved)
    finite = np.isfinite(bounds).all(axis=1)
    inside = (bounds[:, 2] > 0) & (bounds[:, 3] > 0) & (bounds[:, 0] < raster["width"])
    inside &= finite & (bounds[:, 1] < raster["height"])
    if not inside.any():
        raise DataError(f"{path}: none of its {len(moved)} objects lies in {raster['name']}: are they of one area?")
    moved[~inside] = None
    return np.asarray(moved)


def _class(value: object) -> str:
    """A value of the class column as text: 3.0, as columns with gaps have it, is "3"."""
    if value is None or value != value:  # not a number
        return UNKNOWN
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return str(value).strip()


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: cannot be read as a vector layer ({error}): export it again")
