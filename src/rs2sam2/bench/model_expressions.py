"""Several expressions on one image: seconds of the whole `segment` command with `nano`, for one and for eight."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from rs2sam2.data.synthetic import render_scene
from rs2sam2.errors import Rs2Sam2Error

_SIDE = 1024
_TEXTS = tuple(f"the {colour} {thing}" for colour in ("white", "blue", "grey", "red") for thing in ("building", "ship"))


def expressions(rounds: int, seed: int) -> dict[str, Any]:
    """Run the command with one expression and with eight, in turns, each in a fresh process.

    Args:
        rounds: how often each.
        seed: of the scene.

    Returns:
        "seconds", medians by number of expressions; "seconds_for_each_expression"; "ratio" of the latter, eight to one.

    Raises:
        Rs2Sam2Error: the command fails.
    """
    counts = 1, len(_TEXTS)
    taken: dict[int, list[float]] = {count: [] for count in counts}
    with tempfile.TemporaryDirectory(prefix="rs2sam2-") as folder:
        path = Path(folder) / "scene.png"
        Image.fromarray(render_scene(np.random.default_rng(seed), _SIDE).image).save(path)
        for _ in range(rounds):
            for count in counts:
                taken[count].append(_seconds(path, _TEXTS[:count]))
    seconds = {str(count): median(times) for count, times in taken.items()}
    each = {count: value / int(count) for count, value in seconds.items()}
    return {"seconds": seconds, "seconds_for_each_expression": each, "ratio": each[str(len(_TEXTS))] / each["1"]}


def _seconds(path: Path, texts: tuple[str, ...]) -> float:
    options = [word for text in texts for word in ("-e", text)]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "rs2sam2", "segment", str(path), *options, "--json"], capture_output=True, text=True
    )
    if done.returncode:
        raise Rs2Sam2Error(f"rs2sam2 segment failed: {done.stderr.strip()}")
    return time.perf_counter() - start
