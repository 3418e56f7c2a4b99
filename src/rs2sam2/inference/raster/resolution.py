"""How many raster pixels a working pixel is, so that things have the size that the model knows."""

import math
from typing import TYPE_CHECKING

import numpy as np

from rs2sam2.errors import ConfigError
from rs2sam2.inference.measure import ground_lengths

if TYPE_CHECKING:
    from rs2sam2.inference.raster.source import RasterSource

_NEARLY_SQUARE = 1.1
_FINEST = 64  # working pixels in a raster pixel: beyond, tiles show next to nothing, and there are millions


def ground_resolution(source: "RasterSource") -> tuple[float, float] | None:
    """Metres on the ground along a pixel's width and height at the file's centre; None without a place on Earth.

    An area of interest changes nothing, so that the same ground is asked in the same way.
    """
    if source.whole_transform is None or source.crs is None:
        return None
    x, y = source.whole_width / 2, source.whole_height / 2
    lines = np.array([[(x - 0.5, y), (x + 0.5, y)], [(x, y - 0.5), (x, y + 0.5)]])
    lengths = ground_lengths(lines, source.whole_transform, source.crs)
    if lengths is None or not (lengths > 0).all():
        return None
    return float(lengths[0]), float(lengths[1])


def working_scale(source: "RasterSource", gsd: float | None) -> tuple[float, float]:
    """Raster pixels in a working pixel, across and down.

    Args:
        source: the raster.
        gsd: metres on the ground of a working pixel; None keeps the raster's own. Pixels that are far from square on
            the ground, as those in degrees are, then become square ones of the finer side.

    Raises:
        ConfigError: if `gsd` is asked of a raster without a place on Earth, or is far finer than the raster.
    """
    metres = ground_resolution(source)
    if metres is None:
        if gsd is not None:
            raise ConfigError(f"gsd {gsd}: {source.name} has no place on Earth, so its pixels have no size in metres")
        return 1.0, 1.0
    if gsd is None:
        if max(metres) < _NEARLY_SQUARE * min(metres):
            return 1.0, 1.0
        gsd = min(metres)
    if gsd * _FINEST < min(metres):
        raise ConfigError(
            f"gsd {gsd}: {source.name} has pixels of {min(metres):.3g} m: give at least {min(metres) / _FINEST:.3g}"
        )
    return gsd / metres[0], gsd / metres[1]


def working_gsd(source: "RasterSource", scale: tuple[float, float]) -> float | None:
    """Metres on the ground of a working pixel; None without a place on Earth."""
    metres = ground_resolution(source)
    return None if metres is None else math.sqrt(metres[0] * metres[1] * scale[0] * scale[1])
