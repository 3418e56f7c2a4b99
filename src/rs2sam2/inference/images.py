"""Open anything that is an image, safely, as 8-bit RGB with its place on Earth.

What a decoder makes of hostile or damaged bytes ends here: every failure is an `ImageError` of one line.
Shapes: H, W image height and width in pixels.
"""

import stat
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from rs2sam2.errors import ImageError, Rs2Sam2Error
from rs2sam2.inference.bands import bands_to_rgb, fill_invalid
from rs2sam2.inference.extras import has_geo, require_geo
from rs2sam2.inference.jpeg2000 import is_whole

if TYPE_CHECKING:
    from affine import Affine
    from rasterio.crs import CRS

ImageSource: TypeAlias = str | Path | Image.Image | NDArray[np.generic]

MAX_PIXELS = 178_956_970
"""Largest image that is opened, in pixels: where Pillow itself refuses; checked on the header, before decoding."""

READABLE = ("PNG", "JPEG", "TIFF", "WEBP", "AVIF", "JPEG2000", "BMP", "DIB", "GIF", "PPM", "TGA")
"""Pillow formats that are tried. Others are left out on purpose: EPS, for one, would run an external program."""

_READABLE_TEXT = "a PNG, JPEG, TIFF, WebP, AVIF, JPEG 2000, BMP, GIF, PPM or TGA file"
_OPAQUE = 128


@dataclass(frozen=True, eq=False)
class RasterImage:
    """Pixels as the model reads them, with what a result needs to find its place on Earth.

    Attributes:
        pixels: (H, W, 3) uint8 RGB; invalid pixels hold a neutral grey.
        transform: pixel corner (column, row) to CRS coordinates; None without georeference.
        crs: the raster's coordinate reference system, or None.
        valid: (H, W) True where the source has data; None where it has data everywhere.
        name: the path as it was given, or what kind of object the pixels came from.
    """

    pixels: NDArray[np.uint8]
    transform: "Affine | None" = None
    crs: "CRS | None" = None
    valid: NDArray[np.bool_] | None = None
    name: str = "image"

    @property
    def height(self) -> int:
        """Rows."""
        return len(self.pixels)

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])

    def part(self, x0: int, y0: int, x1: int, y1: int) -> "RasterImage":
        """The pixels from column x0 and row y0 until before x1 and y1, in their place on Earth; all lie inside."""
        moved = None if self.transform is None else self.transform @ type(self.transform).translation(x0, y0)
        valid = None if self.valid is None else self.valid[y0:y1, x0:x1]
        return RasterImage(self.pixels[y0:y1, x0:x1], moved, self.crs, valid, self.name)


def open_image(source: ImageSource) -> RasterImage:
    """Read an image from a file, from Pillow or from an array.

    EXIF rotation is applied; of several frames the first counts. Alpha of less than one half is "no data". Samples
    that are not 8-bit are stretched, each band between its 2nd and 98th percentile over the valid pixels
    (floating-point samples within 0..1 are only scaled). `.tif` and `.tiff` go through rasterio where it is installed
    and keep CRS and transform.

    Args:
        source: a path, a Pillow image, or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4).

    Raises:
        ImageError: if the source is missing, no image, damaged, empty, without a valid pixel or above `MAX_PIXELS`.
    """
    if isinstance(source, Image.Image):
        return _from_pillow(source, "image")
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if source == "":
        raise ImageError("the image's path is empty: give an image file")
    if isinstance(source, str | Path):
        return _from_path(Path(source), str(source))
    raise ImageError(f"cannot open a {type(source).__name__} as an image: give a path, a Pillow image or a numpy array")


def check_size(width: int, height: int, name: str) -> None:
    """Refuse an image with no pixels, or with more than `MAX_PIXELS`.

    Raises:
        ImageError: if so.
    """
    if width < 1 or height < 1:
        raise ImageError(f"{name}: the image is {width} x {height} pixels, so there is nothing to look at")
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{name}: {width} x {height} pixels is more than the limit of {MAX_PIXELS // 10**6} megapixels: "
            "cut it into parts or scale it down"
        )


def _from_path(path: Path, name: str) -> RasterImage:
    _check_file(path, name)
    if path.suffix.lower() in {".tif", ".tiff"} and has_geo():
        return _from_gdal(path, name, "GTiff")
    try:
        with warnings.catch_warnings():
            # The limit of this package is checked just below, on the same header.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = _opened(path)
        with image:
            if image.format == "JPEG2000" and not is_whole(path):
                raise _damaged(name, EOFError("its end is missing"))
            if _loses_depth(image):
                return _from_gdal(path, name, "PNG")
            return _from_pillow(image, name)
    except Rs2Sam2Error:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{name}: the image is larger than the limit of {MAX_PIXELS // 10**6} megapixels: "
            "cut it into parts or scale it down"
        ) from error
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{name}: not an image that can be read ({_beginning(path)}): give {_READABLE_TEXT}"
        ) from error
    except Exception as error:  # damaged bytes make decoders raise whatever comes to hand
        raise _damaged(name, error) from error


def _opened(path: Path) -> Image.Image:
    """The formats that Pillow thinks common come first: importing all seventy takes longer than most pictures."""
    Image.preinit()
    try:
        return Image.open(path, formats=_known())
    except UnidentifiedImageError:
        Image.init()
        return Image.open(path, formats=_known())


def _known() -> list[str]:
    return [name for name in READABLE if name in Image.OPEN]  # not every build of Pillow has all of them


def _loses_depth(image: Image.Image) -> bool:
    """Of 16-bit colour Pillow keeps the upper byte only, which leaves pictures of 12 bits next to black."""
    tiles = getattr(image, "tile", None)  # only what was opened from a file has them
    layout = tiles[0].args if tiles else None
    samples = layout[0] if isinstance(layout, tuple) else layout
    return isinstance(samples, str) and ";16" in samples and not image.mode.startswith("I")


def _from_gdal(path: Path, name: str, driver: str) -> RasterImage:
    require_geo("reading 16-bit colour")
    from rs2sam2.inference.geotiff import read_raster

    return read_raster(path, name, driver)


def _check_file(path: Path, name: str) -> None:
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            with path.open("rb") as file:
                empty = not file.read(1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ImageError(f"{name}: there is no such file: check the path") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{name}: the file cannot be read ({reason}): check the path and its permissions") from error
    if stat.S_ISDIR(mode):
        raise ImageError(f"{name}: this is a folder: give an image file in it")
    if not stat.S_ISREG(mode):
        raise ImageError(f"{name}: this is not a regular file: save the image to a file first")
    if empty:
        raise ImageError(f"{name}: the file is empty (0 bytes): fetch or export it again")


def _beginning(path: Path) -> str:
    with path.open("rb") as file:
        return f"it begins with {file.read(12)!r}"


def _damaged(name: str, error: BaseException) -> ImageError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return ImageError(f"{name}: the image is truncated or damaged ({reason}): fetch or export it again")


def _from_pillow(image: Image.Image, name: str) -> RasterImage:
    check_size(image.width, image.height, name)
    try:
        image.load()
        image = ImageOps.exif_transpose(image)
    except Exception as error:  # see _from_path
        raise _damaged(name, error) from error
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        return _from_bands(np.asarray(image)[None], None, name)
    if image.has_transparency_data:
        samples = np.asarray(image.convert("RGBA"))
        return _from_rgba(samples, name)
    return RasterImage(np.asarray(image.convert("RGB")), name=name)


def _from_array(array: NDArray[np.generic]) -> RasterImage:
    name = "array"
    shape, kind = array.shape, array.dtype.kind
    if array.ndim not in {2, 3} or (array.ndim == 3 and shape[2] not in {1, 3, 4}):
        hint = ": move the channel axis last" if array.ndim == 3 and shape[0] in {1, 3, 4} else ""
        raise ImageError(f"array of shape {shape}: expected (H, W), (H, W, 1), (H, W, 3) or (H, W, 4){hint}")
    if kind not in "buif":
        raise ImageError(f"array of dtype {array.dtype}: expected booleans, integers or floating-point numbers")
    check_size(shape[1], shape[0], name)
    bands = array.reshape(*shape[:2], -1).transpose(2, 0, 1)
    if len(bands) < 4:
        return _from_bands(bands, None, name)
    if array.dtype == np.uint8:
        return _from_rgba(np.asarray(array, dtype=np.uint8), name)
    opaque = np.iinfo(array.dtype.str).max if kind in "ui" else 1
    return _from_bands(bands[:3], bands[3] >= opaque / 2, name)


def _from_bands(bands: NDArray[np.generic], valid: NDArray[np.bool_] | None, name: str) -> RasterImage:
    pixels, valid = bands_to_rgb(bands, valid, name)
    return RasterImage(pixels, valid=valid, name=name)


def _from_rgba(samples: NDArray[np.uint8], name: str) -> RasterImage:
    """Keep colours where they are opaque enough to be seen; what is hidden below transparency means nothing."""
    valid = samples[..., 3] >= _OPAQUE
    pixels, kept = fill_invalid(samples[..., :3], valid, name)
    return RasterImage(pixels, valid=kept, name=name)
