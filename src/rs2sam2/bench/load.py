"""Loading and the first answer: seconds and memory, from a weight file to a mask, in fresh processes.

Memory is RssAnon of Linux (proc(5)): what a process has for itself, without the pages of files that it maps.
"""

import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rs2sam2.bench.load_seeded import TOKENS, published_shapes, write_published
from rs2sam2.checkpoints.native import WEIGHTS
from rs2sam2.config import ModelConfig
from rs2sam2.errors import OutputError, Rs2Sam2Error

FORMAT = "rs2sam2.bench-load/1"
PRECISIONS = ("float32", "bfloat16")
SECONDS_ALLOWED = 6.0
_PROGRAM = ("-m", "rs2sam2.bench.load_process")
_THRESHOLD = 0.5
_SAMPLE_S = 0.002
_PIECE = 16 * 2**20
# Stand-in weights in float32, and converted to float32 and bfloat16.
_BYTES_FOR_EACH_VALUE = 4 + 4 + 2


def measure(source: Path, scratch: Path, seed: int) -> dict[str, Any]:
    """Convert weights to both precisions, load each file in both, and answer once with each.

    Args:
        source: any whole model that `convert` takes.
        scratch: a folder for what is made.
        seed: of the image and the words that are asked.

    Returns:
        A report (`FORMAT`); every mask is compared with that of float32 weights in float32.

    Raises:
        Rs2Sam2Error: if the weights cannot be converted or loaded, or a process dies.
    """
    conversions, loads = [], []
    for stored in PRECISIONS:
        with _watched("convert", source, scratch / stored, stored) as process:
            conversions.append({"stored": stored, **process.step()})
    expected: NDArray[np.float32] | None = None
    for stored in PRECISIONS:
        for loaded in PRECISIONS:
            load, answer = _load(scratch / stored, loaded, seed, scratch / "answer.npy")
            expected = answer if expected is None else expected
            loads.append({"stored": stored, "loaded": loaded, **load, **agreement(answer, expected)})
    return {
        "format": FORMAT,
        "conversions": conversions,
        "loads": loads,
        "limits": {"seconds": SECONDS_ALLOWED, "met": all(load["within_limits"] for load in loads)},
        "tokens": TOKENS,
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "load_average_at_end": os.getloadavg()[0],
    }


def make_full_size(folder: Path) -> None:
    """The paper's model as published, with stand-in weights.

    Raises:
        OutputError: if there is too little room for it and for what `measure` makes of it, or it cannot be written.
    """
    shapes = published_shapes(ModelConfig.preset("large"))
    needed = _BYTES_FOR_EACH_VALUE * sum(prod(shape) for shape in shapes.values())
    if shutil.disk_usage(folder.parent).free < needed:
        raise OutputError(f"{folder.parent}: too little room for {needed:,} bytes of weights; set TMPDIR to another")
    try:
        write_published(folder, shapes)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror}); set TMPDIR to another folder") from error


def allowed_bytes(loaded: int) -> int:
    """Anonymous memory that loading may take at its peak, for so many bytes of weights."""
    return round(1.05 * loaded + 1e8)


def agreement(found: NDArray[np.float32], expected: NDArray[np.float32]) -> dict[str, float]:
    """How far two arrays of mask logits agree, masks read as the published weights are (z > 0.5)."""
    mask, other = found > _THRESHOLD, expected > _THRESHOLD
    return {
        "mask_share": float(mask.mean()),
        "mask_iou": iou(mask, other),
        "background_iou": iou(~mask, ~other),
        "relative_difference_of_logits": float(np.linalg.norm(found - expected) / np.linalg.norm(expected)),
    }


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Of two masks; 1 where both are empty."""
    union = (one | other).sum()
    return float((one & other).sum() / union) if union else 1.0


def _load(folder: Path, dtype: str, seed: int, answer: Path) -> tuple[dict[str, Any], NDArray[np.float32]]:
    _read_through(folder / WEIGHTS)
    with _watched("load", folder, dtype, seed, answer) as process:
        load = process.step()
        forward = process.step()
    allowed = allowed_bytes(load["bytes"])
    met = load["seconds"] <= SECONDS_ALLOWED and load["peak_anonymous_bytes"] <= allowed
    figures = {
        **load,
        "allowed_anonymous_bytes": allowed,
        "within_limits": met,
        **{f"forward_{name}": value for name, value in forward.items()},
    }
    return figures, np.load(answer)


def _read_through(path: Path) -> None:
    """Bring a file into the page cache."""
    with path.open("rb", buffering=0) as file:
        while file.read(_PIECE):
            pass


class _Watched:
    """A `load_process` that waits after its imports."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._line()
        self._before = self._anonymous()

    def step(self) -> dict[str, Any]:
        """Let it do the next step: what it says of it, and how much more memory of its own it had at the peak.

        Raises:
            Rs2Sam2Error: if it fails or dies.
        """
        assert self._process.stdin and self._process.stdout
        with suppress(BrokenPipeError):  # it died while it waited; what follows says so
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        peak = self._anonymous()
        while not select.select([self._process.stdout], [], [], _SAMPLE_S)[0]:
            peak = max(peak, self._anonymous())
        said = self._line()
        return {**said, "peak_anonymous_bytes": max(peak, self._anonymous()) - self._before}

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            killed = "; -9 means too little memory" if code == -9 else ""
            raise Rs2Sam2Error(f"the process that is measured died with exit code {code}{killed}")
        said: dict[str, Any] = json.loads(line)
        if "error" in said:
            raise Rs2Sam2Error(said["error"])
        return said

    def _anonymous(self) -> int:
        """RssAnon in bytes; 0 of a process that is gone."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return next((1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")), 0)


@contextmanager
def _watched(*arguments: object) -> Iterator[_Watched]:
    command = [sys.executable, *_PROGRAM, *map(str, arguments)]
    pipe = subprocess.PIPE
    # A session of its own: Ctrl-C is for this process, which ends the other without its traceback.
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        try:
            yield _Watched(process)
        except BaseException:
            process.kill()
            raise
