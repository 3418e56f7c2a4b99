"""A raster that is read window by window. Needs the optional 'geo' dependencies.

Coordinates: pixels of the part that is looked at (the whole raster, or its area of interest), x to the right, y down.
"""

import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rs2sam2.errors import ConfigError, ImageError
from rs2sam2.inference.bands import NO_DATA_COLOUR, Limits, stretch_limits, stretched, with_finite
from rs2sam2.inference.geotiff import placement, read_colours
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.jpeg2000 import is_whole
from rs2sam2.inference.raster.address import REMOTE, gdal_name, is_remote

if TYPE_CHECKING:
    from affine import Affine
    from rasterio import DatasetReader, Env
    from rasterio.crs import CRS

Box = tuple[float, float, float, float]
"""(left, top, right, bottom) in pixels, whole numbers or not."""

CACHE_BYTES = 48 << 20
"""Of GDAL's blocks: its own choice is a part of the machine's memory, which a large raster would fill. This much holds
what a row of tiles shares with the next, up to about 8,000 pixels of width, and the nearer end of it beyond: that is
not decoded twice."""
_SAMPLED = 1 << 20
_BLOCK = 256
_BLOCKS = 8


def gdal_settings(source: str | Path) -> "Env":
    """To be entered by every thread that reads or writes rasters."""
    import rasterio

    return rasterio.Env(
        GDAL_CACHEMAX=CACHE_BYTES, GDAL_TIFF_INTERNAL_MASK=True, **(REMOTE if is_remote(source) else {})
    )


class RasterSource:
    """An open raster. One thread at a time may read from it; open it again for another.

    Attributes:
        name: as it was given.
        width: pixels.
        height: pixels.
        transform: pixel corner (column, row) to CRS coordinates; None without georeference.
        crs: the raster's, or None.
        masked: whether some pixels may have no data.
        left, top: where the area of interest begins in the file, in pixels; 0 without one.
        whole_width, whole_height, whole_transform: of the file.
    """

    def __init__(
        self,
        source: str | Path,
        *,
        aoi: tuple[float, float, float, float] | None = None,
        bands: tuple[int, ...] | None = None,
    ) -> None:
        """Open it; nothing is read but its header.

        Args:
            source: a path (see `rs2sam2.inference.raster.address.DRIVERS`) or an http(s) address.
            aoi: see `RasterOptions`.
            bands: see `RasterOptions`.

        Raises:
            ImageError: if it cannot be opened.
            ConfigError: if the area of interest lies elsewhere, or there is no such band.
        """
        self.name = str(source)
        self._source, self._bands = source, bands
        self._dataset = self._open()
        dataset = self._dataset
        if bands is not None and max(bands) > dataset.count:
            raise ConfigError(f"bands {', '.join(map(str, bands))}: {self.name} has {dataset.count}")
        if any(kind.startswith("complex") for kind in dataset.dtypes):
            raise ImageError(f"{self.name}: its samples are complex numbers: export their amplitude first")
        whole = placement(dataset)
        self.crs: CRS | None = dataset.crs or None
        self.whole_width, self.whole_height, self.whole_transform = dataset.width, dataset.height, whole
        self.left, self.top, right, bottom = self._area(aoi, whole if self.crs is not None else None)
        self.width, self.height = right - self.left, bottom - self.top
        moved = None if whole is None else whole @ type(whole).translation(self.left, self.top)
        self.transform: Affine | None = moved
        everywhere = all(flags[0].name == "all_valid" for flags in dataset.mask_flag_enums)
        self.masked = not everywhere or "float" in dataset.dtypes[0]
        self._limits: Limits = None
        self._stretches = dataset.dtypes[0] not in ("uint8", "bool")
        if self._stretches:
            self._limits = self._sampled_limits()

    def picture(self, box: Box, side: int) -> RasterImage | None:
        """What a box shows, as 8-bit RGB with one stretch for the whole raster; None where it has no data at all.

        Args:
            box: may reach beyond the area of interest, and to the right and below beyond the raster, where it shows
                what stands for no data.
            side: how many pixels are wanted along each side, at least.

        Returns:
            The picture: as large as the box where that is in whole pixels, else `side` x `side`.

        Raises:
            ImageError: if the file is damaged there, or the address does not answer.
        """
        left, right, top, bottom = box[0] + self.left, box[2] + self.left, box[1] + self.top, box[3] + self.top
        shrink_x = max(1, int((right - left) / side + 1e-6))
        shrink_y = max(1, int((bottom - top) / side + 1e-6))
        x0, y0 = math.floor(left / shrink_x + 1e-6), math.floor(top / shrink_y + 1e-6)
        x1, y1 = math.ceil(right / shrink_x - 1e-6), math.ceil(bottom / shrink_y - 1e-6)
        end_x, end_y = min(x1, -(-self.whole_width // shrink_x)), min(y1, -(-self.whole_height // shrink_y))
        pixels, valid = self._read(x0, y0, end_x, end_y, shrink_x, shrink_y)
        if valid is not None and not valid.any():
            return None
        if valid is not None:
            pixels[~valid] = NO_DATA_COLOUR
        canvas = pixels
        if pixels.shape[:2] != (y1 - y0, x1 - x0):
            canvas = np.empty((y1 - y0, x1 - x0, 3), dtype=np.uint8)
            canvas[:] = NO_DATA_COLOUR
            canvas[: len(pixels), : pixels.shape[1]] = pixels
        exact = (left / shrink_x - x0, top / shrink_y - y0, right / shrink_x - x0, bottom / shrink_y - y0)
        whole = (0, 0, canvas.shape[1], canvas.shape[0])
        if all(math.isclose(*edges, rel_tol=1e-5, abs_tol=1e-6) for edges in zip(exact, whole, strict=True)):
            return RasterImage(canvas, name=self.name)
        inside = tuple(np.clip(exact, 0, [canvas.shape[1], canvas.shape[0]] * 2))
        resized = Image.fromarray(canvas).resize((side, side), Image.Resampling.BILINEAR, inside)
        return RasterImage(np.asarray(resized), name=self.name)

    def valid(self, top: int, bottom: int, left: int = 0, right: int | None = None) -> NDArray[np.bool_] | None:
        """Which pixels of these rows and columns have data; None for all.

        Raises:
            ImageError: as `picture`.
        """
        if not self.masked:
            return None
        right = self.width if right is None else right
        window = _window(self.left + left, self.top + top, self.left + right, self.top + bottom)
        mask: NDArray[np.bool_] | None = self._reading(lambda: self._dataset.dataset_mask(window=window)) > 0
        if "float" in self._dataset.dtypes[0]:
            mask = with_finite(self._reading(lambda: read_colours(self._dataset, self._bands, window=window)), mask)
        return None if mask is None or mask.all() else mask

    def reopen(self) -> None:
        """Begin anew with the file, after a failure.

        Raises:
            ImageError: if it cannot be opened.
        """
        self.close()
        self._dataset = self._open()

    def close(self) -> None:
        """Let go of the file."""
        self._dataset.close()

    def _open(self) -> "DatasetReader":
        import rasterio
        from rasterio.errors import NotGeoreferencedWarning, RasterioError

        name, driver = gdal_name(self._source)
        try:
            if driver == "JP2OpenJPEG" and not is_remote(self._source) and not is_whole(Path(name)):
                raise ValueError("its end is missing")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                return rasterio.open(name, driver=driver)
        except (RasterioError, OSError, ValueError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> ImageError:
        reason = " ".join(str(error.__cause__ or error).split())
        return ImageError(f"{self.name}: cannot be read, or is truncated ({reason}): fetch or export it again")

    def _reading(self, read: Any) -> NDArray[Any]:  # noqa: ANN401 - a call without arguments
        try:
            return np.asarray(read())
        except Exception as error:  # after a damaged block GDAL's own errors come up, of a class that rasterio hides
            raise self._unreadable(error) from error

    def _read(
        self, x0: int, y0: int, x1: int, y1: int, shrink_x: int, shrink_y: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
        """The pixels (h, w, 3) of a part of the file in units of `shrink` pixels, and where they are valid."""
        from rasterio.enums import Resampling

        right, bottom = min(self.whole_width, x1 * shrink_x), min(self.whole_height, y1 * shrink_y)
        window = _window(x0 * shrink_x, y0 * shrink_y, right, bottom)
        shape = (y1 - y0, x1 - x0)
        how: dict[str, Any] = {"window": window}
        mask_how: dict[str, Any] = {"window": window}
        if shrink_x > 1 or shrink_y > 1:
            how |= {"out_shape": shape, "resampling": Resampling.average}
            mask_how |= {"out_shape": shape}
        samples = self._reading(lambda: read_colours(self._dataset, self._bands, **how))
        valid = None
        if self.masked:
            valid = self._reading(lambda: self._dataset.dataset_mask(**mask_how)) > 0
            valid = with_finite(samples, valid)
        return stretched(samples, self._limits), None if valid is None or valid.all() else valid

    def _area(
        self, aoi: tuple[float, float, float, float] | None, transform: "Affine | None"
    ) -> tuple[int, int, int, int]:
        """Left, top, right and bottom in pixels of the file."""
        width, height = self._dataset.width, self._dataset.height
        if aoi is None:
            return 0, 0, width, height
        west, south, east, north = aoi
        corners = [(x, y) for x in (west, east) for y in (south, north)]
        if transform is not None:
            inverse = ~transform
            corners = [inverse @ corner for corner in corners]
        columns, rows = zip(*corners, strict=True)
        left, top = max(0, math.floor(min(columns) + 1e-6)), max(0, math.floor(min(rows) + 1e-6))
        right, bottom = min(width, math.ceil(max(columns) - 1e-6)), min(height, math.ceil(max(rows) - 1e-6))
        if left >= right or top >= bottom:
            where = tuple(self._dataset.bounds) if transform is not None else (0, 0, width, height)
            raise ConfigError(f"aoi {aoi}: shares no ground with {self.name}, which lies in {where}")
        return left, top, right, bottom

    def _sampled_limits(self) -> Limits:
        """One stretch for the whole raster: from its overviews, else from blocks all over it."""
        samples, valid = self._samples()
        if valid is not None and not valid.any():
            samples, valid = self._shrunk()
        if valid is not None and not valid.any():
            raise ImageError(
                f"{self.name}: no pixel holds data (all are transparent, no-data or not a number): "
                "check how it was exported"
            )
        return stretch_limits(samples, valid)

    def _samples(self) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        if self.whole_width * self.whole_height <= _SAMPLED or self._dataset.overviews(1):
            return self._shrunk()
        pieces, masks = [], []
        for row in range(_BLOCKS):
            for column in range(_BLOCKS):
                left = column * max(0, self.whole_width - _BLOCK) // (_BLOCKS - 1)
                top = row * max(0, self.whole_height - _BLOCK) // (_BLOCKS - 1)
                right, bottom = min(left + _BLOCK, self.whole_width), min(top + _BLOCK, self.whole_height)
                window = _window(left, top, right, bottom)
                piece = self._reading(lambda window=window: read_colours(self._dataset, self._bands, window=window))
                mask = self._reading(lambda window=window: self._dataset.dataset_mask(window=window)) > 0
                pieces.append(piece.reshape(len(piece), 1, -1))
                masks.append(mask.reshape(1, -1))
        samples = np.concatenate(pieces, axis=2)
        return samples, with_finite(samples, np.concatenate(masks, axis=1))

    def _shrunk(self) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
        shrink = max(1, math.ceil(math.sqrt(self.whole_width * self.whole_height / _SAMPLED)))
        shape = (max(1, self.whole_height // shrink), max(1, self.whole_width // shrink))
        window = _window(0, 0, self.whole_width, self.whole_height)
        samples = self._reading(lambda: read_colours(self._dataset, self._bands, window=window, out_shape=shape))
        mask = self._reading(lambda: self._dataset.dataset_mask(window=window, out_shape=shape)) > 0
        return samples, with_finite(samples, mask)


def _window(left: int, top: int, right: int, bottom: int) -> Any:  # noqa: ANN401 - rasterio ships no types
    from rasterio.windows import Window

    return Window(left, top, right - left, bottom - top)
