"""From the parts of one expression's answer to objects on disk. Needs the optional 'geo' dependencies.

Shapes: h, w rows and columns of a part in pixels, M those of them that are meant.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rs2sam2.inference.polygons.objects import CountTiles, measured
from rs2sam2.inference.polygons.spool import Spool
from rs2sam2.inference.polygons.stream import Found, ObjectStream
from rs2sam2.inference.polygons.weighed_runs import WeighedRuns

if TYPE_CHECKING:
    from affine import Affine
    from rasterio.crs import CRS


_MANY = 256
"""Objects that are measured together: each time costs something, however few they are."""


class PolygonSink:
    """Takes parts, row by row of parts, and puts objects into a spool once they are complete."""

    def __init__(
        self,
        spool: Spool,
        expression: int,
        width: int,
        transform: "Affine | None",
        crs: "CRS | None",
        *,
        min_area: float = 0.0,
        count_tiles: CountTiles | None = None,
    ) -> None:
        """Connect an expression with a spool, which several may share.

        Args:
            spool: where objects go.
            expression: which of the expressions this is, counted from 0.
            width: of the raster, in pixels.
            transform: pixel corner (column, row) to coordinates of `crs`, or None.
            crs: the raster's, or None.
            min_area: smaller objects are left out: square metres, or pixels where the raster has no place on Earth.
            count_tiles: tells how many tiles had a say in an object.
        """
        self._spool = spool
        self._expression = expression
        self._width, self._stream = width, ObjectStream(width)
        self._row: list[WeighedRuns] = []  # of the parts since the last row of parts was complete
        self._found: list[Found] = []
        self._place = (transform, crs)
        self._min_area = min_area
        self._count_tiles = count_tiles

    def add(self, first_column: int, mask: NDArray[np.bool_], probability: NDArray[np.uint8]) -> None:
        """Take the next part to the right, or the first of the next rows.

        Args:
            first_column: of the part.
            mask: (h, w), as high as the other parts of its row.
            probability: (M,) of the pixels that are meant, row by row; 0..255 stand for 0..1.

        Raises:
            OutputError: if the disk is full.
        """
        self._row.append(WeighedRuns.of(mask, probability, self._width + 1, first_column))
        if first_column + mask.shape[1] == self._width:
            runs, self._row = WeighedRuns.side_by_side(self._row), []
            for found in self._stream.add_runs(runs, len(mask)):
                self._keep(found)

    def close(self) -> None:
        """Take note that the last part has come: objects that reach the last row are complete.

        Raises:
            OutputError: if the disk is full.
        """
        for found in self._stream.close():
            self._keep(found)
        if self._found:
            self._measure()

    def _keep(self, found: Found) -> None:
        self._found.append(found)
        if sum(len(some.area) for some in self._found) >= _MANY:
            self._measure()

    def _measure(self) -> None:
        objects = measured(Found.joined(self._found), self._expression, *self._place, self._count_tiles)
        self._found = []
        self._spool.add(objects.at_least(self._min_area))
