"""Several expressions on one image: the whole `segment` command with `nano`, and a pass of the paper's model alone."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from rs2sam2.bench.model import PROGRAM
from rs2sam2.bench.watched import watched
from rs2sam2.data.synthetic import render_scene
from rs2sam2.errors import Rs2Sam2Error

_SIDE = 1024
_TEXTS = tuple(f"the {colour} {thing}" for colour in ("white", "blue", "grey", "red") for thing in ("building", "ship"))


def expressions(preset: str, rounds: int, seed: int) -> dict[str, Any]:
    """One expression and several, in turns: the command with eight, each in a fresh process, and a pass with two.

    Args:
        preset: of `ModelConfig`, of the model that has stand-in weights and passes in bfloat16.
        rounds: how often each; of passes after one that does not count.
        seed: of the scene, and of the inputs.

    Returns:
        Of the command "seconds", medians by number of expressions; "seconds_for_each_expression"; "ratio" of the
        latter, eight to one. Of passes, CPU seconds on one thread, the same under "model", two to one.

    Raises:
        Rs2Sam2Error: the command fails, or the model's process dies.
    """
    with watched(PROGRAM, "expressions", preset, seed) as process:
        passes = process.in_rounds(rounds)
    counts = 1, len(_TEXTS)
    taken: dict[int, list[float]] = {count: [] for count in counts}
    with tempfile.TemporaryDirectory(prefix="rs2sam2-") as folder:
        path = Path(folder) / "scene.png"
        Image.fromarray(render_scene(np.random.default_rng(seed), _SIDE).image).save(path)
        for _ in range(rounds):
            for count in counts:
                taken[count].append(_seconds(path, _TEXTS[:count]))
    command = {str(count): median(times) for count, times in taken.items()}
    model = {count: median(one[count] for one in passes) for count in passes[0]}
    return {**_shares(command), "model": _shares(model)}


def _shares(seconds: dict[str, float]) -> dict[str, Any]:
    each = {count: value / int(count) for count, value in seconds.items()}
    first, *_, last = each.values()
    return {"seconds": seconds, "seconds_for_each_expression": each, "ratio": last / first}


def _seconds(path: Path, texts: tuple[str, ...]) -> float:
    options = [word for text in texts for word in ("-e", text)]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "rs2sam2", "segment", str(path), *options, "--json"], capture_output=True, text=True
    )
    if done.returncode:
        raise Rs2Sam2Error(f"rs2sam2 segment failed: {done.stderr.strip()}")
    return time.perf_counter() - start
