"""What `rs2sam2 bench model` times: one process for each model, and one for bare products of matrices.

Each is a "kind" with its arguments, gets ready, and works once whenever it is told to (`rs2sam2.bench.watched`).
Models work by the clock first, on all cores, as they are used: wall seconds and memory; that says something on a
machine that does nothing else. Then on one thread: CPU seconds, for which what else the machine does counts little.
"""

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rs2sam2.bench.load_seeded import seeded_inputs, seeded_weight
from rs2sam2.bench.memory import resident
from rs2sam2.bench.model_compiled import WAYS
from rs2sam2.bench.model_operations import OperationTimes
from rs2sam2.bench.model_parts import PartTimes
from rs2sam2.bench.model_products import Products
from rs2sam2.bench.watched import say
from rs2sam2.checkpoints.native import fill, on_meta, shapes_of
from rs2sam2.config import ModelConfig
from rs2sam2.inference import heap
from rs2sam2.inference.device import choose_dtype
from rs2sam2.model.precision import LinearKind
from rs2sam2.model.rs2sam2 import RS2SAM2, Reading, Sight

Work = Callable[[], dict[str, Any]]
_EXPRESSIONS = 1, 2
"""More would take more memory, and say the same: picture and words meet in the first block already."""


def main() -> None:
    """Run one of `_KINDS` with its arguments: `ours PRESET PRECISION SEED ROUNDS`, `products PRESET` and so on."""
    torch.set_num_threads(1)
    kind, *arguments = sys.argv[1:]
    try:
        work, facts = _KINDS[kind](*arguments)
    except ImportError as error:
        say({"missing": str(error)})
        return
    goes_on = say(facts)
    while goes_on:
        with torch.inference_mode():
            goes_on = say(work())


def _seeded(
    preset: str, precision: str, seed: str, *, compiles: bool = False
) -> tuple[RS2SAM2, tuple[Tensor, Tensor, Tensor, Tensor]]:
    """A model with stand-in weights, and what its forward takes, for one question."""
    config = ModelConfig.preset(preset)
    linear: LinearKind = "int8" if precision == "int8" else "plain" if compiles else "packed"
    dtype = torch.bfloat16 if precision == "int8" else getattr(torch, precision)
    heap.keep_freed()
    model = on_meta(config)
    shapes = shapes_of(model)
    fill(model, lambda name: seeded_weight(name, shapes[name]), "cpu", dtype, linear)
    heap.give_back()
    image, union_image, ids = seeded_inputs(config, int(seed))
    return model, (image, union_image, ids, torch.ones_like(ids, dtype=torch.bool))


def _expressions(preset: str, seed: str) -> tuple[Work, dict[str, Any]]:
    """As many CPU seconds as a pass in bfloat16 takes, by the number of expressions about one picture."""
    model, (*picture, ids, mask) = _seeded(preset, "bfloat16", seed)
    words = ids, mask

    def work() -> dict[str, Any]:
        seconds = {}
        for count in _EXPRESSIONS:
            asked = [tensor.expand(count, -1) for tensor in words]
            start = time.process_time()
            model(*picture, *asked)
            seconds[str(count)] = time.process_time() - start
        return seconds

    return work, {}


def _compiled(preset: str, seed: str, cache: str) -> tuple[Work, dict[str, Any]]:
    """Wall seconds of the "first" pass of compiled code, on all cores; then CPU seconds of each of `WAYS`."""
    from rs2sam2.inference.compiling import check_compiler, compile_model

    os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
    device = torch.device("cpu")
    check_compiler(device, in_int8=False)
    precision = str(choose_dtype(device, "auto", ModelConfig.preset(preset))).removeprefix("torch.")
    model, inputs = _seeded(preset, precision, seed, compiles=True)
    ways: dict[str, Callable[[], object]] = {WAYS[0]: partial(_pass, model.read, model.look, inputs)}
    compile_model(model, device)
    ways[WAYS[1]] = partial(_pass, model.read, model.look, inputs)
    asked = False

    def work() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            taken = _wall_seconds(ways[WAYS[1]])
            for run in ways.values():
                run()
            return {"first": taken}
        seconds = {}
        for name, run in ways.items():
            before = time.process_time()
            run()
            seconds[name] = time.process_time() - before
        return seconds

    return work, {"precision": precision}


def _operations(preset: str, precision: str, seed: str) -> tuple[Work, dict[str, Any]]:
    """Wall seconds on all cores by kind of operation."""
    model, inputs = _seeded(preset, precision, seed)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    times = OperationTimes()
    return lambda: times.of(lambda: model(*inputs)), {}


def _both_ways(
    model: nn.Module, inputs: tuple[Tensor, ...], rounds: str, on_one_thread: Work
) -> tuple[Work, dict[str, Any]]:
    """By the clock in the first rounds, of which there is one more, then on one thread."""

    def by_the_clock() -> dict[str, Any]:
        return {"wall_seconds": _wall_seconds(lambda: model(*inputs)), "peak_resident_bytes": resident("VmHWM")}

    works = chain(repeat(by_the_clock, 1 + int(rounds)), repeat(on_one_thread))
    return lambda: next(works)(), {"parameters": sum(parameter.numel() for parameter in model.parameters())}


def _wall_seconds(run: Callable[[], object]) -> float:
    """Of something that runs on all cores."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    start = time.perf_counter()
    run()
    taken = time.perf_counter() - start
    torch.set_num_threads(1)
    return taken


def _pass(read: Callable[..., Reading], look: Callable[..., Sight], inputs: tuple[Tensor, ...]) -> Sight:
    image, *asked = inputs
    return look(image, read(*asked))


def _ours(preset: str, precision: str, seed: str, rounds: str) -> tuple[Work, dict[str, Any]]:
    model, inputs = _seeded(preset, precision, seed)
    times = PartTimes(model)
    Path("/proc/self/clear_refs").write_text("5")  # the peak of making weights is not that of using them

    def on_one_thread() -> dict[str, Any]:
        parts = times.of(lambda: model(*inputs))
        return {"seconds": sum(parts.values()), "parts": parts}

    return _both_ways(model, inputs, rounds, on_one_thread)


def _theirs(preset: str, seed: str, rounds: str) -> tuple[Work, dict[str, Any]]:
    """The encoder of `transformers`' SAM 2 with the trunk of this preset, in float32, as it comes."""
    settings, modeling = (
        import_module(f"transformers.models.sam2.{part}_sam2") for part in ("configuration", "modeling")
    )
    config = ModelConfig.preset(preset)
    hiera = config.hiera
    trunk = settings.Sam2HieraDetConfig(
        hidden_size=hiera.embed_dim,
        image_size=[config.image_size, config.image_size],
        num_attention_heads=hiera.num_heads,
        window_positional_embedding_background_size=list(hiera.window_pos_embed_bkg_spatial_size),
        blocks_per_stage=list(hiera.stages),
        embed_dim_per_stage=list(hiera.widths),
        num_attention_heads_per_stage=[hiera.num_heads * 2**stage for stage in range(4)],
        window_size_per_stage=list(hiera.window_spec),
        global_attention_blocks=list(hiera.global_att_blocks),
    )
    model = modeling.Sam2VisionModel(
        settings.Sam2VisionConfig(
            backbone_config=trunk,
            backbone_channel_list=list(reversed(hiera.widths)),
            fpn_hidden_size=config.width,
        )
    ).eval()
    image = seeded_inputs(config, int(seed))[0]

    def on_one_thread() -> dict[str, Any]:
        start = time.process_time()
        model(image)
        return {"seconds": time.process_time() - start}

    return _both_ways(model, (image,), rounds, on_one_thread)


def _products(preset: str) -> tuple[Work, dict[str, Any]]:
    products = Products(ModelConfig.preset(preset))
    facts = {"operations": products.operations, "linear_operations": products.linear_operations}
    return products, facts


_KINDS: dict[str, Callable[..., tuple[Work, dict[str, Any]]]] = {
    "ours": _ours,
    "operations": _operations,
    "expressions": _expressions,
    "compiled": _compiled,
    "transformers": _theirs,
    "products": _products,
}

if __name__ == "__main__":
    main()
