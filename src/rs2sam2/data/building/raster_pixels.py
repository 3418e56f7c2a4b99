"""A GeoTIFF as 8-bit colours, window by window, so that its size does not matter.

Shapes: H, W height and width of what is read, in pixels as they are written.
"""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rs2sam2.errors import ConfigError, ImageError

if TYPE_CHECKING:
    from rasterio import DatasetReader

_PERCENTILES = (2, 98)
_SAMPLE_SIDE = 1024
Floats = NDArray[np.float64]
# The mean of ImageNet, as where `rs2sam2 segment` meets holes.
_HOLE = (124, 116, 104)
_RGB = ("red", "green", "blue")
_FINER = 0.99


class RasterPixels:
    """A raster on disk.

    8-bit samples stay as they are; floating-point samples within 0..1 are scaled by 255; anything else is stretched
    between the 2nd and 98th percentile of each band over the whole raster, the same in every window.

    Attributes:
        path: its file.
        size: (width, height) in its own pixels.
        bands: numbers of the bands (from 1) for red, green, blue; or of the one grey band.
        metres: of ground that a written pixel is wide, None without a CRS.
        scale: written pixels in one of its own, (across, down).
        crs_name: "EPSG:32617", or WKT; None without a CRS.
    """

    def __init__(self, path: Path, bands: tuple[int, ...] | None, metres: float | None) -> None:
        """Look at a file.

        Args:
            path: GeoTIFF.
            bands: three of them; without it the ones that call themselves so, else the first three (or one).
            metres: of ground for a written pixel; without it the raster's own pixels are written.

        Raises:
            ImageError: it cannot be read.
            ConfigError: it has no such band, no CRS to measure metres by, or larger pixels than that.
        """
        self.path = path
        with self._open() as dataset:
            self.size = dataset.width, dataset.height
            self._affine, self._wkt = dataset.transform, dataset.crs.to_wkt() if dataset.crs else None
            self.crs_name = dataset.crs.to_string() if dataset.crs else None
            self._table = _palette(dataset)
            self.bands = (1,) if self._table is not None else _chosen_bands(dataset, bands, path)
            ground = self._pixel_metres()
            self.scale, self.metres = (1.0, 1.0), None if ground is None else ground[0]
            if metres is not None:
                self.scale, self.metres = self._scale(ground, metres), metres
            self._limits = None if self._table is not None else self._measured_limits(dataset)

    def frame(self) -> dict[str, Any]:
        """Name, CRS, transform and size, as `to_pixels` takes them."""
        width, height = self.size
        return {"name": self.path.name, "crs": self._wkt, "transform": self._affine, "width": width, "height": height}

    def written_size(self, window: tuple[int, int, int, int]) -> tuple[int, int]:
        """(W, H) of a window (left, upper, width, height)."""
        return max(1, round(window[2] * self.scale[0])), max(1, round(window[3] * self.scale[1]))

    def transform(self, window: tuple[int, int, int, int], size: tuple[int, int]) -> list[float]:
        """Six coefficients from written pixels of a window to coordinates: x = a column + b row + c, then y."""
        left, upper, width, height = window
        x, y = applied(self._affine, left, upper)
        a, b, _, d, e, _ = tuple(self._affine)[:6]
        across, down = width / size[0], height / size[1]
        return [a * across, b * down, float(x), d * across, e * down, float(y)]

    def read(
        self, window: tuple[int, int, int, int], size: tuple[int, int]
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """(H, W, 3) uint8 RGB and (H, W) where there is data.

        Raises:
            ImageError: this part of the file is damaged.
        """
        from rasterio.enums import Resampling
        from rasterio.windows import Window

        part, shape = Window(*window), size[::-1]
        mean = Resampling.average if self._table is None else Resampling.nearest
        with self._open() as dataset:
            samples = dataset.read(self.bands, window=part, out_shape=(len(self.bands), *shape), resampling=mean)
            valid = dataset.dataset_mask(window=part, out_shape=shape) > 0
        if samples.dtype.kind == "f":
            valid &= np.isfinite(samples).all(axis=0)
        pixels = self._coloured(samples)
        pixels[~valid] = _HOLE
        return pixels, valid

    def _coloured(self, samples: NDArray[Any]) -> NDArray[np.uint8]:
        if self._table is not None:
            return np.asarray(self._table[samples[0].astype(np.uint8)])
        if self._limits is not None:
            low, high = self._limits
            stretched = (np.nan_to_num(samples.astype(np.float64)) - low) * (255 / np.maximum(high - low, 1e-9))
            samples = stretched.clip(0, 255).round()
        channels = np.broadcast_to(samples, (3, *samples.shape[1:]))
        return np.ascontiguousarray(np.moveaxis(channels, 0, -1).astype(np.uint8))

    def _measured_limits(self, dataset: "DatasetReader") -> tuple[Floats, Floats] | None:
        """Lower and upper limit of each band, (bands, 1, 1); None where samples are colours already."""
        if all(dataset.dtypes[band - 1] == "uint8" for band in self.bands):
            return None
        sides = [min(_SAMPLE_SIDE, side) for side in (dataset.height, dataset.width)]
        samples = dataset.read(self.bands, out_shape=(len(self.bands), *sides))
        if np.iscomplexobj(samples):
            raise ImageError(f"{self.path}: its samples are complex numbers: export their amplitude first")
        valid = (dataset.dataset_mask(out_shape=tuple(sides)) > 0) & np.isfinite(samples).all(axis=0)
        if not valid.any():
            raise ImageError(f"{self.path}: no pixel holds data: check how it was exported")
        seen = samples[:, valid].astype(np.float64)
        if samples.dtype.kind == "f" and seen.min() >= 0 and seen.max() <= 1:
            low, high = np.zeros(len(seen)), np.ones(len(seen))
        else:
            low, high = np.percentile(seen, _PERCENTILES, axis=1)
        return low[:, None, None], high[:, None, None]

    def _pixel_metres(self) -> tuple[float, float] | None:
        """Width and height on the ground of the pixel in the middle, on the ellipsoid; None without a CRS."""
        from pyproj import CRS, Geod, Transformer

        if self._wkt is None:
            return None
        column, row = self.size[0] / 2, self.size[1] / 2
        x, y = applied(self._affine, column + np.array([0, 1, 0]), row + np.array([0, 0, 1]))
        to_degrees = Transformer.from_crs(CRS.from_wkt(self._wkt), "EPSG:4326", always_xy=True)
        east, north = to_degrees.transform(x, y)
        if not np.isfinite([*east, *north]).all():
            return None
        geod = Geod(ellps="WGS84")
        across, down = (geod.inv(east[0], north[0], east[k], north[k])[2] for k in (1, 2))
        return float(across), float(down)

    def _scale(self, ground: tuple[float, float] | None, metres: float) -> tuple[float, float]:
        if metres <= 0:
            raise ConfigError(f"--gsd {metres}: no size of a pixel: give metres above 0")
        if ground is None:
            raise ConfigError(f"--gsd {metres}: {self.path.name} has no CRS to measure metres by: leave it out")
        across, down = ground[0] / metres, ground[1] / metres
        if min(1 / across, 1 / down) < _FINER:
            raise ConfigError(
                f"--gsd {metres}: finer than the raster's own {max(ground):.3g} m: the detail is not there; give more"
            )
        return across, down

    @contextmanager
    def _open(self) -> "Iterator[DatasetReader]":
        """The open file; whatever GDAL cannot do with it is an `ImageError`."""
        import rasterio
        from rasterio.errors import NotGeoreferencedWarning, RasterioError

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                # By content a .tif could be any of GDAL's formats, some of which fetch other files.
                with rasterio.open(self.path, driver="GTiff") as dataset:
                    yield dataset
        except RasterioError as error:
            reason = " ".join(str(error.__cause__ or error).split())
            raise ImageError(f"{self.path}: not a GeoTIFF that can be read ({reason}): check the path") from error


def applied(affine: Iterable[float], x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """Points moved by a transform; its own operator for this has another name in each version."""
    a, b, c, d, e, f = tuple(affine)[:6]
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    return a * x + b * y + c, d * x + e * y + f


def _chosen_bands(dataset: "DatasetReader", bands: tuple[int, ...] | None, path: Path) -> tuple[int, ...]:
    if bands is not None:
        if len(bands) != 3 or not all(1 <= band <= dataset.count for band in bands):
            raise ConfigError(
                f"--bands {','.join(map(str, bands))}: {path.name} has the bands 1 to {dataset.count}: give three of "
                "them, for red, green and blue"
            )
        return bands
    meanings = [meaning.name for meaning in dataset.colorinterp]
    if set(_RGB) <= set(meanings):
        return tuple(meanings.index(colour) + 1 for colour in _RGB)
    return (1, 2, 3) if dataset.count >= 3 else (1,)


def _palette(dataset: "DatasetReader") -> NDArray[np.uint8] | None:
    if dataset.colorinterp[0].name != "palette":
        return None
    table = np.zeros((256, 3), dtype=np.uint8)
    for index, colour in dataset.colormap(1).items():
        table[index % 256] = colour[:3]
    return table
