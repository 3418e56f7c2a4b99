"""What each trick of the forward pass is worth: blocks of the paper's trunk with it, without it, and in int8."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

from rs2sam2.bench.load_seeded import TOKENS
from rs2sam2.bench.watched import say, watched
from rs2sam2.checkpoints.native import on_meta
from rs2sam2.config import ModelConfig
from rs2sam2.inference import heap
from rs2sam2.model import attention
from rs2sam2.model.precision import linear_layer, linear_layers

AS_IT_IS, LAYOUT, ATTENTION, MEMORY, INT8 = (
    "as it is",
    "weights laid out at each product",
    "attention by torch",
    "memory given back at once",
    "linear layers in int8",
)
_WAYS = (AS_IT_IS, LAYOUT, ATTENTION, MEMORY, INT8)
_PROGRAM = ("-m", "rs2sam2.bench.model_tried")
# One of each kind: its name, index, stage, and how many blocks of the trunk are much like it.
_BLOCKS = (
    ("stage 1", 0, 0, 3),
    ("stage 2", 3, 1, 6),
    ("stage 3, windows", 9, 2, 33),
    ("stage 3, global", 23, 2, 3),
    ("stage 4", 45, 3, 3),
)


def tried(rounds: int) -> dict[str, Any]:
    """A block of each kind in bfloat16, in each of `_WAYS`, in turns.

    Returns:
        "blocks", the names of the kinds; "seconds" (CPU, one thread): for each way the median of each kind, and of the
        whole "trunk", which is their sum times the number of blocks of each kind.

    Raises:
        Rs2Sam2Error: a process dies.
    """
    said: dict[str, list[dict[str, float]]] = {way: [] for way in _WAYS}
    for _ in range(rounds):
        for way in _WAYS:
            with watched(_PROGRAM, way) as process:
                said[way].append(process.unsampled())
    seconds = {
        way: {name: median(one[name] for one in several) for name, *_ in _BLOCKS} for way, several in said.items()
    }
    for times in seconds.values():
        times["trunk"] = sum(count * times[name] for name, _, _, count in _BLOCKS)
    return {"blocks": [name for name, *_ in _BLOCKS], "seconds": seconds}


def _main(way: str) -> None:
    torch.set_num_threads(1)
    if way != MEMORY:
        heap.keep_freed()
    config = ModelConfig.preset("large")
    text, mask = torch.randn(1, TOKENS, config.width).bfloat16(), torch.ones(1, TOKENS, dtype=torch.bool)
    with torch.inference_mode(), _attention_by_torch(way == ATTENTION):
        runs = {name: _run(config, index, stage, text, mask, way) for name, index, stage, _ in _BLOCKS}
        say({})
        say({name: _seconds(run) for name, run in runs.items()})


def _run(config: ModelConfig, index: int, stage: int, text: Tensor, mask: Tensor, way: str) -> Callable[[], object]:
    side = config.image_size // 4 // 2**stage
    block = on_meta(config).trunk.blocks[index].to_empty(device="cpu").bfloat16()
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=0.02)
    for name in linear_layers(block) if way != LAYOUT else ():
        layer = block.get_submodule(name)
        weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
        block.set_submodule(name, linear_layer(weight, bias, "int8" if way == INT8 else "packed"))
    image = torch.randn(1, side, side, config.hiera.widths[stage]).bfloat16()
    return lambda: block(image, text, mask)


@contextmanager
def _attention_by_torch(wanted: bool) -> Iterator[None]:
    kept = attention._FEWEST_TOKENS
    attention._FEWEST_TOKENS = sys.maxsize if wanted else kept
    try:
        yield
    finally:
        attention._FEWEST_TOKENS = kept


def _seconds(run: Callable[[], object], times: int = 3) -> float:
    run()
    taken = []
    for _ in range(times):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return median(taken)


if __name__ == "__main__":
    _main(sys.argv[1])
