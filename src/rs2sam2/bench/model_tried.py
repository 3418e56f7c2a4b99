"""What each trick of the forward pass is worth: blocks of the paper's trunk with it and without it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import torch

from rs2sam2.bench.load_seeded import TOKENS
from rs2sam2.bench.watched import say, watched
from rs2sam2.checkpoints.native import on_meta
from rs2sam2.config import ModelConfig
from rs2sam2.inference.device import keep_freed_memory
from rs2sam2.model import attention

_PROGRAM = ("-m", "rs2sam2.bench.model_tried")
_BLOCKS = {"stage 1, windows": 0, "stage 3, windows": 9, "stage 3, global": 23}
_WITHOUT = ("nothing", "attention in pieces", "memory that is kept")


def tried(rounds: int) -> dict[str, Any]:
    """One block of each kind in bfloat16, with everything and without one thing, in turns.

    Returns:
        "without": for each of `_WITHOUT` the median seconds of each block.

    Raises:
        Rs2Sam2Error: a process dies.
    """
    said: dict[str, list[dict[str, float]]] = {name: [] for name in _WITHOUT}
    for _ in range(rounds):
        for name in _WITHOUT:
            with watched(_PROGRAM, name) as process:
                said[name].append(process.unsampled())
    return {
        "without": {
            name: {block: median(one[block] for one in several) for block in _BLOCKS} for name, several in said.items()
        }
    }


def _main(without: str) -> None:
    if without != "memory that is kept":
        keep_freed_memory()
    config = ModelConfig.preset("large")
    text, mask = torch.randn(1, TOKENS, config.width).bfloat16(), torch.ones(1, TOKENS, dtype=torch.bool)
    runs = {name: _run(config, index, text, mask) for name, index in _BLOCKS.items()}
    say({})
    with torch.inference_mode(), _torchs_own_attention(without == "attention in pieces"):
        say({name: _seconds(run) for name, run in runs.items()})


def _run(config: ModelConfig, index: int, text: torch.Tensor, mask: torch.Tensor) -> Callable[[], object]:
    stage = 0 if index < config.hiera.stages[0] else 2
    side = config.image_size // 4 // 2**stage
    block = on_meta(config).trunk.blocks[index].to_empty(device="cpu").bfloat16()
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    image = torch.randn(1, side, side, config.hiera.widths[stage]).bfloat16()
    return lambda: block(image, text, mask)


@contextmanager
def _torchs_own_attention(wanted: bool) -> Iterator[None]:
    kept = attention._FEWEST_TOKENS
    attention._FEWEST_TOKENS = 2**62 if wanted else kept
    try:
        yield
    finally:
        attention._FEWEST_TOKENS = kept


def _seconds(run: Callable[[], object], times: int = 5) -> float:
    run()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return median(taken)


if __name__ == "__main__":
    import sys

    _main(sys.argv[1])
