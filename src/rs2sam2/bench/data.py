"""The data path: from a JPEG on disk to what a training step takes.

Shapes: S, U sides of the trunk's and the union encoder's image in pixels.
"""

import json
import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from rs2sam2.config import ModelConfig
from rs2sam2.data.rrsisd import ANNOTATIONS, IMAGES, RRSISD
from rs2sam2.data.sample import ReferringDataset, Sample
from rs2sam2.data.synthetic import render_scene
from rs2sam2.errors import ConfigError, MissingExtraError
from rs2sam2.preprocess import model_inputs

FORMAT = "rs2sam2.bench-data/1"
SIDE, QUALITY, SCENES = 1024, 95, 8
_STAGE_SAMPLES = 16


class ModelInputs(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Samples as a model takes them, over and over again: (3, S, S), (3, U, U) float32 and the mask (S, S) uint8."""

    def __init__(self, data: ReferringDataset, config: ModelConfig, length: int) -> None:
        self.data, self.config, self.length = data, config, length

    def __len__(self) -> int:
        """Number of items."""
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Image, union image and mask of sample `index`, modulo the size of the set."""
        sample = self.data[index % len(self.data)]
        return *model_inputs(sample.image, self.config), self.mask(sample)

    def mask(self, sample: Sample) -> Tensor:
        """(S, S) uint8 of 0 and 1."""
        side = self.config.image_size
        mask = Image.fromarray(sample.mask)
        if mask.size != (side, side):
            mask = mask.resize((side, side), Image.Resampling.NEAREST)
        return torch.from_numpy(np.array(mask, dtype=np.uint8))


def measure(
    folder: Path, config: ModelConfig, workers: int, batch_size: int, samples: int, seed: int
) -> dict[str, Any]:
    """Read rendered scenes in the layout of RRSIS-D through worker processes, as training does.

    Args:
        folder: where the scenes are written.
        config: gives S and U.
        workers: processes; 0 reads in this one.
        batch_size: samples in a batch.
        samples: how many to time, rounded up to whole batches; those that workers make while they start are extra.
        seed: of the scenes.

    Returns:
        Samples a second, and what one sample costs in one process, stage by stage, in milliseconds.

    Raises:
        ConfigError: the workers died, as they do where there is too little shared memory.
        MissingExtraError: pycocotools is not installed.
    """
    write_scenes(folder, seed)
    data = RRSISD(folder, "train")
    # Until every worker runs and has filled its queue, batches come late or all at once.
    warm_up, batches = 2 * max(1, workers), -(-samples // batch_size)
    inputs = ModelInputs(data, config, (warm_up + batches) * batch_size)
    stages = _stages(inputs)
    start = 0.0
    try:
        for number, _ in enumerate(DataLoader(inputs, batch_size, num_workers=workers), start=1):
            if number == warm_up:
                start = time.perf_counter()
    except RuntimeError as error:
        raise ConfigError(
            f"the {workers} worker processes died ({error}): give fewer --workers or a smaller --batch-size"
        ) from error
    seconds = time.perf_counter() - start
    return {
        "format": FORMAT,
        "samples_per_second": batches * batch_size / seconds,
        "seconds": seconds,
        "samples": batches * batch_size,
        "workers": workers,
        "batch_size": batch_size,
        "jpeg": {"side": SIDE, "quality": QUALITY, "bytes": _mean_bytes(data), "scenes": SCENES},
        "views": [config.image_size, config.union_encoder.image_size],
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
        annotations.append({"id": number, "image_id": number, "segmentation": [_run_lengths(scene.labels == 1)]})
        sentence = {"sent_id": number, "raw": "the first thing", "sent": "the first thing"}
        refs.append({"ref_id": number, "ann_id": number, "image_id": number, "split": "train", "sentences": [sentence]})
    (root / ANNOTATIONS / "instances.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    (root / ANNOTATIONS / "refs(unc).p").write_bytes(pickle.dumps(refs))


def _run_lengths(mask: NDArray[np.bool_]) -> dict[str, Any]:
    try:
        from pycocotools import mask as coco_mask
    except ImportError as error:
        raise MissingExtraError("rs2sam2 bench data", "train") from error
    code = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": list(mask.shape), "counts": code["counts"].decode()}


def _stages(inputs: ModelInputs) -> dict[str, float]:
    """Milliseconds of each stage for one sample, mean over some."""
    spent = {"decode": 0.0, "views": 0.0, "mask": 0.0}

    def clock(stage: str, work: Callable[[], object]) -> None:
        start = time.perf_counter()
        work()
        spent[stage] += (time.perf_counter() - start) * 1000 / _STAGE_SAMPLES

    for index in range(-1, _STAGE_SAMPLES):
        sample = inputs.data[index % len(inputs.data)]
        clock("decode", lambda sample=sample: sample.image)  # type: ignore[misc]
        clock("views", lambda sample=sample: model_inputs(sample.image, inputs.config))  # type: ignore[misc]
        clock("mask", lambda sample=sample: inputs.mask(sample))  # type: ignore[misc]
        if index < 0:  # the first time, code and tables are loaded, too
            spent = dict.fromkeys(spent, 0.0)
    return spent


def _mean_bytes(data: ReferringDataset) -> int:
    return round(sum(sample.path.stat().st_size for sample in data) / len(data))
