"""Objects with their measures, many at a time. Needs the optional 'geo' dependencies."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from rs2sam2.inference.measure import ground_areas, ground_perimeters
from rs2sam2.inference.polygons.stream import Found

if TYPE_CHECKING:
    from affine import Affine
    from rasterio.crs import CRS

CountTiles = Callable[[NDArray[np.int64]], NDArray[np.int64]]
"""From (N, 4) pixel bounds (first column, first row, and those just behind the last) to the (N,) tiles they meet."""


@dataclass(frozen=True)
class Objects:
    """N objects.

    Attributes:
        expression: (N,) int64, which of the expressions, counted from 0.
        outline: (N,) valid polygons in pixel coordinates (x right, y down from the raster's upper left corner).
        first_row: (N,) int64 row of the first pixel in row-major order.
        first_column: (N,) int64 column of that pixel.
        score: (N,) float64 in 0..1, the mean probability of the object's pixels.
        area_px: (N,) int64 pixels.
        area_m2: (N,) float64 on the ground, NaN where the raster has no place on Earth.
        perimeter_m: (N,) float64 likewise, holes included.
        tiles: (N,) int64, how many tiles of the raster had a say in it; 0 if unknown.
    """

    expression: NDArray[np.int64]
    outline: NDArray[np.object_]
    first_row: NDArray[np.int64]
    first_column: NDArray[np.int64]
    score: NDArray[np.float64]
    area_px: NDArray[np.int64]
    area_m2: NDArray[np.float64]
    perimeter_m: NDArray[np.float64]
    tiles: NDArray[np.int64]

    def __len__(self) -> int:
        """N."""
        return len(self.expression)

    def __getitem__(self, chosen: NDArray[np.generic]) -> "Objects":
        """Some of them, by a mask or by numbers."""
        return Objects(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @classmethod
    def none(cls) -> Self:
        """No objects at all."""
        whole, real = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float64)
        return cls(whole, np.empty(0, dtype=np.object_), whole, whole, real, whole, real, real, whole)

    @classmethod
    def joined(cls, several: "list[Objects]") -> Self:
        """All of them, in the given order; of at least one."""
        return cls(*(np.concatenate([getattr(one, field.name) for one in several]) for field in fields(cls)))

    def in_order(self) -> "Objects":
        """In the order of their first pixels, row by row; at one pixel, in that of their expressions."""
        return self[np.lexsort((self.expression, self.first_column, self.first_row))]

    def with_outlines(self, outline: NDArray[np.object_]) -> "Objects":
        """The same with other outlines: measures stay those of the pixels."""
        return replace(self, outline=outline)

    def at_least(self, area: float) -> "Objects":
        """Those of this area or more, in square metres; in pixels where there are no metres."""
        return self[np.where(np.isnan(self.area_m2), self.area_px, self.area_m2) >= area]


def measured(
    found: Found,
    expression: int,
    transform: "Affine | None",
    crs: "CRS | None",
    count_tiles: CountTiles | None = None,
) -> Objects:
    """Measure what was found: on the ground if the raster has both a `transform` and a `crs`."""
    import shapely

    outlines = found.outlines
    if transform is None or crs is None:
        area_m2 = perimeter_m = np.full(len(outlines), np.nan)
    else:
        area_m2 = ground_areas(outlines, transform, crs)
        perimeter_m = ground_perimeters(outlines, transform, crs)
    first = shapely.get_point(shapely.get_exterior_ring(outlines), 0)
    tiles = (
        np.zeros(len(outlines), dtype=np.int64)
        if count_tiles is None
        else count_tiles(shapely.bounds(outlines).astype(np.int64))
    )
    return Objects(
        expression=np.full(len(outlines), expression, dtype=np.int64),
        outline=outlines,
        first_row=shapely.get_y(first).astype(np.int64),
        first_column=shapely.get_x(first).astype(np.int64),
        score=found.score,
        area_px=found.area,
        area_m2=area_m2,
        perimeter_m=perimeter_m,
        tiles=tiles,
    )
