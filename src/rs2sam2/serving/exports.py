"""Answers as files, to look at and to take away."""

import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.outputs.options import PolygonOptions
from rs2sam2.inference.outputs.raster import encode_geotiff, encode_png
from rs2sam2.inference.outputs.targets import Target
from rs2sam2.inference.outputs.vector import encode_polygons
from rs2sam2.inference.overlay import encode_overlay
from rs2sam2.inference.segmentation import Segmentation

MEDIA_TYPES = {
    ".png": "image/png",
    ".tif": "image/tiff",
    ".geojson": "application/geo+json",
    ".gpkg": "application/geopackage+sqlite3",
    ".fgb": "application/flatgeobuf",
    ".parquet": "application/vnd.apache.parquet",
}
FILES = ("mask.png", "mask.tif", "overlay.png", *(f"polygons{suffix}" for suffix in list(MEDIA_TYPES)[2:]))
"""To take away; `probability.png` and `pseudo_mask.png` are to be looked at."""


def export(name: str, image: RasterImage, answers: Sequence[Segmentation], polygons: PolygonOptions) -> bytes:
    """The content of one of `FILES`.

    Raises:
        OutputError: it cannot be made.
    """
    if name == "mask.png":
        return encode_png(answers)
    if name == "mask.tif":
        return encode_geotiff(answers)
    if name == "overlay.png":
        return encode_overlay(image, answers, ".png")
    return encode_polygons(Target(Path(name), name, "polygons"), answers, polygons)[0][1]


def grey_png(probability: NDArray[np.float32]) -> bytes:
    """(H, W) of 0..1 as an 8-bit grey PNG: 255 is 1."""
    buffer = io.BytesIO()
    Image.fromarray(np.rint(probability * 255).astype(np.uint8)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def attachment(image_name: str, file: str) -> str:
    """A Content-Disposition that names a file after its image, in plain letters."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "_", Path(image_name).stem).strip("._")[:60] or "image"
    return f'attachment; filename="{stem}_{file}"'
