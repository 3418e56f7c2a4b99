"""Loading and the first answer: seconds and memory, from a weight file to a mask, in fresh processes.

Memory is RssAnon of Linux (proc(5)): what a process has for itself, without the pages of files that it maps.
"""

import os
import shutil
from contextlib import AbstractContextManager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rs2sam2.bench.load_seeded import TOKENS, published_shapes, write_published
from rs2sam2.bench.watched import Watched, watched
from rs2sam2.checkpoints.native import WEIGHTS
from rs2sam2.config import ModelConfig
from rs2sam2.errors import OutputError

FORMAT = "rs2sam2.bench-load/1"
PRECISIONS = ("float32", "bfloat16")
SECONDS_ALLOWED = 6.0
_PROGRAM = ("-m", "rs2sam2.bench.load_process")
_THRESHOLD = 0.5
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


def _watched(*arguments: object) -> AbstractContextManager[Watched]:
    return watched(_PROGRAM, *arguments)
