"""What `rs2sam2 bench load` watches from outside: one process that converts, or that loads and answers.

It prints a line of JSON after its imports and after each step, and waits for a line before it goes on.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rs2sam2.bench.load_seeded import seeded_inputs
from rs2sam2.checkpoints.convert import convert, load_any
from rs2sam2.errors import Rs2Sam2Error


def main() -> None:
    """Run `convert SOURCE FOLDER DTYPE` or `load FOLDER DTYPE SEED ANSWER`."""
    task, *arguments = sys.argv[1:]
    _say({})
    try:
        if task == "convert":
            _convert(*arguments)
        else:
            _load(*arguments)
    except Rs2Sam2Error as error:
        _say({"error": str(error)})


def _convert(source: str, folder: str, dtype: str) -> None:
    start = time.perf_counter()
    convert(Path(source), Path(folder), dtype=getattr(torch, dtype))
    _say({"seconds": time.perf_counter() - start})


def _load(folder: str, dtype: str, seed: str, answer: str) -> None:
    precision: torch.dtype = getattr(torch, dtype)
    start = time.perf_counter()
    model = load_any(Path(folder), "cpu", precision).model
    seconds = time.perf_counter() - start
    tensors = model.state_dict().values()
    config = model.config
    _say(
        {
            "seconds": seconds,
            "parameters": sum(tensor.numel() for tensor in tensors),
            "bytes": sum(tensor.numel() * tensor.itemsize for tensor in tensors),
            "image_side": config.image_size,
        }
    )
    image, union_image, ids = seeded_inputs(config, int(seed))
    start = time.perf_counter()
    with torch.inference_mode():
        output = model(image.to(precision), union_image.to(precision), ids, torch.ones_like(ids, dtype=torch.bool))
    seconds = time.perf_counter() - start
    np.save(answer, output.mask_logits.float().numpy())
    _say({"seconds": seconds})


def _say(values: dict[str, Any]) -> None:
    print(json.dumps(values), flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main()
