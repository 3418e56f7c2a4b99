"""GeoTIFFs that grow strip by strip. Needs the optional 'geo' dependencies.

Shapes: B bands, W raster width in pixels, h rows of a strip.
"""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rs2sam2.errors import OutputError
from rs2sam2.inference.outputs.targets import Target

if TYPE_CHECKING:
    from rs2sam2.inference.raster.source import RasterSource

BLOCK = 256
"""Side of a block in pixels. Blocks are written once, when they are whole, and in order: equal answers give equal
bytes, whatever the strips."""


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
        self._width, self._height = source.width, source.height
        self._rows = np.zeros((bands, BLOCK, source.width), dtype=np.float32 if half else np.uint8)
        self._valid: NDArray[np.bool_] | None = None  # until there is a pixel without data
        self._next_row = 0
        kind: dict[str, Any] = {"dtype": "float32", "nbits": 16, "predictor": 3} if half else {"dtype": "uint8"}
        path.unlink(missing_ok=True)
        self._dataset = self._writing(lambda: _new(path, source, bands, kind))
        self._writing(lambda: self._dataset.update_tags(**tags))

    def add(self, samples: NDArray[np.generic], valid: NDArray[np.bool_] | None) -> None:
        """Take the next rows (B, h, W), and which of their pixels have data, (h, W) or None for all.

        The file gets a mask band if there is a pixel without data.

        Raises:
            OutputError: if the disk is full.
        """
        if self._valid is None and valid is not None:
            self._valid = np.ones((BLOCK, self._width), dtype=np.bool_)
            for top in range(0, self._next_row - self._next_row % BLOCK, BLOCK):
                self._write_mask(self._valid, top)
        taken = 0
        while taken < samples.shape[1]:
            at = self._next_row % BLOCK
            some = min(BLOCK - at, samples.shape[1] - taken)
            self._rows[:, at : at + some] = samples[:, taken : taken + some]
            if self._valid is not None:
                self._valid[at : at + some] = True if valid is None else valid[taken : taken + some]
            taken += some
            self._next_row += some
            if self._next_row % BLOCK == 0 or self._next_row == self._height:
                self._write_blocks(at + some)

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

    def _write_blocks(self, height: int) -> None:
        window = self._window(self._next_row - height, height)
        self._writing(lambda: self._dataset.write(self._rows[:, :height], window=window))
        if self._valid is not None:
            self._write_mask(self._valid[:height], self._next_row - height)

    def _write_mask(self, valid: NDArray[np.bool_], top: int) -> None:
        window = self._window(top, len(valid))
        self._writing(lambda: self._dataset.write_mask(valid, window=window))

    def _window(self, top: int, height: int) -> Any:  # noqa: ANN401 - rasterio ships no types
        from rasterio.windows import Window

        return Window(0, top, self._width, height)

    def _writing(self, write: Any) -> Any:  # noqa: ANN401 - a call without arguments, and what it gives
        from rasterio.errors import RasterioError

        try:
            return write()
        except (RasterioError, OSError) as error:
            reason = " ".join(str(error.__cause__ or error).split())
            raise OutputError(
                f"{self._target.name}: cannot be written ({reason}): free some room, then the same command goes on"
            ) from error


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
            zlevel=1,
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
