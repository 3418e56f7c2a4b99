"""The picture of docs/rasters.md, made by `python -m rs2sam2.bench.raster_picture FILE`: a scene looked at in tiles."""

import sys
import tempfile
from contextlib import closing
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image, ImageDraw
from rasterio.transform import from_origin

from rs2sam2.data.synthetic.scene import render_scene
from rs2sam2.inference.outputs.targets import check_targets
from rs2sam2.inference.palette import colour
from rs2sam2.inference.raster.options import RasterOptions
from rs2sam2.inference.raster.plan import plan
from rs2sam2.inference.raster.run import segment_raster
from rs2sam2.inference.raster.source import RasterSource, gdal_settings
from rs2sam2.inference.segmenter import Segmenter

SEED, SIDE, SHOWN = 58, 1792, 896
EXPRESSION = "all buildings"
_LINE, _DASH = 3, 12


def picture(folder: Path) -> Image.Image:
    """A rendered scene with the outlines that were found, and dashed lines where tiles begin and end."""
    import pyogrio
    import shapely

    path = folder / "scene.tif"
    scene = render_scene(np.random.default_rng(SEED), SIDE)
    profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 3, "dtype": "uint8", "crs": "EPSG:32637"}
    with rasterio.open(path, "w", **profile, transform=from_origin(0, SIDE, 1, 1)) as dataset:
        dataset.write(scene.image.transpose(2, 0, 1))
    segmenter = Segmenter.from_pretrained("nano", device="cpu")
    options = RasterOptions()
    found = folder / "found.gpkg"
    segment_raster(segmenter, path, [EXPRESSION], check_targets([found]), options)
    with gdal_settings(path), closing(RasterSource(path)) as source:
        tiling = plan(source, segmenter.config, 1, (), options).tiling
    drawn = Image.fromarray(scene.image)
    pen = ImageDraw.Draw(drawn)
    for tile in range(len(tiling)):
        _dashed(pen, tiling.box(tile))
    _, _, shapes, _ = pyogrio.raw.read(found)
    for ring in shapely.get_rings(shapely.from_wkb(shapes)):
        points = [(x, SIDE - y) for x, y in shapely.get_coordinates(ring)]
        pen.line(points, fill=colour(0), width=2 * _LINE, joint="curve")
    return drawn.resize((SHOWN, SHOWN), Image.Resampling.LANCZOS)


def _dashed(pen: ImageDraw.ImageDraw, box: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = box
    for at in range(0, int(right - left), 2 * _DASH):
        for y in (top, bottom):
            pen.line([(left + at, y), (left + at + _DASH, y)], fill="white", width=_LINE)
        for x in (left, right):
            pen.line([(x, top + at), (x, top + at + _DASH)], fill="white", width=_LINE)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        picture(Path(made)).save(sys.argv[1], quality=88)
