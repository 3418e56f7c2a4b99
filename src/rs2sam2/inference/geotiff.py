"""GeoTIFF (and 16-bit PNG) through rasterio: pixels, CRS and transform. Needs the optional 'geo' dependencies.

Shapes: H, W image height and width in pixels.
"""

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rs2sam2.errors import ImageError
from rs2sam2.inference.bands import bands_to_rgb
from rs2sam2.inference.images import RasterImage, check_size

if TYPE_CHECKING:
    from affine import Affine
    from rasterio import DatasetReader

_RGB = ("red", "green", "blue")
_CMYK = ("cyan", "magenta", "yellow", "black")


def read_raster(path: Path, name: str, driver: str = "GTiff") -> RasterImage:
    """Read a file of this GDAL `driver`, with or without georeference.

    Colour bands are found by their meaning, else the first three count (the first, if there are fewer). Nodata, an
    alpha band and mask bands make `RasterImage.valid`.

    Raises:
        ImageError: if the file is damaged, empty, too large or without a valid pixel.
    """
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            # By content a .tif could be any of GDAL's formats, some of which fetch other files.
            dataset = rasterio.open(path, driver=driver)
        with dataset:
            check_size(dataset.width, dataset.height, name)
            samples = read_colours(dataset)
            mask = dataset.dataset_mask() > 0
            crs, transform = dataset.crs, placement(dataset)
    except (RasterioError, ValueError, MemoryError) as error:
        if isinstance(error, ImageError):
            raise
        reason = " ".join(str(error.__cause__ or error).split())
        raise ImageError(
            f"{name}: not an image that can be read, or truncated ({reason}): fetch or export it again"
        ) from error
    if np.iscomplexobj(samples):
        raise ImageError(f"{name}: its samples are complex numbers: export their amplitude first")
    pixels, valid = bands_to_rgb(samples, None if mask.all() else mask, name)
    return RasterImage(pixels, transform, crs or None, valid, name)


def placement(dataset: "DatasetReader") -> "Affine | None":
    """Pixel corner (column, row) to coordinates of the CRS; None without one, or with one that has no way back."""
    transform: Affine = dataset.transform
    lost = transform.is_identity or transform.is_degenerate or not math.isfinite(transform.determinant)
    return None if lost else transform


def read_colours(
    dataset: "DatasetReader",
    bands: Sequence[int] | None = None,
    **how: Any,  # noqa: ANN401 - rasterio's own
) -> NDArray[np.generic]:
    """Samples (1 or 3, H, W) of the bands that make the picture.

    Args:
        dataset: open.
        bands: numbers, from 1; None finds colours by their meaning, else takes the first three (the first, if there
            are fewer).
        how: which part and in which size, as rasterio's `read` takes it.
    """
    from rasterio.enums import Resampling

    meanings = tuple(meaning.name for meaning in dataset.colorinterp)
    if bands is not None:
        return np.asarray(dataset.read(list(bands), **how))
    if meanings[0] == "palette":
        table = np.zeros((256, 3), dtype=np.uint8)
        for index, colour in dataset.colormap(1).items():
            table[index % 256] = colour[:3]
        indices = dataset.read(1, **(how | {"resampling": Resampling.nearest}))
        return np.moveaxis(table[indices.astype(np.uint8)], -1, 0)
    if meanings[:4] == _CMYK and dataset.dtypes[0] == "uint8":
        inks = np.ascontiguousarray(dataset.read([1, 2, 3, 4], **how).transpose(1, 2, 0))
        return np.moveaxis(np.asarray(Image.fromarray(inks, "CMYK").convert("RGB")), -1, 0)
    if set(_RGB) <= set(meanings):
        chosen = [meanings.index(colour) + 1 for colour in _RGB]
    else:
        chosen = [1, 2, 3] if dataset.count >= 3 else [1]
    return np.asarray(dataset.read(chosen, **how))
