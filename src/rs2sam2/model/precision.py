"""What computes in less than float32, and how its linear layers multiply.

These are the blocks that read picture and words: nearly all of the work. Embeddings, projections, the neck, prompts and
the mask decoder stay in float32, and so does what the union encoder's layers add up. That is a hundredth of the
time of the paper's model, and two fifths of what bfloat16 would change in a mask.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from rs2sam2.model.cross_attention import CrossAttention
from rs2sam2.model.int8 import Int8Linear, Int8Weight

LinearKind = Literal["plain", "packed", "int8"]
"""Torch's own; in bfloat16 on a CPU, with weights laid out beforehand; of 8-bit integers (`rs2sam2.model.int8`)."""

_BLOCKS = ("union_encoder.layers", "trunk.blocks")
_TOKENS = 4096
"""That the layout of packed weights is chosen for; it serves any number."""
_WORDS = "union_encoder.text_embed.weight"
"""A large table of which a sentence reads a few rows."""


def dtype_of(name: str, dtype: torch.dtype) -> torch.dtype:
    """The type of one of a model's tensors, by its name, where the blocks are of type `dtype`."""
    is_coarse = name == _WORDS or name.startswith(tuple(f"{part}." for part in _BLOCKS))
    return dtype if is_coarse else torch.float32


def linear_layers_of_blocks(model: nn.Module) -> list[str]:
    """Names of those linear layers of an RS2SAM2 that may multiply in another way."""
    return [f"{part}.{name}" for part in _BLOCKS for name in linear_layers(model.get_submodule(part))]


def linear_layers(module: nn.Module) -> list[str]:
    """Names of linear layers within a module.

    Not of those in cross-attention, which multiplies parts of its layers' weights with a few tokens.
    """
    apart = tuple(f"{name}." for name, inner in module.named_modules() if isinstance(inner, CrossAttention))
    return [
        name
        for name, inner in module.named_modules()
        if isinstance(inner, nn.Linear) and not (apart and name.startswith(apart))
    ]


def can_pack(device: torch.device | str, dtype: torch.dtype) -> bool:
    """Whether layers of this type can be `PackedLinear` there."""
    return (
        torch.device(device).type == "cpu"
        and dtype == torch.bfloat16
        and torch.backends.mkldnn.is_available()
        and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    )


def linear_layer(weight: Tensor, bias: Tensor, kind: Literal["packed", "int8"]) -> nn.Module:
    """The layer x W^T + b that multiplies so, on a CPU; W and b of any floating-point type."""
    if kind == "int8":
        return Int8Linear(Int8Weight.of(weight), bias)
    return PackedLinear(weight.bfloat16(), bias.bfloat16())


class PackedLinear(nn.Module):
    """x W^T + b in bfloat16 on a CPU, with W laid out once as the processor likes it.

    Torch has W laid out anew for each product, and adds b in a second pass: together a tenth of the time. The operator
    is the one that `torch.compile` puts in a linear layer's place; it has no gradient.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        """Take what the layer computes with, in bfloat16."""
        super().__init__()
        self.packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), _TOKENS)
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        """(..., columns) -> (..., rows)."""
        read: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, "none", [], "")
        return read
