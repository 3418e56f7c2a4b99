"""Whether an image is looked at once, as a whole, or in tiles."""

import warnings
from pathlib import Path

from rs2sam2.inference.extras import has_geo
from rs2sam2.inference.raster.address import gdal_name, is_remote, suffix_of

LARGEST_LOOK = 2048
"""Longest side, in pixels, of a raster that is looked at once: at twice a tile's side things still have a size that
models know."""

_ONLY_TILES = (".vrt", ".img")
_RASTERS = (".tif", ".tiff", ".jp2", ".j2k")


def larger_than_one_look(source: str | Path) -> bool:
    """Whether `source` is a raster that one look would not do justice to, by its header alone.

    Photographs (JPEG, PNG and the like) never are: they show one scene, however fine.
    """
    if is_remote(source) or suffix_of(source) in _ONLY_TILES:
        return True
    if suffix_of(source) not in _RASTERS or not has_geo():
        return False
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    try:
        name, driver = gdal_name(source)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(name, driver=driver) as dataset:
                return bool(max(dataset.width, dataset.height) > LARGEST_LOOK)
    except (RasterioError, ValueError):  # an ImageError is a ValueError
        return False  # what is wrong with it is said when it is opened in earnest
