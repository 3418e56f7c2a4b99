"""What one optimisation step takes, computed without doing it: memory by part, and floating-point operations.

The step runs on tensors without values (torch's fake tensors), as autograd, autocast and the CPU's kernels would run
it; what is kept for the way back is counted as it is put away.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from rs2sam2.training.activations import BLOCKS

ADAMW_STATES = 2
"""AdamW keeps two numbers for each that is trained."""


@dataclass(frozen=True)
class StepCost:
    """Bytes and operations of one device's step, with all samples of its batch.

    Attributes:
        values: numbers in the model.
        trained: of these, with a gradient.
        parameters, gradients, optimiser: bytes that they, their gradients and AdamW's two averages take.
        activations: bytes kept for the way back.
        checkpointed: the same where blocks are computed again: what is kept outside of blocks, what enters each, and
            the inside of the largest.
        forward, backward: operations (a multiplication and an addition are two).
        again: operations of the blocks' second computation.
    """

    values: int
    trained: int
    parameters: int
    gradients: int
    optimiser: int
    activations: int
    checkpointed: int
    forward: int
    backward: int
    again: int

    def memory(self, *, checkpointing: bool) -> int:
        """Bytes of all parts together; at no moment of a step is it more, but for what a kernel takes for itself."""
        kept = self.checkpointed if checkpointing else self.activations
        return self.parameters + self.gradients + self.optimiser + kept

    def operations(self, *, checkpointing: bool) -> int:
        """Of one step, there and back."""
        return self.forward + self.backward + (self.again if checkpointing else 0)


def _attention(query: list[int], key: list[int], value: list[int], *rest: object, **options: object) -> int:
    return int(sdpa_flop_count(query, key, value))


def _attention_back(
    gradient: list[int], query: list[int], key: list[int], value: list[int], *rest: object, **options: object
) -> int:
    return int(sdpa_backward_flop_count(gradient, query, key, value))


_ATTENTION = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _attention_back,
}
"""What torch's own counter leaves out."""


def step_cost(module: nn.Module, loss: Callable[[], Tensor], *, mixed: bool) -> StepCost:
    """Count a step.

    Args:
        module: what is trained, frozen as it will be, made within `FakeTensorMode`, as is all that `loss` takes.
        loss: the forward pass.
        mixed: whether it runs under autocast to bfloat16.
    """
    parameters = [*module.parameters()]
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    counted = FlopCounterMode(display=False, custom_mapping=_ATTENTION)
    kept = _Kept({tensor.untyped_storage()._cdata for tensor in (*parameters, *module.buffers())})
    with counted, _watched(module, kept, counted) as blocks:
        with kept.hooks, torch.autocast("cpu", torch.bfloat16, enabled=mixed):
            total = loss()
        forward = counted.get_total_flops()
        total.backward()
    inside = [block.kept for block in blocks]
    gradients = _bytes(trained)
    return StepCost(
        values=sum(parameter.numel() for parameter in parameters),
        trained=sum(parameter.numel() for parameter in trained),
        parameters=_bytes(parameters),
        gradients=gradients,
        optimiser=ADAMW_STATES * gradients,
        activations=kept.bytes,
        checkpointed=kept.bytes - sum(inside) + sum(block.entered for block in blocks) + max(inside, default=0),
        forward=forward,
        backward=counted.get_total_flops() - forward,
        again=sum(block.operations for block in blocks),
    )


@dataclass
class _Block:
    """What a block takes in, keeps for the way back, and computes."""

    entered: int
    kept: int
    operations: int


class _Kept:
    """Bytes of all storages that autograd puts away, each once, but for those of parameters and buffers."""

    def __init__(self, not_counted: set[int]) -> None:
        self.bytes = 0
        self._seen = set(not_counted)
        self._alive: list[Tensor] = []  # so that no storage's address is used twice
        self.hooks = torch.autograd.graph.saved_tensors_hooks(self._pack, lambda tensor: tensor)

    def _pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in self._seen:
            self._seen.add(storage._cdata)
            self._alive.append(tensor)
            self.bytes += storage.nbytes()
        return tensor


@contextmanager
def _watched(module: nn.Module, kept: _Kept, counted: FlopCounterMode) -> Iterator[list[_Block]]:
    """The blocks that activation checkpointing computes again, filled in as they run."""
    blocks: list[_Block] = []

    def enter(block: nn.Module, inputs: tuple[object, ...]) -> None:
        entered = _bytes(tensor for tensor in inputs if isinstance(tensor, Tensor))
        blocks.append(_Block(entered, -kept.bytes, -counted.get_total_flops()))

    def leave(block: nn.Module, inputs: object, output: object) -> None:
        blocks[-1].kept += kept.bytes
        blocks[-1].operations += counted.get_total_flops()

    hooks = []
    for part in module.modules():
        if isinstance(part, BLOCKS):
            hooks += [part.register_forward_pre_hook(enter), part.register_forward_hook(leave)]
    try:
        yield blocks
    finally:
        for hook in hooks:
            hook.remove()


def _bytes(tensors: Iterator[Tensor] | list[nn.Parameter]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
