"""Image and mask files of a data set as arrays; whatever is wrong with one becomes an error that names it."""

from errno import EINVAL
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rs2sam2.errors import ImageError

FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP")
"""Pillow formats that are tried. Data sets need no others, and some of the others start external programs."""


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 pixels as they are stored: EXIF rotation is not applied, since masks do not know of it.

    Raises:
        ImageError: the file is missing, damaged or no image.
    """
    try:
        with Image.open(_regular(path), formats=FORMATS) as image:
            return np.array(image.convert("RGB"))
    except Exception as error:  # damaged bytes make decoders raise whatever comes to hand
        raise _unreadable(path, error) from error


def read_size(path: Path) -> tuple[int, int]:
    """Height and width in pixels, from the file's header alone.

    Raises:
        ImageError: the file is missing or no image.
    """
    try:
        with Image.open(_regular(path), formats=FORMATS) as image:
            return image.height, image.width
    except Exception as error:  # as above
        raise _unreadable(path, error) from error


def read_mask_file(path: Path, above: int) -> NDArray[np.bool_]:
    """(H, W) mask: True where the stored value, or that of any colour channel, is greater than `above`.

    Raises:
        ImageError: the file is missing, damaged or no image.
    """
    try:
        with Image.open(_regular(path), formats=FORMATS) as image:
            values = np.array(image)
            if image.mode in {"LA", "RGBA"}:
                values = values[..., :-1]
    except Exception as error:  # as above
        raise _unreadable(path, error) from error
    return np.asarray(values > above if values.ndim == 2 else (values > above).any(axis=2))


def _regular(path: Path) -> Path:
    """The path, unless it leads to something that reading would wait for, as a pipe."""
    if path.exists() and not path.is_file():
        raise OSError(EINVAL, "not a regular file")
    return path


def _unreadable(path: Path, error: Exception) -> ImageError:
    reason = getattr(error, "strerror", None) or error or type(error).__name__
    return ImageError(f"{path}: cannot be read as an image ({reason}): get the data set again")
