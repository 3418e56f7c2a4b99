"""What a stranger's file is, by its content: never by its name, and before anything is decoded."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from rs2sam2.errors import ImageError
from rs2sam2.inference.images import READABLE
from rs2sam2.serving.refusals import Refusal

if TYPE_CHECKING:
    from rasterio import DatasetReader

Kind = Literal["tiff", "vrt", "picture"]

DRIVERS: Mapping[Kind, str] = {"tiff": "GTiff", "vrt": "VRT"}
"""Of GDAL, by name: what it would choose by itself may fetch other files."""

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BEGINNING = 512
LONGEST = 1 << 18
"""Side of an upload, in pixels: it is padded to blocks, so a line of pixels takes many times its own room."""
_BLOCK_BYTES, _TIFF_BYTES = 4, 16
"""Unpacked, of one block of a TIFF and of what has to be read of it, for each pixel that an upload may have."""


def kind_of(path: Path) -> Kind | None:
    """TIFF by its first bytes, VRT by its element's name, another picture by Pillow's word; None for anything else."""
    try:
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING)
    except OSError:
        return None
    if beginning.startswith(_TIFF):
        return "tiff"
    if beginning.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<") and b"<VRTDataset" in beginning:
        return "vrt"
    return "picture" if _picture_size(path) else None


def declared_size(path: Path, kind: Kind) -> tuple[int, int]:
    """(width, height) in pixels by the file's header; nothing is decoded.

    Raises:
        ImageError: the header is damaged.
    """
    size = _picture_size(path) if kind == "picture" else _raster_size(path, DRIVERS[kind])
    if size is None:
        raise ImageError("the image's header is damaged: fetch or export it again")
    return size


def check_upload(path: Path, most_pixels: int) -> Kind:
    """The kind of an uploaded file.

    Raises:
        Refusal: it is no image (415), or one of more pixels than are decoded (413).
        ImageError: its header is damaged.
    """
    kind = kind_of(path)
    if kind is None or kind == "vrt":
        raise Refusal(415, "not an image that can be read: send PNG, JPEG, TIFF, WebP, AVIF, JPEG 2000, BMP or GIF")
    width, height = declared_size(path, kind)
    if max(width, height) > LONGEST:
        raise Refusal(413, f"{width} x {height} pixels: the longest side that is taken is {LONGEST}: cut it into parts")
    if width * height > most_pixels:
        raise Refusal(
            413,
            f"{width} x {height} pixels are more than the limit of {most_pixels / 1e6:.0f} megapixels for an upload: "
            "cut it into parts, or let the server's owner serve the file from a folder",
        )
    if kind == "tiff":
        _check_blocks(path, most_pixels)
    return kind


def _check_blocks(path: Path, most_pixels: int) -> None:
    """A TIFF of few pixels may still unpack to any size: by its bands, or by blocks larger than itself."""
    from rasterio.enums import Interleaving

    with _raster(path, DRIVERS["tiff"]) as dataset:
        # Bands that lie beside one another in a block are unpacked together.
        bands = dataset.count if dataset.interleaving is Interleaving.pixel else min(dataset.count, 4)
        sample = max(np.dtype(kind).itemsize for kind in dataset.dtypes)
        height, width = dataset.block_shapes[0]
        block, whole = (pixels * bands * sample for pixels in (height * width, dataset.height * dataset.width))
    if block > _BLOCK_BYTES * most_pixels or whole > _TIFF_BYTES * most_pixels:
        raise Refusal(
            413,
            f"a TIFF of {dataset.count} bands in blocks of {width} x {height} pixels unpacks to too much: "
            "export fewer bands, in tiles of 256 or 512 pixels",
        )


def _picture_size(path: Path) -> tuple[int, int] | None:
    Image.init()
    formats = [name for name in READABLE if name in Image.OPEN and name != "TIFF"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=formats) as image:
                return image.size
    except Image.DecompressionBombError as error:
        raise Refusal(413, "the image has more pixels than are decoded: cut it into parts") from error
    except Exception:  # damaged bytes make decoders raise whatever comes to hand
        return None


def _raster_size(path: Path, driver: str) -> tuple[int, int] | None:
    from rasterio.errors import RasterioError

    try:
        with _raster(path, driver) as dataset:
            return dataset.width, dataset.height
    except RasterioError:
        return None


@contextmanager
def _raster(path: Path, driver: str) -> "Iterator[DatasetReader]":
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        dataset = rasterio.open(path, driver=driver)
    with dataset:
        yield dataset
