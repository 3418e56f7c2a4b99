"""Pictures from a raster and a vector layer: tiles, each read by itself, with the objects in it.

Shapes: H, W height and width of a tile as it is written, in pixels.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rs2sam2.data.building.names import UNKNOWN, nouns
from rs2sam2.data.building.picture import Footprint, Picture
from rs2sam2.data.building.raster_pixels import RasterPixels
from rs2sam2.data.building.vector import Layer, to_pixels
from rs2sam2.files import file_sha256

if TYPE_CHECKING:
    from shapely import STRtree

QUALITY = 95
# Tiles side by side that make one place, by preference, and how many places are wanted at least.
_BLOCKS, _LEAST_PLACES = (8, 4, 2, 1), 10
# Of a tile's pixels that hold data, or it is left out.
_LEAST_VALID = 0.5


@dataclass(frozen=True)
class _Object:
    """An object in pixels of the raster."""

    noun: str
    outline: Any  # a shapely polygon or multipolygon; the library ships no annotations
    area: float
    referable: bool


@dataclass(frozen=True)
class _Tile:
    """A window of the raster with its objects; see `Picture`."""

    name: str
    place: str
    window: tuple[int, int, int, int]
    size: tuple[int, int]
    pixels: RasterPixels
    objects: Sequence[_Object]

    @property
    def facts(self) -> Mapping[str, Any]:
        return {
            "window": list(self.window),
            "crs": self.pixels.crs_name,
            "transform": self.pixels.transform(self.window, self.size),
        }

    def read(self) -> tuple[NDArray[np.uint8], list[Footprint]] | None:
        import shapely
        from rasterio.features import rasterize

        pixels, valid = self.pixels.read(self.window, self.size)
        if valid.mean() < _LEAST_VALID:
            return None
        column, row, width, height = self.window
        scale = np.array([self.size[0] / width, self.size[1] / height])
        found = []
        for one in self.objects:
            outline = shapely.transform(one.outline, lambda points: (points - (column, row)) * scale)
            mask = rasterize([outline], out_shape=pixels.shape[:2], dtype=np.uint8) > 0
            footprint = Footprint.of(one.noun, mask & valid, one.area * float(scale.prod()), referable=one.referable)
            if footprint is not None:
                found.append(footprint)
        return (pixels, found) if found else None

    def write(self, path: Path, pixels: NDArray[np.uint8]) -> None:
        Image.fromarray(pixels).save(path, "JPEG", quality=QUALITY, subsampling=0)


class RasterSource:
    """See `Source`.

    The raster is cut into tiles of equal size, as near to the one asked for as goes up; they share no pixel. A place is
    a block of tiles. An object that reaches into another split is a target in neither.
    """

    def __init__(
        self, pixels: RasterPixels, layer: Layer, layer_path: Path, tile: int, renamed: Mapping[str, str]
    ) -> None:
        """Cut.

        Args:
            pixels: the raster.
            layer: objects.
            layer_path: file of the layer, for messages.
            tile: side of a tile as it is written, in pixels.
            renamed: see `nouns`.

        Raises:
            DataError, ConfigError: the layer does not fit the raster, or the names do not fit the layer.
        """
        import shapely

        outlines = to_pixels(layer, layer_path, pixels.frame())
        said = nouns((name for name in layer.classes if name != UNKNOWN), renamed) | {UNKNOWN: UNKNOWN}
        kept = [index for index, outline in enumerate(outlines) if outline is not None and layer.classes[index] in said]
        self._outlines = outlines[kept]
        self._noun = [said[layer.classes[index]] for index in kept]
        self._areas = shapely.area(self._outlines)
        self._pixels = pixels
        self.nouns: Sequence[str] = sorted(set(said.values()) - {UNKNOWN})
        self.notes = list(layer.notes)
        if outside := sum(outline is None for outline in outlines):
            self.notes.append(f"{outside} objects lie outside the raster")
        columns, rows = (_cuts(length, scale, tile) for length, scale in zip(pixels.size, pixels.scale, strict=True))
        self._windows = {
            (row, column): (left, upper, right - left, lower - upper)
            for row, (upper, lower) in enumerate(pairwise(rows))
            for column, (left, right) in enumerate(pairwise(columns))
        }
        self._inside = self._objects_by_tile(shapely.STRtree(self._outlines))
        self._block = _block(list(self._inside))
        self.record: Mapping[str, Any] = {
            "kind": "raster",
            "raster": pixels.path.name,
            "raster_sha256": file_sha256(pixels.path),
            "objects": layer_path.name,
            "objects_sha256": file_sha256(layer_path),
            "tile": tile,
            "metres_per_pixel": pixels.metres,
            "bands": list(pixels.bands),
            "tiles_in_a_place": self._block,
        }

    def places(self) -> Mapping[str, int]:
        """Place -> number of objects; one that lies in several counts in each."""
        counts: Counter[str] = Counter()
        for tile, objects in self._inside.items():
            counts[self._place(tile)] += len(objects)
        return counts

    def pictures(self, split_of: Mapping[str, str]) -> Sequence[Picture]:
        """Tiles with objects, row by row."""
        splits = defaultdict(set)
        for tile, objects in self._inside.items():
            for index in objects:
                splits[index].add(split_of[self._place(tile)])
        shared = {index for index, found in splits.items() if len(found) > 1}
        if shared:
            self.notes.append(f"{len(shared)} objects reach into two splits: no sentence means them alone")
        things = [
            _Object(noun, outline, float(area), index not in shared)
            for index, (noun, outline, area) in enumerate(zip(self._noun, self._outlines, self._areas, strict=True))
        ]
        stem = self._pixels.path.stem
        return [
            _Tile(
                f"{stem}_{row}_{column}.jpg",
                self._place((row, column)),
                window := self._windows[row, column],
                self._pixels.written_size(window),
                self._pixels,
                [things[index] for index in objects],
            )
            for (row, column), objects in sorted(self._inside.items())
        ]

    def _objects_by_tile(self, tree: "STRtree") -> dict[tuple[int, int], list[int]]:
        import shapely

        found = {}
        for tile, (left, upper, width, height) in self._windows.items():
            box = shapely.box(left, upper, left + width, upper + height)
            touching = tree.query(box, predicate="intersects")
            shown = touching[shapely.area(shapely.intersection(self._outlines[touching], box)) > 0]
            if len(shown):
                found[tile] = sorted(shown.tolist())
        return found

    def _place(self, tile: tuple[int, int]) -> str:
        row, column = tile
        return f"{self._pixels.path.stem}_{row // self._block}_{column // self._block}"


def _cuts(length: int, scale: float, tile: int) -> list[int]:
    """Where to cut so many pixels of the raster into equal parts of about `tile` pixels as they are written."""
    parts = max(1, round(length * scale / tile))
    return [round(part * length / parts) for part in range(parts + 1)]


def _block(tiles: Sequence[tuple[int, int]]) -> int:
    """The largest side of a block that leaves places enough."""
    for block in _BLOCKS:
        if len({(row // block, column // block) for row, column in tiles}) >= _LEAST_PLACES:
            return block
    return 1
