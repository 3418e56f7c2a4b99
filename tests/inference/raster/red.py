"""A segmenter whose answers are known: it finds what is red, a pixel for a cell, and otherwise nothing.

It stands in for the model where geometry is tested: its tiles are 64 pixels a side, and so are its grids of logits.
"""

import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import rasterio
import torch
from rasterio.errors import NotGeoreferencedWarning

from rs2sam2.config import Decision
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.outputs.targets import check_targets
from rs2sam2.inference.raster.options import RasterOptions
from rs2sam2.inference.raster.run import segment_raster
from rs2sam2.inference.segmentation import Weights
from rs2sam2.model.rs2sam2 import RS2SAM2Output

SIDE = 64
SURE = 6.0
RED, GREEN, DULL = (250, 10, 10), (10, 250, 10), (90, 90, 90)
OPTIONS = RasterOptions(tile=SIDE)


class RedSegmenter:
    """Finds what is red; asked for something "green", what is green."""

    weights = Weights("red", "cd" * 32, "Apache-2.0")
    decision = Decision(mask_threshold=0.5, presence="mask", presence_threshold=0.5)
    provenance: ClassVar[dict[str, Any]] = {}
    config = SimpleNamespace(image_size=4 * SIDE, mask_reading="paper")
    at_once, together = 1, 8

    def __init__(self) -> None:
        self.looks = 0

    def tile_views(self, image: RasterImage) -> tuple[torch.Tensor, torch.Tensor]:
        assert image.pixels.shape == (SIDE, SIDE, 3)
        return torch.from_numpy(image.pixels.copy()), torch.empty(0)

    def look(
        self, views: Sequence[tuple[torch.Tensor, torch.Tensor]], expressions: Sequence[str]
    ) -> list[RS2SAM2Output]:
        self.looks += len(expressions)
        return [self._answer(pixels, text) for (pixels, _), text in zip(views, expressions, strict=True)]

    def _answer(self, pixels: torch.Tensor, text: str) -> RS2SAM2Output:
        wanted = pixels[..., 1 if "green" in text else 0] > 200
        logits = torch.where(wanted, SURE, -SURE)[None, None]
        score = torch.zeros(1, 1)  # not what decides
        return RS2SAM2Output(logits, None, torch.full((1, 1), 0.5), score, None, score)


def paint(mask: np.ndarray, colour: tuple[int, int, int] = RED) -> np.ndarray:
    """(3, H, W) pixels in which the mask has this colour."""
    pixels = np.empty((3, *mask.shape), dtype=np.uint8)
    pixels[:] = np.array(DULL, dtype=np.uint8)[:, None, None]
    pixels[:, mask] = np.array(colour, dtype=np.uint8)[:, None]
    return pixels


def write(path: Path, pixels: np.ndarray, **profile: Any) -> Path:
    """A GeoTIFF of (C, H, W) samples."""
    count, height, width = pixels.shape
    shape = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": str(pixels.dtype)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **(shape | profile)) as dataset:
            dataset.write(pixels)
    return path


def run_slowly(path: str, outputs: list[str], pause: float) -> None:
    """A whole run that takes a while; for processes that are killed."""

    class Slow(RedSegmenter):
        def look(self, views: Sequence[Any], expressions: Sequence[str]) -> list[RS2SAM2Output]:
            time.sleep(pause)
            return super().look(views, expressions)

    targets = check_targets(outputs, source=path, overwrite=True)
    segment_raster(Slow(), path, ["red things", "green things"], targets, OPTIONS, overwrite=True)
