"""A model of the smallest widths that still has every part, for tests that need a model but not a good one."""

from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from rs2sam2.config import HieraConfig, ModelConfig, UnionEncoderConfig
from rs2sam2.model.rs2sam2 import RS2SAM2

VOCABULARY = 50
Module = TypeVar("Module", bound=nn.Module)


def tiny_config(**changes: Any) -> ModelConfig:
    """S = 64, U = 32 pixels, widths of 16 and 32; windows that do not divide the last two stages' maps."""
    config = ModelConfig(
        name="test",
        hiera=HieraConfig(16, 1, (1, 2, 2, 1), (4,), (8, 4, 6, 3), (5, 5)),
        union_encoder=UnionEncoderConfig(
            embed_dim=32,
            depth=2,
            num_heads=4,
            ffn_dim=48,
            image_size=32,
            patch_size=8,
            vocab_size=VOCABULARY,
            max_text_tokens=20,
        ),
        image_size=64,
        width=32,
        decoder_mlp_dim=48,
    )
    return config.replace(**changes)


def tiny_model(seed: int = 0, **changes: Any) -> RS2SAM2:
    """In eval mode, with every weight random: an untrained model's own zeros would hide what its new parts do."""
    return randomised(RS2SAM2(tiny_config(**changes)), seed).eval()


def tiny_inputs(config: ModelConfig, batch: int, tokens: int, seed: int = 1) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What a model's forward takes: images, union images, ids without a padding id, and a mask of nothing but True."""
    draw = torch.Generator().manual_seed(seed)
    side, union_side = config.image_size, config.union_encoder.image_size
    ids = torch.randint(4, VOCABULARY, (batch, tokens), generator=draw)
    ids[:, 0], ids[:, -1] = 0, 2
    return (
        torch.randn(batch, 3, side, side, generator=draw),
        torch.randn(batch, 3, union_side, union_side, generator=draw),
        ids,
        torch.ones(batch, tokens, dtype=torch.bool),
    )


def randomised(module: Module, seed: int) -> Module:
    """The module with every parameter and buffer drawn anew: gains near 1, the rest scaled by fan-in."""
    draw = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            values = torch.rand(tensor.shape, generator=draw, dtype=tensor.dtype) * 2 - 1
            if tensor.ndim > 1:
                tensor.copy_(values * (3 / tensor[0].numel()) ** 0.5)
            else:
                tensor.copy_(1 + 0.2 * values if name.endswith("weight") else 0.2 * values)
    return module


def relative_error(found: Tensor, expected: Tensor) -> float:
    """Norm of the difference over the norm."""
    assert found.shape == expected.shape, f"{tuple(found.shape)} instead of {tuple(expected.shape)}"
    return float((found - expected).norm() / expected.norm())
