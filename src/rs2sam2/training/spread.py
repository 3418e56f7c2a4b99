"""What a device holds where FSDP2 spreads the model over several: its share of everything, and what is put together."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from torch import nn

from rs2sam2.training.activations import BLOCKS
from rs2sam2.training.step_cost import ADAMW_STATES

BLOCKS_AT_ONCE = 2
"""The block at work, and the next, which is fetched meanwhile."""


@dataclass(frozen=True)
class Spread:
    """Bytes on the device that holds most.

    Attributes:
        parameters, gradients, optimiser: its share of these.
        exchange: whole parameters, and gradients on their way to those who keep them: of all that lies outside of
            blocks, and of the largest blocks.
    """

    parameters: int
    gradients: int
    optimiser: int
    exchange: int


def spread(module: nn.Module, devices: int) -> Spread:
    """Count what one of `devices` devices holds.

    FSDP2 cuts each parameter along its first axis, so that where this is no multiple of the devices some hold more.
    What lies outside of blocks is one unit, which stays together from the way there to the way back.
    """
    blocks = [part for part in module.modules() if isinstance(part, BLOCKS)]
    inside = {id(parameter) for block in blocks for parameter in block.parameters()}
    parameters = [*module.parameters()]
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    outside = _whole(parameter for parameter in parameters if id(parameter) not in inside)
    largest = sorted((_whole(block.parameters()) for block in blocks), key=sum, reverse=True)[:BLOCKS_AT_ONCE]
    gradients = _share(trained, devices)
    return Spread(
        parameters=_share(parameters, devices),
        gradients=gradients,
        optimiser=ADAMW_STATES * gradients,
        exchange=sum(outside) + sum(sum(one) for one in largest),
    )


def _share(parameters: Iterable[nn.Parameter], devices: int) -> int:
    return sum(
        ceil(parameter.shape[0] / devices) * parameter[0].numel() * parameter.element_size() for parameter in parameters
    )


def _whole(parameters: Iterable[nn.Parameter]) -> tuple[int, int]:
    """Bytes of parameters, and of their gradients."""
    sizes = [(one.numel() * one.element_size(), one.requires_grad) for one in parameters]
    return sum(size for size, _ in sizes), sum(size for size, trained in sizes if trained)
