"""Polygons as files: GeoPackage, GeoJSON, FlatGeobuf, GeoParquet and Shapefile, one row for each object.

Needs the optional 'geo' dependencies. Objects come in batches, so that memory does not depend on how many there are.
"""

import secrets
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from rs2sam2.errors import OutputError
from rs2sam2.inference.outputs.geojson import write_geojson
from rs2sam2.inference.outputs.geoparquet import write_geoparquet
from rs2sam2.inference.outputs.layer import IN_PIXELS, Layer
from rs2sam2.inference.outputs.options import PolygonOptions
from rs2sam2.inference.outputs.tags import tags
from rs2sam2.inference.outputs.targets import SHAPEFILE_PARTS, Target
from rs2sam2.inference.polygons.objects import Objects
from rs2sam2.inference.polygons.simplify import simplified
from rs2sam2.inference.segmentation import Segmentation

if TYPE_CHECKING:
    import pyarrow as pa

LAYER = "segments"

_DRIVERS = {".gpkg": "GPKG", ".fgb": "FlatGeobuf", ".shp": "ESRI Shapefile"}
# dBASE allows names of ten bytes.
_SHAPEFILE_NAMES = {"perimeter_m": "perim_m"}
_UNDEFINED_CARTESIAN = -1


def write_layer(target: Target, folder: Path, layer: Layer, batches: Iterable[Objects]) -> list[tuple[Path, Target]]:
    """Write a vector file, to be brought to its place by `move_files`; the target's suffix says which format.

    GeoJSON is in longitude and latitude, all others are in the layer's own CRS.

    Args:
        target: where it shall be.
        folder: where it is written, best on the target's file system.
        layer: what it is about.
        batches: objects in the order of their rows, which are numbered from 1.

    Returns:
        The file with its target; for a Shapefile those that belong to it, too.

    Raises:
        OutputError: if it cannot be written.
    """
    path = folder / f"{secrets.token_hex(8)}{target.suffix}"
    try:
        if target.suffix == ".geojson":
            write_geojson(path, layer, batches)
        elif target.suffix == ".parquet":
            write_geoparquet(path, layer, batches)
        else:
            _write_with_gdal(path, layer, batches)
    except OutputError:
        raise
    except (OSError, RuntimeError) as error:  # pyogrio's errors are RuntimeErrors
        reason = " ".join(str(error).split())
        raise OutputError(
            f"{target.name}: cannot be written ({reason}): free some room or give another place"
        ) from error
    beside = SHAPEFILE_PARTS if target.suffix == ".shp" else ()
    return [(path, target), *((path.with_suffix(suffix), target.beside(suffix)) for suffix in beside)]


def _write_with_gdal(path: Path, layer: Layer, batches: Iterable[Objects]) -> None:
    from pyarrow import RecordBatchReader
    from pyogrio import write_arrow

    crs = layer.placed_crs
    is_geopackage = path.suffix == ".gpkg"
    schema = layer.schema(_SHAPEFILE_NAMES if path.suffix == ".shp" else {})
    options = {"SRID": _UNDEFINED_CARTESIAN} if is_geopackage and crs is None else {}
    metadata = layer.tags if crs is not None else layer.tags | {"coordinates": IN_PIXELS}
    with warnings.catch_warnings(), _reraised(layer.record_batches(schema, batches)) as rows:
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        warnings.filterwarnings("ignore", ".*has been truncated to 254 characters", RuntimeWarning)
        write_arrow(
            RecordBatchReader.from_batches(schema, rows),
            path,
            driver=_DRIVERS[path.suffix],
            layer=LAYER if path.suffix != ".shp" else None,
            geometry_name="geometry",
            geometry_type="Polygon",
            crs=None if crs is None else crs.to_wkt(),
            layer_metadata=metadata if is_geopackage else None,
            **options,
        )
    if path.suffix == ".shp" and crs is None:
        # So that the one of a shapefile that was there before does not stay.
        path.with_suffix(".prj").touch()


@contextmanager
def _reraised(rows: "Iterator[pa.RecordBatch]") -> "Iterator[Iterator[pa.RecordBatch]]":
    """Rows whose errors (and Ctrl-C, while they are made) come out as what they are, not as the reader's own error."""
    raised: list[BaseException] = []

    def watched() -> "Iterator[pa.RecordBatch]":
        try:
            yield from rows
        except BaseException as error:
            raised.append(error)
            raise

    try:
        yield watched()
    except RuntimeError:
        if raised:
            raise raised[0] from None
        raise


def encode_polygons(
    target: Target, answers: Sequence[Segmentation], options: PolygonOptions
) -> list[tuple[Target, bytes]]:
    """The file with the polygons of these answers, or the several that make up a Shapefile.

    Raises:
        OutputError: if there is no room for a temporary file.
    """
    first = answers[0]
    layer = Layer(tuple(answer.expression for answer in answers), first.transform, first.crs, tags(answers))
    rows = Objects.joined([_numbered(answer.objects, number) for number, answer in enumerate(answers)])
    rows = rows.at_least(options.min_area)
    if options.simplify:
        rows = Objects.joined([Objects.none(), *simplified([rows], options.simplify, exclusive=options.exclusive)])
    rows = rows.in_order()
    with TemporaryDirectory() as folder:
        files = write_layer(target, Path(folder), layer, [rows])
        return [(place, path.read_bytes()) for path, place in files]


def _numbered(found: Objects, expression: int) -> Objects:
    return replace(found, expression=np.full(len(found), expression, dtype=np.int64))
