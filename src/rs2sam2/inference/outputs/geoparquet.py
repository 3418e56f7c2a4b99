"""GeoParquet 1.1: Parquet with polygons as WKB and a key that describes them. Needs the optional 'geo' dependencies."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rs2sam2.inference.outputs.layer import IN_PIXELS, Layer
from rs2sam2.inference.polygons.objects import Objects


def write_geoparquet(path: Path, layer: Layer, batches: Iterable[Objects]) -> None:
    """Write a GeoParquet file (https://geoparquet.org/releases/v1.1.0); the key `rs2sam2` says where it comes from.

    Raises:
        OSError: if it cannot be written.
    """
    import pyarrow.parquet as pq

    geo = geo_key(["Polygon"], crs=_projjson(layer))
    about = layer.tags if layer.placed_crs is not None else layer.tags | {"coordinates": IN_PIXELS}
    described = {"geo": json.dumps(geo), "rs2sam2": json.dumps(about, ensure_ascii=False)}
    schema = layer.schema({}).with_metadata(described)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in layer.record_batches(schema, batches):
            writer.write_batch(batch)


def geo_key(types: Sequence[str], **about: object) -> dict[str, Any]:
    """The value of the key `geo` for a column `geometry` of polygons as WKB.

    Args:
        types: that occur in it.
        about: what else is said of the column: without a `crs` it is in longitude and latitude (OGC:CRS84).
    """
    column = {"encoding": "WKB", "geometry_types": list(types), "orientation": "counterclockwise", **about}
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}


def _projjson(layer: Layer) -> dict[str, Any] | None:
    from pyproj import CRS

    return None if layer.placed_crs is None else CRS.from_wkt(layer.placed_crs.to_wkt()).to_json_dict()
