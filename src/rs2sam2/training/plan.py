"""`rs2sam2 train plan`: memory and time of a recipe, computed before anybody waits for it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, astuple
from itertools import pairwise
from math import ceil
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from rs2sam2.checkpoints.locate import locate
from rs2sam2.checkpoints.native import read_settings
from rs2sam2.config import ModelConfig
from rs2sam2.data.mixture import Phase
from rs2sam2.data.registry import find_dataset, open_dataset
from rs2sam2.errors import ConfigError, WeightsError
from rs2sam2.losses import LossWeights
from rs2sam2.model.rs2sam2 import RS2SAM2
from rs2sam2.training import parameter_groups
from rs2sam2.training.module import HeadWeights, RS2SAM2Module
from rs2sam2.training.parameter_groups import Rates
from rs2sam2.training.recipe import names_a_data_set, read_recipe
from rs2sam2.training.spread import Spread, spread
from rs2sam2.training.step import run_step
from rs2sam2.training.step_cost import StepCost, step_cost

TOKENS = 20
"""Words and markers of a sentence, generously."""
SHARE_OF_PEAK = 0.3
"""Of a device's peak rate, what training is assumed to reach."""
GPUS = {
    "RTX 3090, 24 GB": (24e9, 71e12),
    "RTX 4090, 24 GB": (24e9, 165e12),
    "A100, 80 GB": (80e9, 312e12),
    "H100 SXM, 80 GB": (80e9, 989e12),
}
"""Bytes, and peak operations a second in bfloat16 with sums in float32, dense, from the makers' data sheets."""
SPREAD_OVER = (2, 4, 8, 16)
"""Devices for which a plan says what FSDP2 would make of it."""
_DTYPES = {"bf16-true": torch.bfloat16, "16-true": torch.float16}

_Planned = tuple[dict[str, Any], list[tuple[float, StepCost]], dict[int, Spread]]
"""What is known of a recipe; shares of the run with the cost of a pass in each; what FSDP2 makes of so many devices."""


def plan(path: Path) -> dict[str, Any]:
    """What a recipe will take.

    Returns:
        "recipe" (file name), "model", "precision", "devices", "batch" (samples of a device at once), "image_size" (the
        largest), "passes" (of a device, in the whole run), "because" (where their number comes from), "checkpoints"
        (whether the recipe computes activations again), "cost" (`StepCost` of the largest pass), "held" (bytes of a
        device beside activations: "parameters", "gradients", "optimiser", and "exchange": what is there because
        devices exchange it), and for both ways, "kept" and "checkpointed": "memory" (bytes) and "hours" (device ->
        hours). "spread" has the memory where FSDP2 spreads the model over so many devices; None where it cannot.

    Raises:
        ConfigError: the recipe lacks what a plan needs, or holds what cannot work.
        DataError: there is no such data set, or its files are damaged.
    """
    settings = read_recipe(path)
    try:
        found, costs, shares = (_referring if names_a_data_set(settings) else _nano)(settings)
        trainer = settings["trainer"]
    except (KeyError, TypeError) as error:
        raise ConfigError(f"{path}: cannot be planned: a setting is missing or of the wrong kind: {error!r}") from error
    rates = {name: rate for name, (_, rate) in GPUS.items()}
    if trainer.get("accelerator") == "cpu":
        rates = {"a core of this machine": _core_rate()}
    largest = max((cost for _, cost in costs), key=lambda cost: cost.activations)
    held = _held(trainer, largest, shares)
    ways = {"kept": False, "checkpointed": True}
    activations = {way: largest.checkpointed if on else largest.activations for way, on in ways.items()}
    each = {way: sum(share * cost.operations(checkpointing=on) for share, cost in costs) for way, on in ways.items()}
    return {
        "recipe": path.name,
        **found,
        "precision": _precision(trainer),
        "devices": _devices(trainer),
        "cost": asdict(largest),
        "held": held,
        "memory": {way: sum(held.values()) + kept for way, kept in activations.items()},
        "spread": {
            str(devices): {way: sum(astuple(share)) + kept for way, kept in activations.items()}
            for devices, share in shares.items()
            if devices > 1
        }
        or None,
        "hours": {
            device: {way: found["passes"] * count / (SHARE_OF_PEAK * rate) / 3600 for way, count in each.items()}
            for device, rate in rates.items()
        },
    }


def _referring(settings: Mapping[str, Any]) -> _Planned:
    """The paper's training."""
    trainer, model, data = settings["trainer"], settings["model"], settings["data"]
    config, whose = _config(model["init_from"])
    config = config.replace(image_size=model.get("image_size") or config.image_size)
    loss, rates = LossWeights(**model["loss"]), Rates(**model["rates"])
    batch, together = data.get("batch_size", 1), trainer.get("accumulate_grad_batches", 1)
    samples, counted = _samples(data["dataset"], Path(data["root"]))
    with _fake(trainer):
        made = RS2SAM2(config).train()
        boundary = loss.boundary_reading != "none"
        parameter_groups.freeze(parameter_groups.parts(made, rates, trains_text_weight=boundary))
        sample = _batch(config, batch, config.image_size)
        cost = step_cost(made, lambda: run_step(made, sample, loss).terms.total, mixed=_mixed(trainer))
        shares = {devices: spread(made, devices) for devices in sorted({*SPREAD_OVER, _devices(trainer)})}
    steps = trainer["max_epochs"] * ceil(ceil(samples / _devices(trainer)) / batch / together)
    found = {
        "model": f"{config.name} ({whose})",
        "batch": batch,
        "image_size": config.image_size,
        "passes": steps * together,
        "because": f"{trainer['max_epochs']} epochs of {samples} sentences ({counted})",
        "checkpoints": bool(model.get("checkpoint_activations", False)),
    }
    return found, [(1.0, cost)], shares


def _nano(settings: Mapping[str, Any]) -> _Planned:
    """Training from scratch, with pictures that grow on the way."""
    trainer, model, data = settings["trainer"], settings["model"], settings["data"]
    typed = {"loss": LossWeights(**model["loss"]), "heads": HeadWeights(**model["heads"])}
    phases = [Phase(**phase) for phase in data["phases"]]
    batch = data["groups"] * max(phase.group_size for phase in phases)
    reads = model.get("reads_first", 0.0)
    marks = sorted({*(phase.start for phase in phases), reads, 1.0})
    costs = []
    for start, end in pairwise(marks):
        phase = next(phase for phase in reversed(phases) if phase.start <= start)
        with _fake(trainer):
            module = RS2SAM2Module(**{**model, **typed})
            sample = _batch(module.config, data["groups"] * phase.group_size, phase.image_size)
            loss = _reading_loss(module, sample) if start < reads else _nano_loss(module, sample)
            costs.append((end - start, step_cost(module, loss, mixed=_mixed(trainer))))
    found = {
        "model": f"{module.config.name} (from scratch)",
        "batch": batch,
        "image_size": max(phase.image_size for phase in phases),
        "passes": trainer["max_steps"],
        "because": f"{trainer['max_steps']} steps",
        "checkpoints": False,
    }
    return found, costs, {}


def _nano_loss(module: RS2SAM2Module, batch: Any) -> Callable[[], Tensor]:  # noqa: ANN401 - stands in for a NamedTuple
    """Eq. 6 and the head that looks at whole maps; the other heads look at single numbers."""

    def loss() -> Tensor:
        total = run_step(module.model, batch, module.loss).terms.total
        return total if module.semantic is None else total + module.semantic(batch.mask)

    return loss


def _reading_loss(module: RS2SAM2Module, batch: Any) -> Callable[[], Tensor]:  # noqa: ANN401 - stands in for a NamedTuple
    """What the union encoder says by itself, while it learns alone."""

    def loss() -> Tensor:
        reading = module.model.read(batch.union_image, batch.input_ids, batch.attention_mask)
        parts = [reading.pseudo_mask_logits, reading.early_presence_logits]
        total = torch.stack([part.square().mean() for part in parts if part is not None]).sum()
        return total if module.semantic is None else total + module.semantic(batch.mask)

    return loss


def _batch(config: ModelConfig, batch: int, side: int) -> Any:  # noqa: ANN401 - stands in for a NamedTuple
    union = config.union_encoder.image_size
    return SimpleNamespace(
        image=torch.zeros(batch, 3, side, side),
        union_image=torch.zeros(batch, 3, union, union),
        input_ids=torch.zeros(batch, TOKENS, dtype=torch.int64),
        attention_mask=torch.ones(batch, TOKENS, dtype=torch.bool),
        mask=torch.zeros(batch, side, side, dtype=torch.uint8),
    )


@contextmanager
def _fake(trainer: Mapping[str, Any]) -> Iterator[None]:
    """Within it tensors have no values, and the trainer's precision."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(_DTYPES.get(_precision(trainer), torch.float32))
    try:
        with FakeTensorMode():
            yield
    finally:
        torch.set_default_dtype(before)


def _precision(trainer: Mapping[str, Any]) -> str:
    return str(trainer.get("precision", "32-true"))


def _mixed(trainer: Mapping[str, Any]) -> bool:
    return _precision(trainer).endswith("mixed")


def _devices(trainer: Mapping[str, Any]) -> int:
    """Of all nodes; "auto" counts as one a node."""
    devices = trainer.get("devices", 1)
    each = len(devices) if isinstance(devices, list) else devices if isinstance(devices, int) and devices > 0 else 1
    return int(each * trainer.get("num_nodes", 1))


def _held(trainer: Mapping[str, Any], cost: StepCost, shares: Mapping[int, Spread]) -> dict[str, int]:
    """Bytes of a device beside activations, and of what it holds only to exchange it.

    DDP sends gradients in buckets, copies unless the gradients lie in them.

    Raises:
        ConfigError: the strategy is another one, or cannot spread this model.
    """
    strategy = trainer.get("strategy", "auto")
    options = {} if isinstance(strategy, str) else strategy.get("init_args", {})
    name = strategy if isinstance(strategy, str) else strategy["class_path"].rpartition(".")[2]
    devices = _devices(trainer)
    whole = {"parameters": cost.parameters, "gradients": cost.gradients, "optimiser": cost.optimiser}
    if name == "ModelParallelStrategy":
        asked = (options.get("data_parallel_size"), options.get("tensor_parallel_size"))
        if asked != (devices, 1) or not shares:
            raise ConfigError(
                f"trainer.strategy {name}: sizes {asked} for {devices} devices: data_parallel_size has to be their "
                "number and tensor_parallel_size 1, and the training the paper's"
            )
        return asdict(shares[devices])
    if name != "auto" and not name.lower().startswith(("ddp", "single")):
        raise ConfigError(f"trainer.strategy {name}: a plan is for auto, ddp or ModelParallelStrategy (FSDP2)")
    alone = devices == 1 or options.get("gradient_as_bucket_view")
    return {**whole, "exchange": 0 if alone else cost.gradients}


def _config(init_from: str) -> tuple[ModelConfig, str]:
    """Of the weights that training begins with, if they are there; else the paper's."""
    try:
        return read_settings(locate(init_from))[0], init_from
    except WeightsError:
        return ModelConfig.preset("large"), f"assumed, for there is no {init_from} yet"


def _samples(dataset: str, root: Path) -> tuple[int, str]:
    """Sentences of the split "train": counted, or as many as were published.

    Raises:
        DataError: there is no such set, or its files are damaged.
        ConfigError: it is not there, and nobody has published its size.
    """
    reader = find_dataset(dataset)
    if root.is_dir():
        return len(open_dataset(dataset, root, "train")), f"counted in {root}"
    if "train" not in reader.published:
        raise ConfigError(f"data.root: {root} is not there, and the size of {dataset} is not known: give its folder")
    return reader.published["train"], "as published"


def _core_rate() -> float:
    """Operations a second of matrix products in float32 on one thread."""
    side, times, threads = 1024, 10, torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        matrix = torch.randn(side, side)
        matrix @ matrix
        begun = perf_counter()
        for _ in range(times):
            matrix @ matrix
        return 2 * side**3 * times / (perf_counter() - begun)
    finally:
        torch.set_num_threads(threads)
