"""A raster as people and the model see it: 8-bit RGB and alpha, in tiles, with overviews, in one plain GeoTIFF.

It is made once. What reads it later meets a file of this package's own making, and no more a stranger's. Samples are
not compressed: photographs hardly shrink without loss, and tiles come several times as fast.
Shapes: H, W height and width in pixels.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rs2sam2.errors import ImageError
from rs2sam2.files import whole_file
from rs2sam2.inference.bands import NO_DATA_COLOUR
from rs2sam2.inference.geotiff import placement
from rs2sam2.inference.images import RasterImage, open_image
from rs2sam2.inference.measure import ground_lengths
from rs2sam2.inference.raster.source import RasterSource, gdal_settings
from rs2sam2.serving.kinds import DRIVERS, Kind, declared_size
from rs2sam2.serving.places import to_degrees
from rs2sam2.serving.refusals import Refusal

if TYPE_CHECKING:
    from affine import Affine
    from rasterio import DatasetReader
    from rasterio.crs import CRS

Tick = Callable[[float], None]
Strip = tuple[int, NDArray[np.uint8], NDArray[np.bool_] | None]

BLOCK = 256
_BLOCK_STEP = 16
"""TIFF's own."""
HIGHEST_ZOOM = 24
"""Of map tiles."""
_ROWS = 512
_AT_ONCE = 32 << 20
"""Pixels of a TIFF that is read whole, as `rs2sam2 segment` does; larger ones are read strip by strip."""


@dataclass(frozen=True)
class Picture:
    """One that is made.

    Attributes:
        path: of the file.
        width: columns.
        height: rows.
        bands: of the raster that it was made of.
        dtype: of that one's samples.
        crs: coordinate reference system, or None.
        transform: pixel corner (column, row) to coordinates of `crs`; None without one.
        bounds: longitude and latitude (west, south, east, north); None without a place on Earth.
        metres: of ground that a pixel in the middle is wide; likewise.
        zooms: in web mercator, the first at which it fills about a tile, and the one of its own pixels; likewise.
    """

    path: Path
    width: int
    height: int
    bands: int
    dtype: str
    crs: "CRS | None"
    transform: "Affine | None"
    bounds: tuple[float, float, float, float] | None
    metres: float | None
    zooms: tuple[int, int] | None

    @classmethod
    def load(cls, path: Path) -> "Picture":
        """Look at the file's header.

        Raises:
            Refusal: it cannot be read (404).
        """
        with opened(path) as dataset:
            crs, transform = dataset.crs, placement(dataset)
            if crs is None or transform is None:
                crs = transform = None
            size, tags = (dataset.width, dataset.height), dataset.tags()
            bounds = metres = zooms = None
            if crs is not None and transform is not None:
                bounds = _bounds(crs, transform, *size)
                if bounds is not None:
                    metres, zooms = _metres(crs, transform, *size), _zooms(dataset)
        return cls(path, *size, int(tags["bands"]), tags["dtype"], crs, transform, bounds, metres, zooms)

    def read(self, window: tuple[int, int, int, int]) -> RasterImage:
        """The pixels from (x0, y0) up to (x1, y1), which lie in the picture, with their place on Earth.

        Raises:
            ImageError: no pixel there holds data.
        """
        from rasterio.windows import Window
        from rasterio.windows import transform as shifted

        x0, y0, x1, y1 = window
        part = Window(x0, y0, x1 - x0, y1 - y0)
        with opened(self.path) as dataset:
            samples = dataset.read(window=part)
        valid = samples[3] > 0
        if not valid.any():
            raise ImageError("no pixel of this scene holds data: choose another part of the image")
        return RasterImage(
            np.ascontiguousarray(np.moveaxis(samples[:3], 0, -1)),
            None if self.transform is None else shifted(part, self.transform),
            self.crs,
            None if valid.all() else valid,
        )


def block_side(side: int) -> int:
    """Of the blocks along a side of a picture, in pixels: a narrow picture would be mostly what is beyond its edge."""
    return min(BLOCK, -(-side // _BLOCK_STEP) * _BLOCK_STEP)


@contextmanager
def opened(path: Path) -> "Iterator[DatasetReader]":
    """A picture's file.

    Raises:
        Refusal: it is gone, or damaged (404).
    """
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        try:
            dataset = rasterio.open(path, driver="GTiff")
        except RasterioError as error:
            raise Refusal(404, "the image is not here any more: send or choose it again") from error
    with dataset:
        yield dataset


def make_picture(source: Path, kind: Kind, name: str, target: Path, tick: Tick) -> None:
    """Make the file of a picture; it appears whole or not at all.

    Args:
        source: the raster.
        kind: by its content.
        name: for messages, in which `source` does not appear.
        target: the file to be made.
        tick: called with the share that is done; what it raises ends the work.

    Raises:
        ImageError: the raster cannot be read, or is too large.
    """
    try:
        _make(source, kind, target, tick)
    except ImageError as error:
        raise ImageError(str(error).replace(str(source), name)) from error


def _make(source: Path, kind: Kind, target: Path, tick: Tick) -> None:
    import rasterio
    from rasterio.enums import Resampling
    from rasterio.windows import Window

    facts, strips = _strips(source, kind)
    height, width = facts["height"], facts["width"]
    with whole_file(target) as path:
        with warnings.catch_warnings(), rasterio.open(path, "w", **_LAYOUT, **facts["grid"]) as dataset:
            for row, pixels, valid in strips:
                alpha = np.full(pixels.shape[:2], 255, np.uint8) if valid is None else valid.astype(np.uint8) * 255
                samples = np.concatenate([np.moveaxis(pixels, -1, 0), alpha[None]])
                dataset.write(samples, window=Window(0, row, width, len(pixels)))
                tick(0.8 * (row + len(pixels)) / height)
            dataset.update_tags(bands=facts["bands"], dtype=facts["dtype"])
        factors = [2**level for level in range(1, 16) if max(width, height) > BLOCK * 2 ** (level - 1)]
        with warnings.catch_warnings(), rasterio.open(path, "r+") as dataset:
            if factors:
                dataset.build_overviews(factors, Resampling.average)
        tick(1.0)


_LAYOUT: dict[str, Any] = {
    "driver": "GTiff",
    "count": 4,
    "dtype": "uint8",
    "photometric": "RGB",
    "alpha": "YES",
    "tiled": True,
    "interleave": "pixel",
    "BIGTIFF": "IF_SAFER",
}


def _strips(source: Path, kind: Kind) -> tuple[dict[str, Any], Iterator[Strip]]:
    """What is to be known of a raster, and its rows from the first to the last."""
    width, height = declared_size(source, kind)
    if kind == "picture" or (kind == "tiff" and width * height <= _AT_ONCE):
        image = open_image(source)  # which turns photographs upright
        bands, dtype = (3, "uint8") if kind == "picture" else _samples(source, DRIVERS[kind])
        return _facts(image.width, image.height, bands, dtype, image.crs, image.transform), _cut(image)
    return _facts(width, height, *_samples(source, DRIVERS[kind]), *_place(source)), _read(source)


def _place(source: Path) -> "tuple[CRS | None, Affine | None]":
    with closing(RasterSource(source)) as raster:
        return raster.crs, raster.transform


def _read(source: Path) -> Iterator[Strip]:
    with gdal_settings(source), closing(RasterSource(source)) as raster:
        side = max(raster.width, _ROWS)
        for row in range(0, raster.height, _ROWS):
            last = min(row + _ROWS, raster.height)
            image = raster.picture((0, row, raster.width, last), side)
            if image is None:
                shape = last - row, raster.width
                yield row, np.full((*shape, 3), NO_DATA_COLOUR, np.uint8), np.zeros(shape, np.bool_)
            else:
                yield row, image.pixels, raster.valid(row, last)


def _facts(width: int, height: int, bands: int, dtype: str, crs: object, transform: object) -> dict[str, Any]:
    blocks = {"blockxsize": block_side(width), "blockysize": block_side(height)}
    grid = {"width": width, "height": height, "crs": crs, "transform": transform} | blocks
    return {"width": width, "height": height, "bands": bands, "dtype": dtype, "grid": grid}


def _cut(image: RasterImage) -> Iterator[Strip]:
    for row in range(0, image.height, _ROWS):
        rows = slice(row, row + _ROWS)
        yield row, image.pixels[rows], None if image.valid is None else image.valid[rows]


def _samples(source: Path, driver: str) -> tuple[int, str]:
    import rasterio

    with warnings.catch_warnings(), rasterio.open(source, driver=driver) as dataset:
        return dataset.count, dataset.dtypes[0]


def _bounds(crs: "CRS", transform: "Affine", width: int, height: int) -> tuple[float, float, float, float] | None:
    along = np.linspace(0, 1, 21)
    zero, one = np.zeros_like(along), np.ones_like(along)
    border = np.column_stack([np.concatenate([along, along, zero, one]), np.concatenate([zero, one, along, along])])
    points = to_degrees(border * (width, height), crs, transform)
    if points is None:
        return None
    west, south = points.min(axis=0)
    east, north = points.max(axis=0)
    return float(west), float(south), float(east), float(north)


def _zooms(dataset: "DatasetReader") -> tuple[int, int]:
    from rio_tiler.io import Reader

    reader = Reader(None, dataset=dataset)
    return int(reader.minzoom), min(HIGHEST_ZOOM, int(reader.maxzoom) + 1)


def _metres(crs: "CRS", transform: "Affine", width: int, height: int) -> float | None:
    middle = np.array([[[width / 2, height / 2], [width / 2 + 1, height / 2]]])
    found = ground_lengths(middle, transform, crs)
    return None if found is None else float(found[0])
