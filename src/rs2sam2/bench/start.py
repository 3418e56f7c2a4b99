"""How long `rs2sam2 segment` takes from nothing to a mask, and what of it is importing: in fresh processes.

What is imported, Python says itself (`python -X importtime`). That makes imports slower, so that another process
imports the same once more and does nothing else. CPU seconds change little when other programs use the same machine.
"""

import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from rs2sam2.data.synthetic.scene import render_scene
from rs2sam2.errors import Rs2Sam2Error

FORMAT = "rs2sam2.bench-start/1"
SIDE = 1024
SECONDS_ALLOWED, IMPORTS_ALLOWED = 4.0, 2.0
_SHOWN = 8
EXPRESSION = "the aircraft"
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|( +)(\S+)")
_IMPORTS_ALONE = """
import contextlib, importlib, sys
from rs2sam2.cli import collecting_seldom
with collecting_seldom():  # as the command does
    for name in sys.argv[1:]:
        with contextlib.suppress(ImportError):  # what somebody has asked for without need, such as Pillow for olefile
            importlib.import_module(name)
"""

_OWN = {*sys.builtin_module_names, "encodings", "site", "__main__"}


class Spent(NamedTuple):
    """Of one process, from its start to its end."""

    seconds: float
    cpu_seconds: float


def measure(folder: Path, weights: str, repeats: int, seed: int) -> dict[str, Any]:
    """Segment a rendered scene of `SIDE` pixels again and again, each time in a fresh process.

    Args:
        folder: for the scene and the mask.
        weights: name or path.
        repeats: of which the median counts, after one that is not counted.
        seed: of the scene.

    Returns:
        "format", "weights", "side", "expression", "repeats", "cores"; the "whole" run, a process that does nothing but
        its "imports", and one that imports "torch" alone, each with "seconds" (by the clock: the median), the "least"
        of them, "cpu_seconds" and, but for the last, the "allowed" seconds; and for the eight "packages" that take
        longest to import their "name", "seconds" and "modules", with what they import from others left out.

    Raises:
        Rs2Sam2Error: if a run fails.
    """
    scene = folder / "scene.jpg"
    Image.fromarray(np.asarray(render_scene(np.random.default_rng(seed), SIDE).image)).save(scene, quality=92)
    words = ["segment", str(scene), EXPRESSION, "--weights", weights, "-o", str(folder / "mask.png"), "--overwrite"]
    _run(["-m", "rs2sam2", *words])
    whole, alone, torch, imports = [], [], [], []
    for _ in range(repeats):
        whole.append(_run(["-m", "rs2sam2", *words])[0])
        lines = _run(["-X", "importtime", "-m", "rs2sam2", *words])[1]
        imports.append(read_imports(lines))
        alone.append(_run(["-c", _IMPORTS_ALONE, *outermost(lines)])[0])
        torch.append(_run(["-c", "import torch"])[0])
    sums = [taken.total() for taken, _ in imports]
    taken, modules = imports[sums.index(statistics.median_low(sums))]
    return {
        "format": FORMAT,
        "weights": weights,
        "side": SIDE,
        "expression": EXPRESSION,
        "repeats": repeats,
        "cores": len(os.sched_getaffinity(0)),
        "load_average_at_end": os.getloadavg()[0],
        "whole": {**_medians(whole), "allowed": SECONDS_ALLOWED},
        "imports": {**_medians(alone), "allowed": IMPORTS_ALLOWED},
        "torch": _medians(torch),
        "packages": [
            {"name": name, "seconds": microseconds / 1e6, "modules": modules[name]}
            for name, microseconds in taken.most_common(_SHOWN)
        ],
    }


def _medians(spent: Sequence[Spent]) -> dict[str, float]:
    return {
        "seconds": statistics.median(one.seconds for one in spent),
        "least": min(one.seconds for one in spent),
        "cpu_seconds": statistics.median(one.cpu_seconds for one in spent),
    }


def read_imports(lines: str) -> tuple["Counter[str]", "Counter[str]"]:
    """Microseconds and number of modules of each package, of what `-X importtime` has written."""
    taken: Counter[str] = Counter()
    modules: Counter[str] = Counter()
    for microseconds, _, name in _LINE.findall(lines):
        package = name.partition(".")[0]
        taken[package] += int(microseconds)
        modules[package] += 1
    return taken, modules


def outermost(lines: str) -> list[str]:
    """Modules of `-X importtime` that no other import has asked for, in order; not those of Python's own start."""
    return [name for _, indent, name in _LINE.findall(lines) if len(indent) == 1 and name.partition(".")[0] not in _OWN]


def _run(words: Sequence[str]) -> tuple[Spent, str]:
    """What a process took, and what it wrote, to both streams.

    Raises:
        Rs2Sam2Error: if it fails.
    """
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise Rs2Sam2Error(f"a run failed: {reason[-1]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(seconds, cpu), done.stderr + done.stdout
