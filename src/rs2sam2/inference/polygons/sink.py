"""From the strips of one expression's answer to objects on disk. Needs the optional 'geo' dependencies."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rs2sam2.inference.polygons.objects import CountTiles, measured
from rs2sam2.inference.polygons.spool import Spool
from rs2sam2.inference.polygons.stream import Found, ObjectStream

if TYPE_CHECKING:
    from affine import Affine
    from rasterio.crs import CRS


class PolygonSink:
    """Takes strips (a `StripSink`) and puts each object into a spool as soon as it is complete."""

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
        self._stream = ObjectStream(width)
        self._place = (transform, crs)
        self._min_area = min_area
        self._count_tiles = count_tiles

    def add(self, row_offset: int, mask: NDArray[np.bool_], probability: NDArray[np.uint8]) -> None:
        """Take the next rows, see `StripSink`.

        Raises:
            OutputError: if the disk is full.
        """
        self._keep(self._stream.add(row_offset, mask, probability))

    def close(self) -> None:
        """Take note that the last row has come: objects that reach it are complete.

        Raises:
            OutputError: if the disk is full.
        """
        self._keep(self._stream.close())

    def _keep(self, found: Iterable[Found]) -> None:
        for some in found:
            objects = measured(some, self._expression, *self._place, self._count_tiles)
            self._spool.add(objects.at_least(self._min_area))
