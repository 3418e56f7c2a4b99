"""Results as STAC: an item for each scene, and a collection of them. Needs the optional 'geo' dependencies.

Everything is linked by relative paths, so that the folder can be moved or served as it is.
"""

import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rs2sam2 import __version__
from rs2sam2.files import whole_file
from rs2sam2.inference.batch.job import SCENES, Job
from rs2sam2.inference.batch.scenes import Scene
from rs2sam2.inference.batch.table import write_part
from rs2sam2.inference.measure import to_lonlat
from rs2sam2.inference.segmentation import Weights

if TYPE_CHECKING:
    from pystac import Item
    from rasterio import DatasetReader

ITEM, COLLECTION = "item.json", "collection.json"
_EXTENSIONS = [
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
]
_ALONG = 21  # points along each side of a footprint: straight sides of a raster are curves in degrees
_STRAIGHT = 1e-7  # degrees: a centimetre


def write_item(
    job: Job, scene: Scene, polygons: Path, mask: Path, weights: Weights, found: Sequence[Mapping[str, Any]]
) -> None:
    """Put a scene's results into the table, and describe them by a STAC item.

    Args:
        job: the question.
        scene: that was asked.
        polygons: the GeoPackage.
        mask: the mask on the scene's own grid.
        weights: what answered.
        found: what `Status.found` holds.

    Raises:
        OSError: if a file cannot be written.
    """
    import pystac
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # it says so itself
        raster = rasterio.open(mask)
    with raster:
        table = write_part(job, scene, polygons, raster.crs)
        footprint = _footprint(raster)
        properties = _projection(raster)
        properties |= {
            "processing:software": {"rs2sam2": __version__},
            "rs2sam2:model": weights.name,
            "rs2sam2:model_sha256": weights.sha256,
            "rs2sam2:model_license": weights.license,
            "rs2sam2:found": [dict(one) for one in found],
        }
        taken = _time(scene)
    item = pystac.Item(
        scene.scene_id,
        None if footprint is None else {"type": "Polygon", "coordinates": [footprint]},
        None if footprint is None else _box(footprint),
        taken,
        properties,
        stac_extensions=_EXTENSIONS,
        collection="rs2sam2",
    )
    item.add_asset("polygons", pystac.Asset(polygons.name, media_type="application/geopackage+sqlite3", roles=["data"]))
    item.add_asset("mask", pystac.Asset(mask.name, media_type=pystac.MediaType.GEOTIFF, roles=["data"]))
    if table is not None:
        href = relpath(table, mask.parent)
        item.add_asset("table", pystac.Asset(href, media_type=pystac.MediaType.PARQUET, roles=["data"]))
    item.add_asset("source", pystac.Asset(scene.source, roles=["source"]))
    item.add_link(pystac.Link("collection", f"../../{COLLECTION}", "application/json"))
    if scene.item is not None:
        item.add_link(pystac.Link("derived_from", scene.item, "application/json"))
    _write(mask.with_name(ITEM), item.to_dict(include_self_link=False, transform_hrefs=False))


def write_collection(job: Job, scene_ids: Iterable[str]) -> None:
    """Collect the items of these scenes, and no others.

    Raises:
        OSError: if the file cannot be written.
    """
    import pystac

    items = [_read_item(job, scene_id) for scene_id in sorted(scene_ids)]
    boxes = np.array([item.bbox for item in items if item.bbox is not None]).reshape(-1, 4)
    whole = (
        [*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()] if len(boxes) else [-180, -90, 180, 90]
    )
    times = sorted(item.datetime for item in items if item.datetime is not None)
    extent = pystac.Extent(pystac.SpatialExtent([whole]), pystac.TemporalExtent(_interval(times)))
    collection = pystac.Collection(
        "rs2sam2", f"What was found of: {'; '.join(job.expressions)}", extent, license="other"
    )
    for item in items:
        collection.add_link(pystac.Link("item", f"./{SCENES}/{item.id}/{ITEM}", "application/geo+json"))
    _write(job.folder / COLLECTION, collection.to_dict(include_self_link=False, transform_hrefs=False))


def _interval(times: Sequence[datetime]) -> list[list[datetime | None]]:
    return [[times[0], times[-1]]] if times else [[None, None]]


def _read_item(job: Job, scene_id: str) -> "Item":
    import pystac

    content = json.loads((job.scene_folder(scene_id) / ITEM).read_text("utf-8"))
    return pystac.Item.from_dict(content, migrate=False)


def _footprint(raster: "DatasetReader") -> list[list[float]] | None:
    """The raster's outline in degrees, closed; None without a place on Earth."""
    import shapely

    convert = None if raster.crs is None else to_lonlat(raster.crs)
    if convert is None:
        return None
    along = np.linspace(0, 1, _ALONG)[:-1]
    zero, one = np.zeros_like(along), np.ones_like(along)
    # Counter-clockwise on a map, for rows that run south.
    x = np.concatenate([zero, along, one, one - along]) * raster.width
    y = np.concatenate([along, one, one - along, zero]) * raster.height
    a, b, c, d, e, f = raster.transform[:6]
    points = convert(np.column_stack([a * x + b * y + c, d * x + e * y + f]))
    if not np.isfinite(points).all():
        return None
    outline = shapely.simplify(shapely.linearrings(points), _STRAIGHT)
    rounded: list[list[float]] = shapely.get_coordinates(outline).round(8).tolist()
    return rounded


def _box(footprint: Sequence[Sequence[float]]) -> list[float]:
    points = np.array(footprint)
    return [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]


def _projection(raster: "DatasetReader") -> dict[str, Any]:
    shape = {"proj:shape": [raster.height, raster.width], "proj:transform": list(raster.transform)[:6]}
    if raster.crs is None:
        return shape
    authority = raster.crs.to_authority()
    return shape | ({"proj:code": ":".join(authority)} if authority else {"proj:wkt2": raster.crs.to_wkt()})


def _time(scene: Scene) -> datetime:
    """When the ground looked so: as the scene's item says, else when its file was last changed, else now."""
    if scene.taken is not None:
        return datetime.fromisoformat(scene.taken)
    try:
        return datetime.fromtimestamp(Path(scene.source).stat().st_mtime, UTC).replace(microsecond=0)
    except (OSError, ValueError):
        return datetime.now(UTC).replace(microsecond=0)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
