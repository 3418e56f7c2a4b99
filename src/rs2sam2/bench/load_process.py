"""What `rs2sam2 bench load` watches from outside: one process that converts, or that loads and answers."""

import sys
import time
from math import prod
from pathlib import Path

import numpy as np
import torch

from rs2sam2.bench.load_seeded import seeded_inputs
from rs2sam2.bench.watched import say
from rs2sam2.checkpoints.convert import convert, load_any
from rs2sam2.checkpoints.native import on_meta, shapes_of
from rs2sam2.errors import Rs2Sam2Error
from rs2sam2.model.precision import dtype_of


def main() -> None:
    """Run `convert SOURCE FOLDER DTYPE` or `load FOLDER DTYPE SEED ANSWER`."""
    task, *arguments = sys.argv[1:]
    say({})
    try:
        if task == "convert":
            _convert(*arguments)
        else:
            _load(*arguments)
    except Rs2Sam2Error as error:
        say({"error": str(error)})


def _convert(source: str, folder: str, dtype: str) -> None:
    start = time.perf_counter()
    convert(Path(source), Path(folder), dtype=getattr(torch, dtype))
    say({"seconds": time.perf_counter() - start})


def _load(folder: str, dtype: str, seed: str, answer: str) -> None:
    precision: torch.dtype = getattr(torch, dtype)
    start = time.perf_counter()
    model = load_any(Path(folder), "cpu", precision, "packed").model
    seconds = time.perf_counter() - start
    config = model.config
    shapes = shapes_of(on_meta(config))
    say(
        {
            "seconds": seconds,
            "parameters": sum(map(prod, shapes.values())),
            "bytes": sum(dtype_of(name, precision).itemsize * prod(shape) for name, shape in shapes.items()),
            "image_side": config.image_size,
        }
    )
    image, union_image, ids = seeded_inputs(config, int(seed))
    start = time.perf_counter()
    with torch.inference_mode():
        output = model(image, union_image, ids, torch.ones_like(ids, dtype=torch.bool))
    seconds = time.perf_counter() - start
    np.save(answer, output.mask_logits.float().numpy())
    say({"seconds": seconds})


if __name__ == "__main__":
    main()
