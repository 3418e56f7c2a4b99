"""One forward pass by torch, ONNX Runtime and OpenVINO, in turns in one process, and how far their answers agree.

On one thread, and compared in CPU seconds.
"""

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
    """Export models, and let every runtime answer the same question in turns.

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
    segmenters, opening = [], []
    for runtime, precision in WAYS:
        start = time.perf_counter()
        place = source if runtime == "torch" else exported
        segmenters.append(Segmenter.from_pretrained(place, "cpu", precision, runtime=runtime))  # type: ignore[arg-type]
        opening.append(time.perf_counter() - start)
    views = [[segmenter.views(picture)] * batch for segmenter in segmenters]
    texts = [EXPRESSION] * batch
    logits = [_look(*one, texts) for one in zip(segmenters, views, strict=True)]
    rounds: list[list[float]] = [[] for _ in WAYS]
    busy: list[list[float]] = [[] for _ in WAYS]
    for _ in range(repeats):
        for seconds, cpu, segmenter, some in zip(rounds, busy, segmenters, views, strict=True):
            start, before = time.perf_counter(), time.process_time()
            _look(segmenter, some, texts)
            seconds.append(time.perf_counter() - start)
            cpu.append(time.process_time() - before)
    return {
        "name": name,
        "image_side": segmenters[0].config.image_size,
        "batch": batch,
        "ways": [
            {
                "runtime": runtime,
                "precision": precision,
                "opening": opened,
                "seconds": statistics.median(seconds),
                "cpu_seconds": statistics.median(cpu),
                "relative": statistics.median(mine / first for mine, first in zip(cpu, busy[0], strict=True)),
                **agreement(found, logits[0]),
            }
            for (runtime, precision), opened, seconds, cpu, found in zip(
                WAYS, opening, rounds, busy, logits, strict=True
            )
        ],
    }


def _look(segmenter: Segmenter, views: Sequence[Views], texts: Sequence[str]) -> NDArray[np.float32]:
    """Mask logits (B, 1, S/4, S/4)."""
    return np.concatenate([output.mask_logits.numpy() for output in segmenter.look(views, texts)])
