"""Masks as PNG and GeoTIFF.

One expression: 255 where it is meant, 0 elsewhere. Several: 0 for none, k where the k-th is meant; where two overlap,
the one with the higher probability there. Shapes: H, W image height and width in pixels.
"""

import io
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from rs2sam2.inference.exclusive import likeliest
from rs2sam2.inference.outputs.tags import tags
from rs2sam2.inference.palette import colour
from rs2sam2.inference.segmentation import Segmentation

MEANING = {
    False: "0 = not meant, 255 = meant by the expression",
    True: "0 = none, k = expression_k; where two overlap, the likelier there",
}
"""What the numbers of a mask of several expressions (True) or of one (False) stand for."""


def label_map(answers: Sequence[Segmentation]) -> NDArray[np.uint8]:
    """(H, W) of 0 and 255 for one answer, of 0 and 1..k for several (at most 255)."""
    if len(answers) == 1:
        return answers[0].mask.astype(np.uint8) * np.uint8(255)
    return likeliest((answer.mask, answer.probability) for answer in answers).astype(np.uint8)


def encode_png(answers: Sequence[Segmentation]) -> bytes:
    """A PNG file with text chunks; several answers are told apart by a palette, the indices being the labels."""
    image = Image.fromarray(label_map(answers))
    if len(answers) > 1:
        image.putpalette([0, 0, 0] + [value for index in range(len(answers)) for value in colour(index)])
    text = PngInfo()
    for name, value in _described(answers).items():
        text.add_itxt(name, value)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()


def encode_geotiff(answers: Sequence[Segmentation]) -> bytes:
    """A tiled, deflated GeoTIFF with the image's CRS and transform.

    No value means "no data", since 0 is an answer; where the image itself has no data, the file's mask band says so.
    """
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.io import MemoryFile

    first, labels = answers[0], label_map(answers)
    with warnings.catch_warnings(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), MemoryFile() as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open(
            driver="GTiff",
            height=labels.shape[0],
            width=labels.shape[1],
            count=1,
            dtype="uint8",
            crs=first.crs,
            transform=first.transform,
            compress="deflate",
            tiled=True,
            blockxsize=256,
            blockysize=256,
        ) as dataset:
            dataset.write(labels, 1)
            if first.valid is not None:
                dataset.write_mask(first.valid)
            dataset.update_tags(**_described(answers))
        return bytes(memory.read())


def _described(answers: Sequence[Segmentation]) -> dict[str, str]:
    return tags(answers) | {"values": MEANING[len(answers) > 1]}
