"""What a user can say about a run over a large raster."""

from dataclasses import dataclass, field
from math import isfinite
from typing import Literal, get_args

from rs2sam2.config import Decision
from rs2sam2.errors import ConfigError
from rs2sam2.inference.outputs.options import AS_FOUND, PolygonOptions
from rs2sam2.inference.scope import Scope

ProbabilityType = Literal["uint8", "float16"]

TILE = 1024
"""Side of a tile in working pixels: about what one picture of the training data shows."""
SMALLEST_TILE, LARGEST_TILE = 64, 8192
"""The largest is held in memory as a picture before it is brought to the model's size."""


@dataclass(frozen=True)
class RasterOptions:
    """How a raster is looked at, and what is made of the answers.

    Attributes:
        tile: side of a tile in working pixels.
        overlap: part of a tile's side that it shares with the next at least, from 0 to below 1.
        gsd: metres on the ground of a working pixel; None for the raster's own, at its centre.
        aoi: (west, south, east, north) in the raster's CRS, in pixels (x right, y down: left, top, right, bottom)
            without one: outputs cover the pixels that it touches. Tiles stay those of the whole raster, so that what
            is found does not depend on it. None for the whole raster.
        bands: numbers, from 1, of the red, green and blue band, or of one grey band; None finds them.
        threshold: a pixel belongs to the mask where its probability is above this; None takes the weights' own.
        polygons: what polygons are made like; `exclusive` holds for masks, too.
        probability: in which type probabilities are written.
        scope: whether each tile answers for itself, or the raster is one scene; `auto` decides for each expression.
        cog: whether `.tif` outputs are Cloud Optimized GeoTIFFs.

    Raises:
        ConfigError: if a value cannot work.
    """

    tile: int = TILE
    overlap: float = 0.25
    gsd: float | None = None
    aoi: tuple[float, float, float, float] | None = None
    bands: tuple[int, ...] | None = None
    threshold: float | None = None
    polygons: PolygonOptions = field(default=AS_FOUND)
    probability: ProbabilityType = "uint8"
    scope: Scope = Scope.auto
    cog: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if not SMALLEST_TILE <= self.tile <= LARGEST_TILE:
            raise ConfigError(f"tile {self.tile}: give {SMALLEST_TILE} to {LARGEST_TILE} pixels, or a coarser gsd")
        if not 0 <= self.overlap < 1:
            raise ConfigError(f"overlap {self.overlap}: give a part of the tile, from 0 to below 1")
        if self.gsd is not None and not 0 < self.gsd < float("inf"):
            raise ConfigError(f"gsd {self.gsd}: give metres above 0")
        if self.aoi is not None and not all(map(isfinite, self.aoi)):
            raise ConfigError(f"aoi {self.aoi}: give finite numbers")
        if self.aoi is not None and not (self.aoi[0] < self.aoi[2] and self.aoi[1] < self.aoi[3]):
            raise ConfigError(f"aoi {self.aoi}: give west, south, east, north, the first two below the last two")
        if self.bands is not None and (len(self.bands) not in (1, 3) or min(self.bands) < 1):
            raise ConfigError(f"bands {self.bands}: give one number or three, counted from 1")
        if self.threshold is not None:
            Decision(mask_threshold=self.threshold)
        if self.probability not in get_args(ProbabilityType):
            raise ConfigError(f"probability {self.probability!r}: use {' or '.join(get_args(ProbabilityType))}")
