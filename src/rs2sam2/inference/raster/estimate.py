"""How long a run will take, and in how much memory, by trying two batches. Needs the optional 'geo' dependencies."""

import resource
import time
from dataclasses import dataclass

import numpy as np

from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.raster.emitting import PIXELS
from rs2sam2.inference.raster.options import RasterOptions
from rs2sam2.inference.raster.plan import Plan
from rs2sam2.inference.raster.side_by_side import SideBySide
from rs2sam2.inference.raster.source import CACHE_BYTES, RasterSource
from rs2sam2.inference.segmenter import Segmenter

_PART_BYTES = 24  # for a pixel of a part: logits, probabilities, masks, labels and their copies


@dataclass(frozen=True)
class Estimate:
    """What a run will take.

    Attributes:
        seconds: if this machine stays as busy as it is.
        memory: bytes of resident memory at its peak, about.
    """

    seconds: float
    memory: int


def estimate(
    segmenter: Segmenter, source: RasterSource, planned: Plan, expressions: list[str], options: RasterOptions
) -> Estimate:
    """Time the reading of the raster's middle tile and a batch of questions about nothing.

    Raises:
        ImageError: if the tile cannot be read.
    """
    tiling = planned.tiling
    middle = tiling.rows // 2 * tiling.columns + tiling.columns // 2
    start = time.perf_counter()
    picture = source.picture(tiling.box(middle), options.tile)
    grey = picture or RasterImage(np.full((options.tile, options.tile, 3), 128, dtype=np.uint8))
    views = segmenter.tile_views(grey)
    reading = time.perf_counter() - start
    questions = (expressions * segmenter.together)[: segmenter.together]
    looks = []
    with SideBySide(segmenter.at_once) as workers:
        for _ in range(2):  # the first is slower: memory is asked for
            start = time.perf_counter()
            passes = [
                workers.begin(lambda: list(segmenter.look([views] * len(questions), questions)))
                for _ in range(segmenter.at_once)
            ]
            asked = sum(len(answers.result()) for answers in passes)
            looks.append((time.perf_counter() - start) / asked)
    # Reading and writing go on beside the model.
    seconds = len(tiling) * max(reading, len(expressions) * min(looks))
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    cells = 16 * len(expressions) * tiling.down.tile * tiling.across.cells
    return Estimate(seconds, used + cells + CACHE_BYTES + _PART_BYTES * PIXELS)
