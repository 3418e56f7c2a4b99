"""A map of rectangles in known colours: raster, vector layers in four formats, and COCO instances of it."""

import json
from dataclasses import dataclass

import numpy as np
import pyogrio
import rasterio
import shapely
from PIL import Image
from pyproj import CRS, Transformer

COLOURS = {
    "red": (190, 50, 60),
    "blue": (50, 90, 190),
    "white": (245, 245, 245),
    "dark gray": (75, 75, 75),
    "green": (60, 160, 105),
}
GROUND = (150, 140, 100)
CLASSES = ("building", "storage tank", "greenhouse", "vehicle", "large vehicle")
EPSG, PIXEL, WEST, NORTH = 32633, 0.5, 500_000.0, 5_400_000.0
TRANSFORM = rasterio.Affine(PIXEL, 0, WEST, 0, -PIXEL, NORTH)


@dataclass(frozen=True)
class Object:
    """A rectangle in pixels: left, upper, right, lower."""

    category: str
    colour: str
    box: tuple[float, float, float, float]

    @property
    def outline(self):
        return shapely.box(*self.box)


@dataclass(frozen=True)
class World:
    pixels: np.ndarray
    objects: list[Object]


def make_world(side=768, count=130, seed=3):
    rng = np.random.default_rng(seed)
    noise = rng.integers(-6, 7, (side, side, 1))
    pixels = (np.array(GROUND) + noise).astype(np.uint8)
    objects, taken = [], np.zeros((side, side), dtype=bool)
    while len(objects) < count:
        width, height = rng.integers(12, 60, 2)
        left, upper = rng.integers(0, side - np.array([width, height]))
        if taken[max(upper - 6, 0) : upper + height + 6, max(left - 6, 0) : left + width + 6].any():
            continue
        part = np.s_[upper : upper + height, left : left + width]
        taken[part] = True
        colour = str(rng.choice(list(COLOURS)))
        pixels[part] = COLOURS[colour]
        # Off the middles of pixels, so that rounding on the way through degrees moves none.
        box = (left + 0.1, upper + 0.1, left + width - 0.1, upper + height - 0.1)
        objects.append(Object(str(rng.choice(CLASSES)), colour, tuple(map(float, box))))
    return World(pixels, objects)


def write_raster(path, pixels, crs=EPSG, transform=TRANSFORM, **profile):
    bands = np.moveaxis(pixels, -1, 0) if pixels.ndim == 3 else pixels[None]
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=bands.shape[2],
        height=bands.shape[1],
        count=len(bands),
        dtype=bands.dtype,
        crs=None if crs is None else f"EPSG:{crs}",
        transform=transform,
        **profile,
    ) as file:
        file.write(bands)


def in_metres(outline):
    return shapely.transform(outline, lambda points: points * (PIXEL, -PIXEL) + (WEST, NORTH))


def write_layer(path, outlines, classes, crs=EPSG, column="what", **options):
    """GeoPackage, GeoJSON (in degrees, as its standard has it), shapefile or GeoParquet."""
    geometries = np.array(outlines, dtype=object)
    if path.suffix == ".geojson" and crs is not None:
        turn = Transformer.from_crs(crs, 4326, always_xy=True)
        geometries = shapely.transform(geometries, lambda points: np.stack(turn.transform(*points.T), axis=1))
        crs, options = 4326, {"COORDINATE_PRECISION": 12, **options}
    values = np.array(classes, dtype=object)
    if path.suffix == ".parquet":
        return _write_parquet(path, geometries, values, crs, column)
    drivers = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".shp": "ESRI Shapefile"}
    return pyogrio.raw.write(
        path,
        shapely.to_wkb(geometries),
        [values],
        [column],
        geometry_type=options.pop("geometry_type", "Polygon"),
        crs=None if crs is None else f"EPSG:{crs}",
        driver=drivers[path.suffix],
        **options,
    )


def _write_parquet(path, geometries, values, crs, column):
    import pyarrow as pa
    import pyarrow.parquet

    about = {"encoding": "WKB", "geometry_types": ["Polygon"], "crs": CRS.from_epsg(crs).to_json_dict()}
    geo = {"version": "1.1.0", "primary_column": "shape", "columns": {"shape": about}}
    table = pa.table({column: pa.array(values.tolist()), "shape": pa.array(list(shapely.to_wkb(geometries)))})
    pa.parquet.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path)


def write_map(folder, world, suffix=".gpkg"):
    """Raster and layer of a world."""
    folder.mkdir(parents=True, exist_ok=True)
    raster, layer = folder / "map.tif", folder / f"objects{suffix}"
    write_raster(raster, world.pixels)
    write_layer(layer, [in_metres(one.outline) for one in world.objects], [one.category for one in world.objects])
    return raster, layer


def write_coco(folder, world, side=256):
    """The world in images of `side` pixels, two of each column in one folder; polygons and run lengths by turns."""
    images, annotations = [], []
    for upper in range(0, world.pixels.shape[0], side):
        for left in range(0, world.pixels.shape[1], side):
            name = f"column{left}/row{upper}.png"
            path = folder / "images" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(world.pixels[upper : upper + side, left : left + side]).save(path)
            images.append({"id": len(images) + 1, "file_name": name, "width": side, "height": side})
            for one in world.objects:
                box = [one.box[0] - left, one.box[1] - upper, one.box[2] - left, one.box[3] - upper]
                x0, y0, x1, y1 = (min(max(value, 0), side) for value in box)
                if x1 - x0 >= 1 and y1 - y0 >= 1:
                    polygon = [x0, y0, x1, y0, x1, y1, x0, y1]
                    annotations.append(
                        {
                            "id": len(annotations) + 1,
                            "image_id": len(images),
                            "category_id": CLASSES.index(one.category) + 1,
                            "segmentation": [polygon] if len(annotations) % 2 else runs(polygon, side),
                            "bbox": [x0, y0, x1 - x0, y1 - y0],
                            "iscrowd": 0,
                        }
                    )
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": n, "name": name.replace(" ", "_").upper()} for n, name in enumerate(CLASSES, start=1)],
    }
    path = folder / "instances.json"
    path.write_text(json.dumps(content))
    return path, folder / "images"


def runs(polygon, side):
    """Uncompressed run lengths of an upright rectangle."""
    mask = np.zeros((side, side), dtype=np.uint8)
    x0, y0, x1, y1 = (round(polygon[k]) for k in (0, 1, 4, 5))
    mask[y0:y1, x0:x1] = 1
    flat = np.concatenate([[0], mask.T.ravel(), [0]])
    edges = np.flatnonzero(np.diff(flat))
    return {"size": [side, side], "counts": np.diff([0, *edges.tolist(), side * side]).tolist()}
