"""The parts that the paper adds to SAM 2 and BEiT-3, as a training begins with them."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from rs2sam2.config import ModelConfig
from rs2sam2.model.bidirectional_fusion import BlockAdapter, FusionAfterEncoding, FusionLayer
from rs2sam2.model.early_presence import EarlyPresence
from rs2sam2.model.mask_prompt_generator import mask_prompt_generator

SEED = 0


def fresh_parts(config: ModelConfig) -> dict[str, Tensor]:
    """Weights of the new parts, by our names, the same each time.

    Fusion layers and block adapters end in zeros: the first step sees SAM 2's own features.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return {
            f"{part}.{name}": tensor
            for part, module in _modules(config)
            for name, tensor in module.state_dict().items()
        }


def fresh_final_norm(config: ModelConfig) -> dict[str, Tensor]:
    """The union encoder's last norm, for BEiT-3 files that end without it."""
    norm = nn.LayerNorm(config.union_encoder.embed_dim).state_dict()
    return {f"union_encoder.layer_norm.{way}.{name}": tensor for way in "AB" for name, tensor in norm.items()}


def _modules(config: ModelConfig) -> Iterator[tuple[str, nn.Module]]:
    d, c = config.union_encoder.embed_dim, config.width
    yield "text_projection", nn.Linear(d, c)
    yield "token_mlp", nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, c))
    yield "text_weight", nn.Linear(c, 1)
    yield "fusion_after_encoding", FusionAfterEncoding(c)
    if (generator := mask_prompt_generator(config)) is not None:
        yield "mask_prompt_generator", generator
    if config.early_presence:
        yield "early_presence", EarlyPresence(d)
    dims = [dim for dim, depth in zip(config.hiera.widths, config.hiera.stages, strict=True) for _ in range(depth)]
    for index, dim in enumerate(dims):
        yield f"trunk.blocks.{index}.fusion", FusionLayer(dim, config)
        yield f"trunk.blocks.{index}.adapter", BlockAdapter(dim, dim // config.fusion_reduction)
