"""What int8 gains and costs: time and memory of the paper's model, sizes of files, and nano's masks."""

from contextlib import ExitStack
from math import prod
from pathlib import Path
from typing import Any

import torch

from rs2sam2.bench.model import PROGRAM, figures, in_turns
from rs2sam2.bench.model_agreement import agreement
from rs2sam2.bench.watched import watched
from rs2sam2.checkpoints import int8
from rs2sam2.checkpoints.native import on_meta, shapes_of
from rs2sam2.checkpoints.writing import Lazy
from rs2sam2.config import ModelConfig

BOTH = ("bfloat16", "int8")


def in_int8(root: Path, preset: str, rounds: int, seed: int) -> dict[str, Any]:
    """A model with stand-in weights in bfloat16 and in int8, in turns; and nano's answers in int8 beside float32's.

    Args:
        root: a data set, as for `agreement`.
        preset: of `ModelConfig`.
        rounds: how often each works; medians are over these, after one round that does not count.
        seed: of the inputs.

    Returns:
        "preset"; "ours", figures for "bfloat16" and "int8"; "gain", seconds of the one over those of the other;
        "files", bytes of the values in a file in "float32" and in "int8" and their "ratio", of "nano" and of the
        preset; "agreement" of nano.

    Raises:
        Rs2Sam2Error: a process dies, or the set is missing or damaged.
    """
    agrees = agreement(root, "int8")
    with ExitStack() as stack:
        processes = {name: stack.enter_context(watched(PROGRAM, "ours", preset, name, seed, rounds)) for name in BOTH}
        by_the_clock, on_one_thread = in_turns(processes, rounds), in_turns(processes, rounds)
    ours = {name: figures(name, by_the_clock, on_one_thread) for name in BOTH}
    return {
        "preset": preset,
        "ours": ours,
        "gain": ours["bfloat16"]["seconds"] / ours["int8"]["seconds"],
        "files": {name: _sizes(name) for name in dict.fromkeys(("nano", preset))},
        "agreement": agrees,
    }


def _sizes(preset: str) -> dict[str, float]:
    tensors = {
        name: Lazy(shape, lambda: torch.empty(0))
        for name, shape in shapes_of(on_meta(ModelConfig.preset(preset))).items()
    }
    float32 = sum(prod(one.shape) * torch.float32.itemsize for one in tensors.values())
    packed = sum(prod(one.shape) * (one.dtype or int8.THE_REST).itemsize for one in int8.packed(tensors).values())
    return {"float32": float32, "int8": packed, "ratio": packed / float32}
