"""Neighbouring pictures of OAM-Ref put together to one GeoTIFF; missing ones are no data."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from PIL import Image
from rasterio.windows import Window

from rs2sam2.data.coco_masks import decode_segmentation

SIDE = 1024


@dataclass(frozen=True)
class Place:
    """Where a mosaic is: tile numbers x and y of its corners, the last ones included."""

    area: str
    x: tuple[int, int]
    y: tuple[int, int]


VAL_ZANZIBAR = Place("zanzibar_tz", (319297, 319299), (270995, 270996))
VAL_BANEPA = Place("banepa_np", (386718, 386719), (220252, 220253))
TRAIN_ZANZIBAR = Place("zanzibar_tz", (319292, 319296), (270960, 270963))


@dataclass(frozen=True)
class Mosaic:
    """A raster on disk with the buildings in it.

    Attributes:
        path: of the GeoTIFF; its mask band says where there is data.
        shape: rows and columns in pixels.
        buildings: (rows, columns) uint16, 0 for none.
    """

    path: Path
    shape: tuple[int, int]
    buildings: np.ndarray


def build(shared: Path, path: Path, place: Place) -> Mosaic:
    """Write the raster."""
    root = shared / "data/oam_buildings/refer"
    instances = json.loads((root / "rrsisd/instances.json").read_text())
    parts = list(_parts(instances["images"], place))
    shape = (SIDE * (place.y[1] - place.y[0] + 1), SIDE * (place.x[1] - place.x[0] + 1))
    # Tile numbers rise to the north or to the south: the pictures' own transforms say which.
    west = min(image["transform"][2] for image in parts)
    north = max(image["transform"][5] for image in parts)
    size = parts[0]["transform"][0]
    profile = {"driver": "GTiff", "height": shape[0], "width": shape[1], "count": 3, "dtype": "uint8", "tiled": True}
    profile |= {"crs": parts[0]["crs"], "transform": Affine(size, 0, west, 0, -size, north), "compress": "deflate"}
    valid = np.zeros(shape, dtype=bool)
    buildings = np.zeros(shape, dtype=np.uint16)
    numbers: dict[object, int] = {}
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as dataset:
        for image in parts:
            left = round((image["transform"][2] - west) / size)
            top = round((north - image["transform"][5]) / size)
            pixels = np.asarray(Image.open(root / "images/rrsisd/JPEGImages" / image["file_name"]).convert("RGB"))
            dataset.write(pixels.transpose(2, 0, 1), window=Window(left, top, SIDE, SIDE))
            here = np.s_[top : top + SIDE, left : left + SIDE]
            valid[here] = True
            for annotation in instances["annotations"]:
                if annotation["image_id"] == image["id"] and annotation["category_id"] == 1:
                    number = numbers.setdefault(annotation["osm_id"], len(numbers) + 1)
                    buildings[here][decode_segmentation(annotation["segmentation"], SIDE, SIDE)] = number
        dataset.write_mask(valid)
    return Mosaic(path, shape, buildings)


def _parts(images: list[dict[str, object]], place: Place) -> Iterator[dict[str, object]]:
    wanted = {f"{place.area}_{x}_{y}" for x in _all(place.x) for y in _all(place.y)}
    for image in images:
        if image["mosaic"] in wanted and image["window"][2] == SIDE:
            yield image


def _all(ends: tuple[int, int]) -> range:
    return range(ends[0], ends[1] + 1)
