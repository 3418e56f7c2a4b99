"""How much memory rasters of growing size take, how fast the pipeline is beside the model alone, and dropping tiles.

Each raster is looked at by a process of its own, whose peak of resident memory is Linux's count (proc(5)).
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import Affine
from rasterio.windows import Window

from rs2sam2.data.synthetic.scene import render_scene
from rs2sam2.errors import Rs2Sam2Error

FORMAT = "rs2sam2.bench-raster/2"
EXPRESSION = "the buildings"
RARE = "the aircraft"
"""Few of the scenes have one."""
_SCENES, _SIDE, _BLOCK = 16, 1024, 512
_METRES = 0.1


def measure(
    folder: Path, weights: str, sides: Sequence[int], speed_side: int, filled: int, seed: int
) -> dict[str, Any]:
    """Render rasters, look at each of them, and time a full one.

    Args:
        folder: for rasters and outputs.
        weights: name or path.
        sides: of the rasters whose memory is watched, in pixels.
        speed_side: of the raster that is timed; every part of it shows a scene.
        filled: every how many-th part of the others shows a scene; the rest is black.
        seed: of the scenes.

    Returns:
        "format", "expression", "filled"; "memory", for each side "pixels", "tiles", "objects", "peak" (bytes) and
        "loaded" (bytes before the run); "largest_over_smallest" (of the peaks); "speed": "side", "tiles", "cores",
        "turns", "pipeline" and "model" (alone, on as many tiles) with "pixels_per_second" by the clock and
        "cpu_seconds" of all cores together, and the "ratio" of the former, each a median of turns; "dropping": the same
        raster asked for what is rare, "all" tiles and "dropping" early those that the weights' `Decision.drop_below`
        says: "tiles", "dropped", "objects", "seconds", "cpu_seconds" and "gain", the ratio of seconds.

    Raises:
        Rs2Sam2Error: a run failed.
    """
    scenes = [render_scene(np.random.default_rng(seed + number), _SIDE).image for number in range(_SCENES)]
    memory = []
    for side in sides:
        path = folder / f"{side}.tif"
        render(path, scenes, side, filled)
        run = _watched(path, weights, "memory")
        memory.append({"side": side, "pixels": side * side, **run})
        path.unlink()
    path = folder / "full.tif"
    render(path, scenes, speed_side, 1)
    timed, dropping = _watched(path, weights, "speed"), _watched(path, weights, "dropping")
    peaks = [run["peak"] for run in memory]
    return {
        "format": FORMAT,
        "expression": EXPRESSION,
        "filled": filled,
        "memory": memory,
        "largest_over_smallest": max(peaks) / min(peaks) if peaks else None,
        "speed": {"side": speed_side, **timed},
        "dropping": dropping,
    }


def render(path: Path, scenes: Sequence[np.ndarray[Any, Any]], side: int, filled: int) -> None:
    """A square, tiled GeoTIFF in which every `filled`-th part shows a scene; the others take no room on disk."""
    profile = {"driver": "GTiff", "width": side, "height": side, "count": 3, "dtype": "uint8", "photometric": "rgb"}
    profile |= {"crs": "EPSG:32637", "transform": Affine(_METRES, 0, 5e5, 0, -_METRES, 9e6), "sparse_ok": True}
    profile |= {"tiled": True, "blockxsize": _BLOCK, "blockysize": _BLOCK, "compress": "deflate", "bigtiff": "if_safer"}
    with rasterio.Env(GDAL_CACHEMAX=64 << 20), rasterio.open(path, "w", **profile) as dataset:
        parts = [(top, left) for top in range(0, side, _SIDE) for left in range(0, side, _SIDE)]
        for number, (top, left) in enumerate(parts):
            if number % filled == 0:
                high, wide = min(_SIDE, side - top), min(_SIDE, side - left)
                scene = scenes[number // filled % len(scenes)][:high, :wide]
                dataset.write(scene.transpose(2, 0, 1), window=Window(left, top, wide, high))


def _watched(path: Path, weights: str, task: str) -> dict[str, Any]:
    words = [sys.executable, "-m", "rs2sam2.bench.raster_process", task, str(path), weights]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise Rs2Sam2Error(f"{path.name}: the run failed: {reason[-1]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found
