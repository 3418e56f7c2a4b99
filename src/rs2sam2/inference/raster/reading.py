"""Tiles as the model takes them, read ahead by a thread of their own. Needs the optional 'geo' dependencies."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from rs2sam2.errors import ImageError
from rs2sam2.inference.raster.source import RasterSource
from rs2sam2.inference.raster.tiling import Tiling
from rs2sam2.inference.segmenter import Segmenter, Views

ATTEMPTS = 3
_PAUSE_SECONDS = 0.3
_AHEAD = 1


@dataclass(frozen=True)
class Prepared:
    """A tile that was read, or not.

    Attributes:
        tile: its number.
        views: what the model takes; None without data.
        failure: why it could not be read, or None.
    """

    tile: int
    views: Views | None
    failure: str | None = None


class TileReader:
    """Reads tiles; what fails is tried again with the file opened anew."""

    def __init__(self, source: RasterSource, tiling: Tiling, side: int, segmenter: Segmenter) -> None:
        """Nothing is read yet.

        Args:
            source: the raster, for this reader alone.
            tiling: where tiles lie.
            side: of a tile in working pixels.
            segmenter: prepares the pictures.
        """
        self._source, self._tiling, self._side, self._segmenter = source, tiling, side, segmenter

    def ahead(self, groups: Sequence[Sequence[int]], thread: ThreadPoolExecutor) -> Iterator[list[Prepared]]:
        """Groups of tiles, in order, read while the caller works on those before."""
        waiting: deque[Future[list[Prepared]]] = deque()
        for group in groups:
            waiting.append(thread.submit(self._group, group))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _group(self, tiles: Sequence[int]) -> list[Prepared]:
        return [self._tile(tile) for tile in tiles]

    def _tile(self, tile: int) -> Prepared:
        reason = ""
        for attempt in range(ATTEMPTS):
            try:
                if attempt:
                    time.sleep(attempt * _PAUSE_SECONDS)
                    self._source.reopen()
                picture = self._source.picture(self._tiling.box(tile), self._side)
            except ImageError as error:
                reason = str(error)
            else:
                return Prepared(tile, None if picture is None else self._segmenter.tile_views(picture))
        return Prepared(tile, None, reason)
