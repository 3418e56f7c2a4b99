"""All scenes' polygons as one partitioned GeoParquet data set. Needs the optional 'geo' dependencies.

`segments/scene=<id>/part-0.parquet`: readers that know hive partitions give each row its scene. Scenes have different
CRSs, so the table's geometry is in longitude and latitude (OGC:CRS84, GeoParquet's own default).
"""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from rs2sam2.files import whole_file
from rs2sam2.inference.batch.job import TABLE, Job
from rs2sam2.inference.batch.scenes import Scene
from rs2sam2.inference.measure import to_lonlat
from rs2sam2.inference.outputs.geojson import on_the_globe
from rs2sam2.inference.outputs.geoparquet import geo_key
from rs2sam2.inference.outputs.layer import COLUMNS
from rs2sam2.inference.outputs.vector import LAYER

if TYPE_CHECKING:
    from rasterio.crs import CRS


def write_part(job: Job, scene: Scene, polygons: Path, crs: "CRS | None") -> Path | None:
    """Copy a scene's GeoPackage into the table.

    Args:
        job: says where the table is.
        scene: whose part it is.
        polygons: the GeoPackage.
        crs: of its coordinates.

    Returns:
        The part; None for a raster without a place on Earth, which has no row in the table.

    Raises:
        OSError: if it cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    import shapely
    from pyogrio.raw import open_arrow

    folder = job.folder / TABLE / f"scene={scene.scene_id}"
    convert = None if crs is None else to_lonlat(crs)
    if crs is None or convert is None:
        shutil.rmtree(folder, ignore_errors=True)
        return None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "part-0.parquet"
    fields = [(name, pa.type_for_alias(kind)) for name, kind in COLUMNS.items()]
    geo = json.dumps(geo_key(["Polygon", "MultiPolygon"]))
    schema = pa.schema([*fields, ("geometry", pa.binary())]).with_metadata({"geo": geo})
    with (
        open_arrow(polygons, layer=LAYER, use_pyarrow=True) as (about, rows),
        whole_file(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for batch in rows:
            shapes = shapely.from_wkb(batch.column(about["geometry_name"] or "wkb_geometry").to_pylist())
            placed = on_the_globe(shapely.transform(shapes, convert), continuous=crs.is_geographic)
            columns = [batch.column(name).cast(kind) for name, kind in fields]
            shapes = pa.array(shapely.to_wkb(placed), pa.binary())
            writer.write_batch(pa.record_batch([*columns, shapes], schema=schema))
    return path
