"""One forward pass by torch, ONNX Runtime and OpenVINO, in turns with torch, and how far their answers agree.

In one process, on one thread, and compared in CPU seconds. No more than two are open at a time.
"""

import gc
import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rs2sam2.bench.load import agreement
from rs2sam2.bench.load_seeded import published_shapes, write_published
from rs2sam2.bench.threads import one_thread
from rs2sam2.checkpoints.locate import locate
from rs2sam2.config import ModelConfig
from rs2sam2.data.synthetic.scene import render_scene
from rs2sam2.errors import ConfigError
from rs2sam2.export.exporting import export
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.segmenter import LARGEST_BATCH, Segmenter, Views

FORMAT = "rs2sam2.bench-runtimes/1"
EXPRESSION = "the aircraft"
WAYS: Sequence[tuple[str, str]] = (
    ("torch", "float32"),
    ("torch", "bfloat16"),
    ("onnx", "float32"),
    ("openvino", "float32"),
    ("openvino", "bfloat16"),
)
"""Runtime and precision; the first is what the others are compared with."""


def parse(models: Sequence[str]) -> list[tuple[str, int]]:
    """Read "nano:8": a name, and how many questions at once.

    Raises:
        ConfigError: if one is written otherwise, or is no preset.
    """
    found = []
    for text in models:
        name, _, batch = text.partition(":")
        ModelConfig.preset(name)
        if not (batch.isascii() and batch.isdigit() and 0 < int(batch) <= LARGEST_BATCH):
            raise ConfigError(
                f"{text!r}: write a preset and 1 to {LARGEST_BATCH} questions, such as nano:{LARGEST_BATCH}"
            )
        found.append((name, int(batch)))
    return found


def measure(folder: Path, models: Sequence[tuple[str, int]], repeats: int, seed: int) -> dict[str, Any]:
    """Export models, and let every runtime answer the same question in turns with the first.

    Args:
        folder: for exports and stand-in weights.
        models: "nano", which is trained, or a preset, which gets stand-in weights; and how many questions at once.
        repeats: rounds after the first, which is not counted.
        seed: of the picture.

    Returns:
        "format", "expression", "repeats", "cores"; for each of "models" its "name", "image_side", "batch" and its
        "export" ("seconds", "bytes", and what `rs2sam2.export.agreement.compare` found), and for each of its "ways" the
        "runtime", "precision", "opening" (seconds), "seconds" and "cpu_seconds" (medians of the rounds), "relative"
        (CPU seconds to those of the first in the same round, the median) and the agreement with the first (see
        `rs2sam2.bench.load.agreement`).
    """
    picture = RasterImage(np.asarray(render_scene(np.random.default_rng(seed), 1024).image))
    exports: dict[str, dict[str, Any]] = {}
    measured = []
    for name, batch in models:
        source, exported = _source(folder, name), folder / f"{name}-onnx"
        if name not in exports:
            exports[name] = _export(source, exported)
        with one_thread():
            ways = _measured(name, batch, source, exported, repeats, picture)
        measured.append({**ways, "export": exports[name]})
    return {
        "format": FORMAT,
        "expression": EXPRESSION,
        "repeats": repeats,
        "cores": len(os.sched_getaffinity(0)),
        "load_average_at_end": os.getloadavg()[0],
        "models": measured,
    }


def _source(folder: Path, name: str) -> Path:
    if name == "nano":
        return locate(name)
    source = folder / name
    if not source.exists():
        write_published(source, published_shapes(ModelConfig.preset(name)))
    return source


def _export(source: Path, folder: Path) -> dict[str, Any]:
    """As ONNX, which both runtimes open."""
    start = time.perf_counter()
    found = export(source, folder, "onnx")
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "bytes": sum(path.stat().st_size for path in folder.iterdir()), **found}


def _measured(
    name: str, batch: int, source: Path, exported: Path, repeats: int, picture: RasterImage
) -> dict[str, Any]:
    first, opening = _opened(source, exported, WAYS[0])
    views, texts = [first.views(picture)] * batch, [EXPRESSION] * batch
    logits = _look(first, views, texts)
    pairs = []
    for way in WAYS[1:]:
        other, opened = _opened(source, exported, way)
        others = [other.views(picture)] * batch
        found = _look(other, others, texts)
        rounds = [(_timed(first, views, texts), _timed(other, others, texts)) for _ in range(repeats)]
        pairs.append((way, opened, rounds, found))
        del other  # the next one has its memory
        gc.collect()
    alone = [mine for _, _, rounds, _ in pairs for mine, _ in rounds]
    return {
        "name": name,
        "image_side": first.config.image_size,
        "batch": batch,
        "ways": [
            _figures(WAYS[0], opening, [(one, one) for one in alone], agreement(logits, logits)),
            *(_figures(way, opened, rounds, agreement(found, logits)) for way, opened, rounds, found in pairs),
        ],
    }


def _opened(source: Path, exported: Path, way: tuple[str, str]) -> tuple[Segmenter, float]:
    """What answers, and the seconds until it could."""
    runtime, precision = way
    start = time.perf_counter()
    place = source if runtime == "torch" else exported
    segmenter = Segmenter.from_pretrained(place, "cpu", precision, runtime=runtime)  # type: ignore[arg-type]
    return segmenter, time.perf_counter() - start


def _timed(segmenter: Segmenter, views: Sequence[Views], texts: Sequence[str]) -> tuple[float, float]:
    """Seconds and CPU seconds of one pass."""
    start, before = time.perf_counter(), time.process_time()
    _look(segmenter, views, texts)
    return time.perf_counter() - start, time.process_time() - before


def _figures(
    way: tuple[str, str],
    opening: float,
    rounds: Sequence[tuple[tuple[float, float], tuple[float, float]]],
    agrees: dict[str, float],
) -> dict[str, Any]:
    """Of rounds, each of which is what the first and this one took, as `_timed` gives it."""
    return {
        "runtime": way[0],
        "precision": way[1],
        "opening": opening,
        "seconds": statistics.median(mine for _, (mine, _) in rounds),
        "cpu_seconds": statistics.median(mine for _, (_, mine) in rounds),
        "relative": statistics.median(mine / first for (_, first), (_, mine) in rounds),
        **agrees,
    }


def _look(segmenter: Segmenter, views: Sequence[Views], texts: Sequence[str]) -> NDArray[np.float32]:
    """Mask logits (B, 1, S/4, S/4)."""
    return np.concatenate([output.mask_logits.numpy() for output in segmenter.look(views, texts)])
