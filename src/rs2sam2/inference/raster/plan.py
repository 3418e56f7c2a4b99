"""What a run will take, known before the first tile. Needs the optional 'geo' dependencies."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from rs2sam2.config import ModelConfig
from rs2sam2.errors import OutputError
from rs2sam2.inference.outputs.targets import Target
from rs2sam2.inference.raster.options import RasterOptions
from rs2sam2.inference.raster.resolution import working_gsd, working_scale
from rs2sam2.inference.raster.source import RasterSource
from rs2sam2.inference.raster.tiling import Tiling, axis

_POLYGON_BYTES = 1 / 8  # of disk for a pixel, and likewise for a deflated mask: more than any real answer takes


@dataclass(frozen=True)
class Plan:
    """How a raster is cut, and the room that takes.

    Attributes:
        tiling: where tiles lie.
        gsd: metres on the ground of a working pixel, or None.
        disk: bytes needed at most, by folder.
    """

    tiling: Tiling
    gsd: float | None
    disk: int


def plan(
    source: RasterSource,
    config: ModelConfig,
    expressions: int,
    targets: Sequence[Target],
    options: RasterOptions,
) -> Plan:
    """Cut a raster into tiles.

    Raises:
        ConfigError: if `gsd` is asked of a raster without a place on Earth.
    """
    across, down = working_scale(source, options.gsd)
    side = config.image_size // 4
    # All tiles of the file, of which an area of interest asks those that it needs: the same ground, the same answer.
    rows = axis(source.whole_height, down * options.tile / side, side, options.overlap)
    columns = axis(source.whole_width, across * options.tile / side, side, options.overlap)
    tiling = Tiling(
        rows.part(source.top, source.top + source.height), columns.part(source.left, source.left + source.width)
    )
    pixels = source.width * source.height
    copies = 2 if options.cog else 1
    disk = len(tiling) * expressions * (2 * side * side + 9)
    for target in targets:
        if target.kind == "mask":
            disk += int(copies * pixels * _POLYGON_BYTES)
        elif target.kind == "polygons":
            disk += int(2 * pixels * _POLYGON_BYTES)
        elif target.kind == "probability":
            disk += copies * expressions * pixels * (2 if options.probability == "float16" else 1)
    return Plan(tiling, working_gsd(source, (across, down)), disk + (1 << 20))


def check_disk(needed: int, target: Target) -> None:
    """Refuse before the work what would fill the disk.

    Raises:
        OutputError: if there is less room than this.
    """
    free = shutil.disk_usage(target.path.parent).free
    if free < needed:
        raise OutputError(
            f"{target.name}: {needed / 1e9:.2f} GB of disk may be needed, and {free / 1e9:.2f} GB are free: "
            "free some room or give another place"
        )
