"""What `rs2sam2 bench raster` starts for each raster: one run, which prints a line of JSON about itself."""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from rs2sam2.bench.memory import resident
from rs2sam2.bench.raster import EXPRESSION, RARE
from rs2sam2.inference.heap import keep_some
from rs2sam2.inference.outputs.targets import check_targets
from rs2sam2.inference.raster.options import RasterOptions
from rs2sam2.inference.raster.plan import plan
from rs2sam2.inference.raster.report import RasterReport
from rs2sam2.inference.raster.run import segment_raster
from rs2sam2.inference.raster.side_by_side import SideBySide
from rs2sam2.inference.raster.source import RasterSource, gdal_settings
from rs2sam2.inference.segmenter import LARGEST_BATCH, Segmenter, Views
from rs2sam2.model.rs2sam2 import RS2SAM2Output

_TURNS = 9
"""A machine that others use, too, is now quicker and now slower: neighbours in time are compared."""


def main() -> None:
    """Run `memory RASTER WEIGHTS`, or `speed` or `dropping` instead of `memory`."""
    task, raster, weights = sys.argv[1:]
    keep_some()
    segmenter = Segmenter.from_pretrained(weights, device="cpu")
    work = {"memory": _memory, "speed": _speed, "dropping": _dropping}[task]
    print(json.dumps(work(segmenter, Path(raster))))


def _memory(segmenter: Segmenter, raster: Path) -> dict[str, Any]:
    loaded = resident("VmRSS")
    report = run(segmenter, raster)
    return {"tiles": report.tiles, "objects": report.results[0].parts, "loaded": loaded, "peak": resident("VmHWM")}


def _speed(segmenter: Segmenter, raster: Path) -> dict[str, Any]:
    """The pipeline, and the model on prepared pictures of the first tiles, as often as there are tiles; in turns.

    No tile is dropped early: the model alone would not know which.
    """
    segmenter, options = _without_dropping(segmenter), RasterOptions()
    with gdal_settings(raster), closing(RasterSource(raster)) as source:
        tiling = plan(source, segmenter.config, 1, (), options).tiling
        pixels = source.width * source.height
        first = [source.picture(tiling.box(tile), options.tile) for tile in range(min(LARGEST_BATCH, len(tiling)))]
    views = [segmenter.tile_views(picture) for picture in first if picture is not None]
    passes = [views[at : at + segmenter.together] for at in range(0, len(views), segmenter.together)]

    def look(some: Sequence[Views]) -> list[RS2SAM2Output]:
        return list(segmenter.look(some, [EXPRESSION] * len(some)))

    def model_alone() -> None:
        with SideBySide(segmenter.at_once) as workers:
            turns = -(-len(tiling) // len(views))
            begun = [workers.begin(partial(look, some)) for _ in range(turns) for some in passes]
            for answers in begun:
                answers.result()

    run(segmenter, raster)  # what is slow the first time only: imports, memory
    pipeline, model = [], []
    for _ in range(_TURNS):
        pipeline.append(_timed(lambda: run(segmenter, raster)))
        model.append(_timed(model_alone))
    looked_at = len(views) * -(-len(tiling) // len(views)) / len(tiling)
    ratios = [alone / looked_at / whole for (whole, _), (alone, _) in zip(pipeline, model, strict=True)]
    (wall, cpu), (model_wall, model_cpu) = (np.median(turns, axis=0).tolist() for turns in (pipeline, model))
    return {
        "tiles": len(tiling),
        "cores": len(os.sched_getaffinity(0)),
        "turns": _TURNS,
        "pipeline": {"pixels_per_second": pixels / wall, "cpu_seconds": cpu},
        "model": {"pixels_per_second": pixels * looked_at / model_wall, "cpu_seconds": model_cpu / looked_at},
        "ratio": median(ratios),
        "all_ratios": ratios,
    }


def _dropping(segmenter: Segmenter, raster: Path) -> dict[str, Any]:
    """The pipeline for what is rare, with and without dropping tiles early; in turns."""
    both = {"all": _without_dropping(segmenter), "dropping": segmenter}
    reports = {name: run(one, raster, RARE) for name, one in both.items()}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in both}
    for _ in range(_TURNS):
        for name, one in both.items():
            times[name].append(_timed(partial(run, one, raster, RARE)))
    (whole, whole_cpu), (some, some_cpu) = (np.median(turns, axis=0).tolist() for turns in times.values())
    return {
        "expression": RARE,
        "turns": _TURNS,
        "tiles": reports["all"].tiles,
        "dropped": reports["dropping"].dropped,
        "objects": {name: report.results[0].parts for name, report in reports.items()},
        "seconds": {"all": whole, "dropping": some},
        "cpu_seconds": {"all": whole_cpu, "dropping": some_cpu},
        "gain": median(slow / quick for (slow, _), (quick, _) in zip(*times.values(), strict=True)),
    }


def _without_dropping(segmenter: Segmenter) -> Segmenter:
    return segmenter.with_decision(replace(segmenter.decision, drop_below=0.0))


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of all cores together."""
    start, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - busy


def run(segmenter: Segmenter, raster: Path, expression: str = EXPRESSION) -> RasterReport:
    """Look at a raster in tiles, write a mask and polygons, and remove them."""
    outputs = [raster.with_name(f"{raster.stem}-{name}") for name in ("mask.tif", "found.gpkg")]
    targets = check_targets(outputs, source=raster, overwrite=True)
    report = segment_raster(segmenter, raster, [expression], targets, overwrite=True)
    for output in outputs:
        output.unlink()
    return report


if __name__ == "__main__":
    main()
