"""A long run: expressions on a whole raster, written to files."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import rasterio
from rasterio.enums import Resampling

from rs2sam2.inference.outputs.options import PolygonOptions
from rs2sam2.inference.outputs.targets import check_targets
from rs2sam2.inference.raster.options import RasterOptions
from rs2sam2.inference.raster.report import Progress
from rs2sam2.inference.raster.run import segment_raster
from rs2sam2.inference.segmenter import Segmenter
from rs2sam2.serving.picture import BLOCK, Picture
from rs2sam2.serving.places import Window
from rs2sam2.serving.schemas import JobAnswerReply

MASK, _LAYER = "mask.tif", "polygons.gpkg"
FILES = (MASK, "polygons.geojson", _LAYER)

_TILES_SHARE = 0.95
"""Of the work, before the last strips are written."""


@dataclass(frozen=True)
class Order:
    """What a long run is about.

    Attributes:
        picture: of the image.
        window: of the picture.
        expressions: at least one.
        threshold: None takes the weights' own.
        polygons: how they are made.
    """

    picture: Picture
    window: Window
    expressions: tuple[str, ...]
    threshold: float | None
    polygons: PolygonOptions

    @property
    def area(self) -> tuple[float, float, float, float] | None:
        """The window as `RasterOptions.aoi`; None for the whole picture."""
        x0, y0, x1, y1 = self.window
        if self.window == (0, 0, self.picture.width, self.picture.height):
            return None
        if self.picture.transform is None:
            return x0, y0, x1, y1
        corners = [self.picture.transform @ corner for corner in ((x0, y0), (x1, y0), (x0, y1), (x1, y1))]
        x, y = zip(*corners, strict=True)
        return min(x), min(y), max(x), max(y)


def run(
    segmenter: Segmenter, order: Order, folder: Path, tick: Callable[[float], None], cancelled: Callable[[], bool]
) -> Sequence[JobAnswerReply]:
    """Answer, and write `FILES` into an existing folder.

    Args:
        segmenter: the model.
        order: what to do.
        folder: empty.
        tick: called with the share that is done.
        cancelled: asked now and then; once it says True, the run ends.

    Raises:
        Rs2Sam2Error: it cannot be done.
        StoppedError: it was cancelled.
    """

    def tell(progress: Progress) -> None:
        tick(_TILES_SHARE * progress.done / progress.total)

    targets = check_targets([folder / name for name in FILES], expressions=len(order.expressions))
    options = RasterOptions(aoi=order.area, threshold=order.threshold, polygons=order.polygons)
    report = segment_raster(
        segmenter, order.picture.path, order.expressions, targets, options, progress=tell, cancelled=cancelled
    )
    _add_overviews(folder / MASK)
    measures = _measures(folder / _LAYER)
    return [
        JobAnswerReply(
            expression=found.expression,
            present=found.present,
            p_present=found.p_present,
            area_px=found.area_px,
            area_m2=measures.get(found.expression, (0, 0.0 if order.picture.crs else None))[1],
            parts=measures.get(found.expression, (0, None))[0],
        )
        for found in report.results
    ]


def _measures(path: Path) -> dict[str, tuple[int, float | None]]:
    """Number of polygons of each expression, and their square metres."""
    with closing(sqlite3.connect(path)) as layer:
        rows = layer.execute("SELECT expression, COUNT(*), SUM(area_m2) FROM segments GROUP BY expression")
        return {expression: (count, area) for expression, count, area in rows}


def _add_overviews(path: Path) -> None:
    with rasterio.open(path, "r+") as dataset:
        side = max(dataset.width, dataset.height)
        factors = [2**level for level in range(1, 16) if side > BLOCK * 2 ** (level - 1)]
        if factors:
            dataset.build_overviews(factors, Resampling.mode)
