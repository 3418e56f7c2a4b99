"""The one multi-head cross-attention that eqs. 2, 4 and 5 write as MHCA."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rs2sam2.model.attention import attend


class CrossAttention(nn.Module):
    """MHCA(query, context): softmax(Q K^T / sqrt(d)) V over several heads (Vaswani et al. 2017).

    Keys and values are projections of the same `context`; all widths are equal, as in `torch.nn.MultiheadAttention`,
    whose packed `in_proj_weight` is our `in_proj.weight`.
    """

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.in_proj = nn.Linear(dim, 3 * dim)
        self.out_proj = nn.Linear(dim, dim)

    def forward(self, query: Tensor, context: Tensor, context_mask: Tensor | None = None) -> Tensor:
        """Let every query token read from the context.

        Args:
            query: (B, N, dim).
            context: (B, M, dim).
            context_mask: (B, M) bool, True where a context token may be read; None for everywhere.

        Returns:
            (B, N, dim).
        """
        dim = query.shape[-1]
        q_weight, kv_weight = self.in_proj.weight.split((dim, 2 * dim))
        q_bias, kv_bias = self.in_proj.bias.split((dim, 2 * dim))
        q = self._heads(F.linear(query, q_weight, q_bias))  # (B, heads, N, dim / heads)
        k, v = map(self._heads, F.linear(context, kv_weight, kv_bias).chunk(2, dim=-1))
        allowed = None if context_mask is None else context_mask[:, None, None, :]
        read = attend(q, k, v, allowed)
        return self.out_proj(torch.flatten(read.transpose(1, 2), 2))

    def _heads(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
