"""One optimisation step of the paper's training on this machine's CPU: memory by part, peak and time."""

import time
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from rs2sam2.bench.load_seeded import seeded_inputs
from rs2sam2.bench.memory import resident
from rs2sam2.config import ModelConfig
from rs2sam2.errors import Rs2Sam2Error
from rs2sam2.losses import LossWeights
from rs2sam2.model.rs2sam2 import RS2SAM2
from rs2sam2.training import parameter_groups
from rs2sam2.training.activations import compute_blocks_again
from rs2sam2.training.parameter_groups import Rates
from rs2sam2.training.step import run_step

FORMAT = "rs2sam2.bench-step/1"
_RATES = Rates(base=5e-5, higher=1e-4)


def measure(config: ModelConfig, *, mixed: bool, checkpointing: bool, seed: int) -> dict[str, Any]:
    """Build the model with random weights, and take one step with one sample: the paper's trainable parts and loss.

    Args:
        config: of the model.
        mixed: compute under autocast to bfloat16, as the recipes do.
        checkpointing: compute trunk blocks and union encoder layers again on the way back.
        seed: of weights and sample.

    Returns:
        "format", "model", "image_size", "precision", "activation_checkpointing", "parameters" and "trained" (numbers),
        "loss" (eq. 6), "bytes" of "parameters", "gradients" and "optimiser", and for each of the phases "build",
        "forward", "backward" and "optimiser": "seconds", and Linux's own count in bytes of resident memory "after" it
        and of the "peak" since the process began.

    Raises:
        Rs2Sam2Error: the loss is no number.
    """
    torch.manual_seed(seed)
    watch = _Watch()
    model = watch("build", lambda: _built(config, checkpointing=checkpointing))
    planned = parameter_groups.parts(model, _RATES)
    parameter_groups.freeze(planned)
    optimiser = torch.optim.AdamW(parameter_groups.optimizer_groups(planned, _RATES), foreach=False)
    sample = _sample(config, seed)

    def forward() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            return run_step(model, sample, LossWeights()).terms.total

    loss = watch("forward", forward)
    if not torch.isfinite(loss):
        raise Rs2Sam2Error(f"the loss of seed {seed} is {loss.item()}: take another --seed")
    watch("backward", loss.backward)
    watch("optimiser", optimiser.step)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return {
        "format": FORMAT,
        "model": config.name,
        "image_size": config.image_size,
        "precision": "bf16-mixed" if mixed else "float32",
        "activation_checkpointing": checkpointing,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "trained": sum(parameter.numel() for parameter in trained),
        "loss": loss.item(),
        "bytes": {
            "parameters": _bytes(model.parameters()),
            "gradients": _bytes(parameter.grad for parameter in trained if parameter.grad is not None),
            "optimiser": _bytes(
                value for state in optimiser.state.values() for value in state.values() if isinstance(value, Tensor)
            ),
        },
        "phases": watch.phases,
    }


def _built(config: ModelConfig, *, checkpointing: bool) -> RS2SAM2:
    model = RS2SAM2(config).train()
    if checkpointing:
        compute_blocks_again(model)
    return model


def _sample(config: ModelConfig, seed: int) -> Any:  # noqa: ANN401 - stands in for a NamedTuple
    """One picture and sentence of noise, whose answer is the picture's middle."""
    image, union_image, ids = seeded_inputs(config, seed)
    side = config.image_size
    mask = torch.zeros(1, side, side, dtype=torch.uint8)
    mask[:, side // 4 : 3 * side // 4, side // 4 : 3 * side // 4] = 1
    return SimpleNamespace(
        image=image,
        union_image=union_image,
        input_ids=ids,
        attention_mask=torch.ones_like(ids, dtype=torch.bool),
        mask=mask,
    )


class _Watch:
    """Runs phases, and notes time and memory of each."""

    def __init__(self) -> None:
        self.phases: dict[str, dict[str, float]] = {}

    def __call__(self, name: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the work gives
        start = time.perf_counter()
        found = work()
        seconds = time.perf_counter() - start
        self.phases[name] = {"seconds": seconds, "after": resident("VmRSS"), "peak": resident("VmHWM")}
        return found


def _bytes(tensors: Iterable[Tensor | nn.Parameter]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
