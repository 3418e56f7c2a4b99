"""Eq. 5: from the multimodal [CLS] token and the visual tokens to a pseudo-mask, SAM 2's dense prompt."""

from math import isqrt

from torch import Tensor, nn

from rs2sam2.config import ModelConfig
from rs2sam2.model.cross_attention import CrossAttention


class MaskPromptGenerator(nn.Module):
    """V_cls' = V_cls * MHCA(V_cls, V);  M_p = Linear(R(V) * Linear(V_cls')).

    The paper says "MLP"; published weights hold one linear layer there, and so do we.
    """

    def __init__(self, dim: int, *, attention: bool, num_heads: int = 8) -> None:
        super().__init__()
        self.cls_reads_visual = CrossAttention(dim, num_heads, few="queries") if attention else None
        self.token = nn.Linear(dim, dim)
        self.mask = nn.Linear(dim, 1)

    def forward(self, cls: Tensor, visual: Tensor) -> Tensor:
        """(B, 1, D) and (B, N_p, D) -> pseudo-mask logits (B, 1, U / p, U / p)."""
        if self.cls_reads_visual is not None:
            cls = self.attended(cls, visual)
        logits = self.mask(visual * self.token(cls))  # (B, N_p, 1)
        side = isqrt(visual.shape[1])
        return logits.transpose(1, 2).unflatten(-1, (side, side))

    def attended(self, cls: Tensor, visual: Tensor) -> Tensor:
        """V_cls * MHCA(V_cls, V): (B, 1, D)."""
        return cls * self.cls_reads_visual(cls, visual)  # type: ignore[misc]


def mask_prompt_generator(config: ModelConfig) -> MaskPromptGenerator | None:
    """The generator that the configuration asks for, or None."""
    if config.mask_prompt == "none":
        return None
    return MaskPromptGenerator(config.union_encoder.embed_dim, attention=config.mask_prompt == "full")
