"""GeoTIFFs that grow part by part. Needs the optional 'geo' dependencies.

Shapes: B bands, h, w rows and columns of a part in pixels.
"""

import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rs2sam2.errors import OutputError
from rs2sam2.inference.outputs.targets import Target

if TYPE_CHECKING:
    from rs2sam2.inference.raster.source import RasterSource

BLOCK = 256
"""Side of a block in pixels. Parts are whole blocks, written once and in order: equal answers give equal bytes."""
_COLUMNS = 8 * BLOCK


class GrowingTiff:
    """A tiled, deflated GeoTIFF on the raster's own grid, written from its first row to its last."""

    def __init__(
        self,
        path: Path,
        target: Target,
        source: "RasterSource",
        bands: int,
        tags: Mapping[str, str],
        *,
        half: bool = False,
        cog: bool = False,
    ) -> None:
        """Begin the file, replacing what a run that was killed has left there.

        Args:
            path: where it is written.
            target: where it shall be, for messages.
            source: gives grid and place.
            bands: B.
            tags: of the file.
            half: float16 samples (TIFF's 16-bit floating point) instead of uint8.
            cog: make it a Cloud Optimized GeoTIFF in the end.

        Raises:
            OutputError: if it cannot be written.
        """
        self.path, self._target, self._cog = path, target, cog
        self._width = source.width
        self._masked = False
        kind: dict[str, Any] = {"dtype": "uint8", "zlevel": 5}  # quicker than 1 for masks, and smaller
        if half:
            kind = {"dtype": "float32", "nbits": 16, "predictor": 3, "zlevel": 1}
        path.unlink(missing_ok=True)
        self._dataset = self._writing(lambda: _new(path, source, bands, kind))
        self._writing(lambda: self._dataset.update_tags(**tags))

    def add(self, row: int, column: int, samples: NDArray[np.generic], valid: NDArray[np.bool_] | None) -> None:
        """Take the next part (B, h, w), and which of its pixels have data, (h, w) or None for all.

        The file gets a mask band if there is a pixel without data.

        Args:
            row: of its first pixel, a multiple of `BLOCK`.
            column: likewise.
            samples: whole blocks, but at the raster's end.
            valid: where they have data.

        Raises:
            OutputError: if the disk is full.
        """
        height, width = samples.shape[1:]
        for left, right in _not_empty(samples):
            window, some = _window(row, column + left, height, right - left), samples[..., left:right]
            self._writing(partial(self._dataset.write, some, window=window))
        if valid is not None and not self._masked:
            self._masked = True
            for top in range(0, row, BLOCK):
                self._write_mask(None, top, 0, BLOCK, self._width)
            self._write_mask(None, row, 0, height, column)
        if self._masked:
            self._write_mask(valid, row, column, height, width)

    def finish(self) -> None:
        """Close the file: it is whole.

        Raises:
            OutputError: if the disk is full.
        """
        self._writing(self._dataset.close)
        if self._cog:
            plain = self.path.with_suffix(".plain.tif")
            self.path.replace(plain)
            self._writing(lambda: _as_cog(plain, self.path))
            plain.unlink()

    def abandon(self) -> None:
        """Close a file that will not be whole."""
        from rasterio.errors import RasterioError

        try:
            self._dataset.close()
        except (RasterioError, OSError):  # what is full stays full, and the file is thrown away
            return

    def _write_mask(self, valid: NDArray[np.bool_] | None, top: int, left: int, height: int, width: int) -> None:
        """As many columns at a time as a part has at most: memory does not depend on the raster's width."""
        for column in range(left, left + width, _COLUMNS):
            wide = min(_COLUMNS, left + width - column)
            window = _window(top, column, height, wide)
            at = slice(column - left, column - left + wide)
            part = np.ones((height, wide), dtype=np.bool_) if valid is None else valid[:, at]
            self._writing(partial(self._dataset.write_mask, part, window=window))

    def _writing(self, write: Any) -> Any:  # noqa: ANN401 - a call without arguments, and what it gives
        from rasterio.errors import RasterioError

        try:
            return write()
        except (RasterioError, OSError) as error:
            reason = " ".join(str(error.__cause__ or error).split())
            raise OutputError(
                f"{self._target.name}: cannot be written ({reason}): free some room, then the same command goes on"
            ) from error


def _not_empty(samples: NDArray[np.generic]) -> Iterator[tuple[int, int]]:
    """From which column to before which a part (B, h, w) has blocks that are not all 0.

    GDAL itself puts those that are into the file once it is closed: it deflates one of them and copies it.
    """
    width = samples.shape[2]
    blocks = np.maximum.reduceat(samples.max(axis=(0, 1)), np.arange(0, width, BLOCK)) != 0
    edges = np.flatnonzero(np.diff(blocks, prepend=False, append=False)) * BLOCK
    for left, right in edges.reshape(-1, 2).tolist():
        yield left, min(right, width)


def _window(top: int, left: int, height: int, width: int) -> Any:  # noqa: ANN401 - rasterio ships no types
    from rasterio.windows import Window

    return Window(left, top, width, height)


def _new(path: Path, source: "RasterSource", bands: int, kind: Mapping[str, Any]) -> Any:  # noqa: ANN401
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return rasterio.open(
            path,
            "w",
            driver="GTiff",
            width=source.width,
            height=source.height,
            count=bands,
            crs=source.crs,
            transform=source.transform,
            compress="deflate",
            tiled=True,
            blockxsize=BLOCK,
            blockysize=BLOCK,
            interleave="band",
            bigtiff="if_safer",
            **kind,
        )


def _as_cog(plain: Path, path: Path) -> None:
    import rasterio.shutil
    from rasterio.errors import NotGeoreferencedWarning

    options = {"compress": "deflate", "overview_resampling": "nearest", "bigtiff": "if_safer"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        rasterio.shutil.copy(plain, path, driver="COG", **options)
