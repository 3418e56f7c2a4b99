"""Masks as files: a black and white PNG for each sample, under the sample's name."""

from pathlib import Path

import numpy as np
from PIL import Image

from rs2sam2.errors import DataError
from rs2sam2.evaluation.boundary import Mask

_MODES = ("1", "L", "I;16")


def mask_name(sample: str) -> str:
    """File name of a sample's mask."""
    return f"{sample}.png"


def write_mask(path: Path, mask: Mask) -> None:
    """Write a mask (H, W), one bit a pixel."""
    Image.fromarray(mask).save(path, "PNG")


def read_mask(path: Path, shape: tuple[int, ...]) -> Mask:
    """(H, W) mask of a file; every value but 0 belongs to it.

    Args:
        path: of the file.
        shape: H, W that it has to have.

    Raises:
        DataError: it cannot be read, has colours, or another size.
    """
    try:
        with Image.open(path, formats=["PNG"]) as image:
            mode, size = image.mode, (image.height, image.width)
            if size == shape and mode in _MODES:
                mask: Mask = np.asarray(image) != 0
                return mask
    except Exception as error:  # damaged bytes make decoders raise whatever comes to hand
        raise DataError(f"{path}: cannot be read as a PNG file ({error}): write it again") from error
    if size != shape:
        raise DataError(
            f"{path}: {size[1]} x {size[0]} pixels, and the image has {shape[1]} x {shape[0]}: "
            "write masks at the image's own size"
        )
    raise DataError(f"{path}: has colours (mode {mode}): write masks in black and white")
