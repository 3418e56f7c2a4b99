"""All outputs of a run, fed part by part. Needs the optional 'geo' dependencies.

Shapes: K expressions, h, w rows and columns of a part in pixels. One thread makes, feeds and finishes them.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rs2sam2.inference.exclusive import likeliest
from rs2sam2.inference.heap import give_back
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
from rs2sam2.inference.raster.part import Part, steps
from rs2sam2.inference.segmentation import Weights

if TYPE_CHECKING:
    from rs2sam2.inference.raster.source import RasterSource


Totals = tuple[int | None, float | None, float | None]
"""Of one expression's polygons: how many, square metres, metres around them; None for what nobody asked or knows."""


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
        self._polygons: list[PolygonSink] = []
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

    def add(self, part: Part) -> None:
        """Take the next part to the right, or the first of the next rows.

        Raises:
            OutputError: if the disk is full.
        """
        place = part.first_row, part.first_column
        for target, tiff in self._tiffs.items():
            samples = _labels(part)[None] if target.kind == "mask" else self._probabilities(part)
            tiff.add(*place, samples, part.valid)
        for number, sink in enumerate(self._polygons):
            sink.add(part.first_column, part.masks[number], part.steps_of_mask(number))

    def _probabilities(self, part: Part) -> NDArray[np.generic]:
        every = np.stack([part.probability(number) for number in range(len(part.masks))])
        return steps(every) if self._options.probability == "uint8" else every

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
        give_back()  # what is left of the tiles, before the libraries of vector formats take their room
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


def _labels(part: Part) -> NDArray[np.uint8]:
    """As `rs2sam2.inference.outputs.raster.label_map`."""
    if len(part.masks) == 1:
        return part.masks[0].view(np.uint8) * np.uint8(255)
    return likeliest((mask, part.probability(number)) for number, mask in enumerate(part.masks)).astype(np.uint8)
