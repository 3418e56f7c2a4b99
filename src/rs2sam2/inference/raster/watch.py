"""How far a run over a raster is, and how long it will take."""

import time
from collections.abc import Callable
from typing import Literal

from rs2sam2.inference.raster.report import Progress


class Watch:
    """Tells how far a run is."""

    def __init__(self, progress: Callable[[Progress], None] | None, pixels: int, total: int, done: int) -> None:
        """Begin now.

        Args:
            progress: is told, or None.
            pixels: of the raster.
            total: tiles.
            done: of these before this run.
        """
        self._progress, self._total, self._done, self._reused = progress, total, done, done
        self._pixels = pixels
        self._start = time.perf_counter()
        self._tell("tiles")

    def done(self, tiles: int) -> None:
        """So many more tiles have been asked."""
        self._done += tiles
        self._tell("tiles")

    def writing(self) -> None:
        """All tiles have been asked."""
        self._tell("writing")

    def _tell(self, phase: Literal["tiles", "writing"]) -> None:
        if self._progress is None:
            return
        new, seconds = self._done - self._reused, time.perf_counter() - self._start
        rate = self._pixels * new / self._total / seconds if new else 0.0
        left = seconds * (self._total - self._done) / new if new else None
        self._progress(Progress(phase, self._done, self._total, rate, left))
