"""Activation checkpointing: less memory, more time, the same result."""

from functools import partial

from torch import nn
from torch.utils.checkpoint import checkpoint

from rs2sam2.model.text_guided_hiera import Block
from rs2sam2.model.union_encoder import EncoderLayer

BLOCKS = (Block, EncoderLayer)
"""What is computed again as a whole, and put together as a whole where parameters are spread over processes."""


def compute_blocks_again(model: nn.Module) -> None:
    """Let each block of trunk and union encoder keep only what enters it, and compute the rest again on the way back.

    Names of parameters stay as they are, which torch's wrapper around modules would change.
    """
    for part in model.modules():
        if isinstance(part, BLOCKS):
            part.forward = partial(checkpoint, part.forward, use_reentrant=False)  # type: ignore[method-assign]
