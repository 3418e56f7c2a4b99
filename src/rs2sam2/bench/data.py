"""The data path: from a JPEG on disk to what a training step takes.

Shapes: S, U sides of the trunk's and the union encoder's image in pixels.
"""

import json
import os
import pickle
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.data import DataLoader

from rs2sam2.checkpoints.locate import locate
from rs2sam2.checkpoints.native import TOKENIZER, read_settings, read_tokenizer
from rs2sam2.config import ModelConfig
from rs2sam2.data.coco_masks import encode_mask
from rs2sam2.data.prepared import CollatePrepared, PreparedSamples
from rs2sam2.data.rrsisd import ANNOTATIONS, IMAGES, RRSISD
from rs2sam2.data.sample import ReferringDataset
from rs2sam2.data.synthetic import render_scene
from rs2sam2.errors import ConfigError
from rs2sam2.evaluation.progress import bar
from rs2sam2.preprocess import views

FORMAT = "rs2sam2.bench-data/2"
SIDE, QUALITY, SCENES = 1024, 95, 8
_STAGE_SAMPLES = 16


def measure(
    folder: Path, config: ModelConfig, workers: int, batch_size: int, samples: int, seed: int
) -> dict[str, Any]:
    """Read rendered scenes in the layout of RRSIS-D through worker processes, as training does, and normalise them.

    Args:
        folder: where the scenes are written.
        config: gives S and U.
        workers: processes; 0 reads in this one.
        batch_size: samples in a batch.
        samples: how many to time, rounded up to whole batches; those that workers make while they start are extra.
        seed: of the scenes.

    Returns:
        Samples a second; what one costs all processes together in milliseconds of a core, which other programs disturb
        less; and what it costs in one process, stage by stage.

    Raises:
        ConfigError: the workers died, as they do where there is too little shared memory.
        MissingExtraError: pycocotools is not installed.
    """
    write_scenes(folder, seed)
    data = RRSISD(folder, "train")
    # Until every worker runs and has filled its queue, batches come late or all at once.
    warm_up, batches = 2 * max(1, workers), -(-samples // batch_size)
    items, weights = PreparedSamples(list(data), config, config.image_size), locate("nano")
    stages = _stages(data, items, config)
    loader = DataLoader(
        items,
        batch_size,
        sampler=range((warm_up + batches) * batch_size),
        num_workers=workers,
        collate_fn=CollatePrepared(read_tokenizer(weights / TOKENIZER, read_settings(weights)[0])),
        worker_init_fn=_leave_interrupts,
    )
    start, spent = 0.0, _core_seconds()
    try:
        source = iter(loader)  # its processes begin before the bar's thread does
        with bar() as progress:
            loaded = progress.track(source, total=warm_up + batches, description="batches")
            for number, batch in enumerate(loaded, start=1):
                batch.normalised()
                if number == warm_up:
                    start = time.perf_counter()
    except RuntimeError as error:
        raise ConfigError(
            f"the {workers} worker processes died ({error}): give fewer --workers or a smaller --batch-size"
        ) from error
    seconds, spent = time.perf_counter() - start, _core_seconds() - spent
    return {
        "format": FORMAT,
        "samples_per_second": batches * batch_size / seconds,
        "seconds": seconds,
        "samples": batches * batch_size,
        "workers": workers,
        "batch_size": batch_size,
        "jpeg": {"side": SIDE, "quality": QUALITY, "bytes": _mean_bytes(data), "scenes": SCENES},
        "views": [config.image_size, config.union_encoder.image_size],
        "core_ms_per_sample": 1000 * spent / ((warm_up + batches) * batch_size),
        "one_process_ms": stages,
        "cores": len(os.sched_getaffinity(0)),
        "load_average_at_end": os.getloadavg()[0],
    }


def write_scenes(root: Path, seed: int) -> None:
    """A set of rendered scenes in the layout of RRSIS-D, with a sentence for each and compressed run lengths.

    Raises:
        MissingExtraError: pycocotools is not installed.
    """
    (root / IMAGES).mkdir(parents=True)
    (root / ANNOTATIONS).mkdir()
    images, annotations, refs = [], [], []
    for number in range(SCENES):
        scene = render_scene(np.random.default_rng([seed, number]), SIDE)
        name = f"{number}.jpg"
        Image.fromarray(scene.image).save(root / IMAGES / name, quality=QUALITY)
        images.append({"id": number, "file_name": name, "height": SIDE, "width": SIDE})
        code = encode_mask(scene.labels == 1, "rs2sam2 bench data")
        annotations.append({"id": number, "image_id": number, "segmentation": [code]})
        sentence = {"sent_id": number, "raw": "the first thing", "sent": "the first thing"}
        refs.append({"ref_id": number, "ann_id": number, "image_id": number, "split": "train", "sentences": [sentence]})
    (root / ANNOTATIONS / "instances.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    (root / ANNOTATIONS / "refs(unc).p").write_bytes(pickle.dumps(refs))


def _stages(data: ReferringDataset, items: PreparedSamples, config: ModelConfig) -> dict[str, float]:
    """Milliseconds of each stage for one sample, mean over some; "all" is the whole of it."""
    spent: dict[str, float] = {}

    def clock(stage: str, work: Callable[[], object]) -> None:
        start = time.perf_counter()
        work()
        spent[stage] = spent.get(stage, 0.0) + (time.perf_counter() - start) * 1000 / _STAGE_SAMPLES

    for index in range(-1, _STAGE_SAMPLES):
        place = index % len(data)
        sample = data[place]
        clock("decode", lambda sample=sample: sample.image)  # type: ignore[misc]
        clock("views", lambda sample=sample: views(sample.image, config))  # type: ignore[misc]
        clock("mask", lambda sample=sample: sample.stored_mask)  # type: ignore[misc]
        clock("all", lambda place=place: items[place])  # type: ignore[misc]
        if index < 0:  # the first time, code and tables are loaded, too
            spent.clear()
    return spent


def _leave_interrupts(_: int) -> None:
    """Ctrl-C reaches every process; the one that waits for the workers ends them, so they need not complain."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _core_seconds() -> float:
    """Time that this process and those that it has waited for have kept a core busy."""
    used = [resource.getrusage(which) for which in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _mean_bytes(data: ReferringDataset) -> int:
    return round(sum(sample.path.stat().st_size for sample in data) / len(data))
