"""Whether nano's forward pass, or the raster pipeline, has become slower than it was.

Seconds say little on a machine that others use. So each run is paired with a run of a reference that never changes
(`rs2sam2.bench.reference`), CPU seconds are taken of both, on one thread, and the median of their ratios counts: what
slows one slows the other. Ratios hold for one kind of CPU; the report says for which.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rs2sam2.bench.raster import EXPRESSION, render
from rs2sam2.bench.raster_process import run
from rs2sam2.bench.reference import Network, Pictures
from rs2sam2.bench.threads import one_thread
from rs2sam2.data.synthetic.scene import render_scene
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.segmenter import Segmenter

FORMAT = "rs2sam2.bench-guard/1"
SLOWER = 1.2
"""A change to be noticed, as a factor."""
LIMIT = SLOWER**0.5
"""What is called slower: half way between no change and such a change, as noise goes both ways."""
TRIES = 3
_PAIRS = {"forward": 60, "pipeline": 8}
_SIDE = 2048
_NETWORKS, _PICTURES = 12, 8  # about as long as the pipeline, in its own mixture


def measure(folder: Path, segmenter: Segmenter) -> dict[str, Any]:
    """Take both ratios.

    Args:
        folder: for a raster and what is found in it.
        segmenter: of nano, on the CPU.

    Returns:
        "format", "capability" (the vector instructions that torch uses), "limit", and under "ratios" for "forward" and
        "pipeline" the "ratio", the "quartiles" of its pairs, and the median "cpu_seconds".
    """
    scenes = [np.asarray(render_scene(np.random.default_rng(number), 1024).image) for number in range(4)]
    raster = folder / "guard.tif"
    render(raster, scenes, _SIDE, 1)
    views = segmenter.views(RasterImage(scenes[0]))
    network, pictures = Network(), Pictures()

    def mixture() -> None:
        for _ in range(_NETWORKS):
            network.run()
        for _ in range(_PICTURES):
            pictures.run()

    with one_thread():
        ratios = {
            "forward": _paired(lambda: list(segmenter.look([views], [EXPRESSION])), network.run, _PAIRS["forward"]),
            "pipeline": _paired(lambda: run(segmenter, raster), mixture, _PAIRS["pipeline"]),
        }
    return {
        "format": FORMAT,
        "capability": torch.backends.cpu.get_cpu_capability(),
        "limit": LIMIT,
        "ratios": ratios,
    }


def slower(found: Mapping[str, Any], recorded: Mapping[str, Any]) -> dict[str, float]:
    """What of `found` is slower than it was, and by which factor."""
    factors = {name: now["ratio"] / recorded["ratios"][name]["ratio"] for name, now in found["ratios"].items()}
    return {name: factor for name, factor in factors.items() if factor > LIMIT}


def still_slower(take: Callable[[], Mapping[str, Any]], recorded: Mapping[str, Any]) -> dict[str, float]:
    """As `slower`, of what is so each time that it is measured, `TRIES` times: a slower program always is."""
    left = slower(take(), recorded)
    for _ in range(TRIES - 1):
        if left:
            again = slower(take(), recorded)
            left = {name: min(factor, again[name]) for name, factor in left.items() if name in again}
    return left


def _paired(work: Callable[[], object], reference: Callable[[], object], pairs: int) -> dict[str, Any]:
    work(), reference()  # what is slow the first time only
    taken = []
    for number in range(pairs):
        first, second = (work, reference) if number % 2 else (reference, work)
        one, other = _cpu_seconds(first), _cpu_seconds(second)
        taken.append((one, other) if number % 2 else (other, one))
    ratios = [mine / theirs for mine, theirs in taken]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {
        "ratio": middle,
        "quartiles": [low, high],
        "pairs": pairs,
        "cpu_seconds": statistics.median(mine for mine, _ in taken),
    }


def _cpu_seconds(work: Callable[[], object]) -> float:
    """Of all threads of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start
