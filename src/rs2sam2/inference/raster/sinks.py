"""All outputs of a run, fed strip by strip. Needs the optional 'geo' dependencies.

Shapes: K expressions, W raster width in pixels, h rows of a strip. One thread makes, feeds and finishes them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rs2sam2.inference.exclusive import likeliest
from rs2sam2.inference.outputs.layer import Layer
from rs2sam2.inference.outputs.raster import MEANING
from rs2sam2.inference.outputs.style import encode_qml
from rs2sam2.inference.outputs.tags import tags_without_score
from rs2sam2.inference.outputs.targets import Target
from rs2sam2.inference.outputs.vector import write_layer
from rs2sam2.inference.polygons.objects import CountTiles
from rs2sam2.inference.polygons.sink import PolygonSink
from rs2sam2.inference.polygons.spool import Spool
from rs2sam2.inference.raster.growing import GrowingTiff
from rs2sam2.inference.raster.options import RasterOptions
from rs2sam2.inference.segmentation import Weights
from rs2sam2.inference.strips import StripSink

if TYPE_CHECKING:
    from rs2sam2.inference.raster.source import RasterSource


Totals = tuple[int | None, float | None, float | None]
"""Of one expression's polygons: how many, square metres, metres around them; None for what nobody asked or knows."""


@dataclass(frozen=True)
class Strip:
    """Finished rows of all answers.

    Attributes:
        first_row: of the raster.
        masks: K times (h, W).
        probabilities: K times (h, W) float32 in 0..1; None where all of them round to 0 of 255.
        valid: (h, W) where there is data and an answer, or None for everywhere.
    """

    first_row: int
    masks: Sequence[NDArray[np.bool_]]
    probabilities: Sequence[NDArray[np.float32] | None]
    valid: NDArray[np.bool_] | None


class Outputs:
    """What the targets of a run are made with."""

    def __init__(
        self,
        targets: Sequence[Target],
        folder: Callable[[Target], Path],
        source: "RasterSource",
        expressions: Sequence[str],
        weights: Weights,
        options: RasterOptions,
        count_tiles: CountTiles,
    ) -> None:
        """Begin every file.

        Args:
            targets: masks (`.tif`), probabilities, polygons and styles.
            folder: where a target is written at first, on its own file system.
            source: the raster.
            expressions: K.
            weights: what answers.
            options: how outputs are made.
            count_tiles: see `PolygonSink`.

        Raises:
            OutputError: if one cannot be written.
        """
        self._targets, self._folder, self._options = targets, folder, options
        self._expressions = tuple(expressions)
        about = tags_without_score(expressions, weights)
        self._layer = Layer(self._expressions, source.transform, source.crs, about)
        self._tiffs: dict[Target, GrowingTiff] = {}
        self._spool: Spool | None = None
        self._polygons: list[StripSink] = []
        for number, target in enumerate(targets):
            path = folder(target) / f"{number}.tif"
            if target.kind == "mask":
                said = about | {"values": MEANING[len(expressions) > 1]}
                self._tiffs[target] = GrowingTiff(path, target, source, 1, said, cog=options.cog)
            elif target.kind == "probability":
                half = options.probability == "float16"
                said = about | {"values": "probability 0..1" if half else "probability, 0..255 stand for 0..1"}
                self._tiffs[target] = GrowingTiff(
                    path, target, source, len(expressions), said, half=half, cog=options.cog
                )
        first = next((target for target in targets if target.kind == "polygons"), None)
        if first is not None:
            self._spool = Spool(folder(first) / "objects.sqlite")
            self._polygons = [
                PolygonSink(
                    self._spool,
                    number,
                    source.width,
                    source.transform,
                    source.crs,
                    min_area=options.polygons.min_area,
                    count_tiles=count_tiles,
                )
                for number in range(len(expressions))
            ]

    def add(self, strip: Strip) -> None:
        """Take the next rows.

        Raises:
            OutputError: if the disk is full.
        """
        steps = [
            np.zeros(mask.shape, dtype=np.uint8) if probability is None else _steps(probability)
            for mask, probability in zip(strip.masks, strip.probabilities, strict=True)
        ]
        for target, tiff in self._tiffs.items():
            if target.kind == "mask":
                tiff.add(_labels(strip, steps)[None], strip.valid)
            elif self._options.probability == "uint8":
                tiff.add(np.stack(steps), strip.valid)
            else:
                zero = np.zeros(strip.masks[0].shape, dtype=np.float32)
                tiff.add(np.stack([zero if p is None else p for p in strip.probabilities]), strip.valid)
        for sink, mask, step in zip(self._polygons, strip.masks, steps, strict=bool(self._polygons)):
            sink.add(strip.first_row, mask, step)

    def finish(self) -> tuple[list[tuple[Path, Target]], list[Totals]]:
        """Write what remains to be written.

        Returns:
            Every finished file, and where it shall be; and the K totals of polygons.

        Raises:
            OutputError: if the disk is full.
        """
        files = []
        for target, tiff in self._tiffs.items():
            tiff.finish()
            files.append((tiff.path, target))
        for sink in self._polygons:
            sink.close()
        polygons = self._options.polygons
        if self._spool is not None and polygons.simplify:
            self._spool.simplify(polygons.simplify, exclusive=polygons.exclusive)
        for number, target in enumerate(self._targets):
            if target.kind == "polygons" and self._spool is not None:
                files += write_layer(target, self._folder(target), self._layer, self._spool.batches())
            elif target.kind == "style":
                path = self._folder(target) / f"{number}.qml"
                path.write_bytes(encode_qml(self._expressions))
                files.append((path, target))
        totals: list[Totals] = [
            (None, None, None) if self._spool is None else self._spool.totals(k) for k in range(len(self._expressions))
        ]
        return files, totals

    def close(self) -> None:
        """Let go of every file that is not finished."""
        for tiff in self._tiffs.values():
            tiff.abandon()
        if self._spool is not None:
            self._spool.__exit__()


def _steps(probability: NDArray[np.float32]) -> NDArray[np.uint8]:
    steps = probability * np.float32(255)
    rounded: NDArray[np.uint8] = np.rint(steps, out=steps).astype(np.uint8)
    return rounded


def _labels(strip: Strip, steps: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """As `rs2sam2.inference.outputs.raster.label_map`."""
    if len(strip.masks) == 1:
        return strip.masks[0].view(np.uint8) * np.uint8(255)
    exact = zip(strip.masks, strip.probabilities, steps, strict=True)
    return likeliest((mask, step if exactly is None else exactly) for mask, exactly, step in exact).astype(np.uint8)
