"""The one multi-head cross-attention that eqs. 2, 4 and 5 write as MHCA."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_MOST_TOKENS = 2**12
"""Of the image, whose softmax is taken at a time: its float32 stays in a core's cache."""
_LANES = 16
"""Numbers that a processor takes at once: a softmax over a multiple of these is up to eight times as fast."""


class CrossAttention(nn.Module):
    """MHCA(query, context): softmax(Q K^T / sqrt(d)) V over several heads (Vaswani et al. 2017).

    Keys and values are projections of the same `context`; all widths are equal, as in `torch.nn.MultiheadAttention`,
    whose packed `in_proj_weight` is our `in_proj.weight`.

    One side is always an image with thousands of tokens, the other a sentence or a token. Projections are linear, so
    those that the image would go through are applied to the `few` tokens of the other side: the same function in a
    different order, with products as thin as the sentence instead of as wide as the layer.
    """

    def __init__(self, dim: int, num_heads: int, few: Literal["queries", "context"]) -> None:
        super().__init__()
        self.num_heads, self.few = num_heads, few
        self.in_proj = nn.Linear(dim, 3 * dim)
        self.out_proj = nn.Linear(dim, dim)

    def forward(self, query: Tensor, context: Tensor, context_mask: Tensor | None = None) -> Tensor:
        """Let every query token read from the context.

        Args:
            query: (B, N, dim), or (1, N, dim) where all contexts are read by the same.
            context: (B, M, dim).
            context_mask: (B, M) bool, True where a context token may be read; None for everywhere.

        Returns:
            (B, N, dim).
        """
        read = self._few_read if self.few == "queries" else self._read_few
        return read(query, context, context_mask)

    def _read_few(self, query: Tensor, context: Tensor, context_mask: Tensor | None) -> Tensor:
        """(K W_q) Q and (V W_o): query and output projection are applied to the context's tokens, head by head."""
        dim = query.shape[-1]
        q_weight, kv_weight = self.in_proj.weight.split((dim, 2 * dim))
        q_bias, kv_bias = self.in_proj.bias.split((dim, 2 * dim))
        k, v = map(self._heads, F.linear(context, kv_weight, kv_bias).chunk(2, dim=-1))  # (B, heads, M, dim / heads)
        filling = -k.shape[2] % _LANES  # tokens that nobody reads
        k, v = (F.pad(tokens, (0, 0, 0, filling)) for tokens in (k * k.shape[-1] ** -0.5, v))
        keys = (k @ self._by_head(q_weight)).flatten(1, 2)  # (B, heads M, dim)
        offsets = (k @ self._by_head(q_bias)[..., None]).squeeze(-1)  # (B, heads, M)
        if context_mask is None:
            context_mask = torch.ones(context.shape[:2], dtype=torch.bool, device=context.device)
        allowed = F.pad(context_mask, (0, filling))[:, None]
        offsets = offsets.masked_fill(~allowed, -torch.inf)
        queries = query.expand(keys.shape[0], -1, -1)
        scores = torch.baddbmm(offsets.flatten(1).unsqueeze(1), queries, keys.mT)  # (B, N, heads M)
        values = (v @ self._by_head(self.out_proj.weight.t())).flatten(1, 2)  # (B, heads M, dim)
        return torch.baddbmm(self.out_proj.bias, self._softmax(scores), values)

    def _few_read(self, query: Tensor, context: Tensor, context_mask: Tensor | None) -> Tensor:
        """(Q W_k) K and W_v (A V): key and value projection are applied to the queries and to what they read.

        The keys' bias adds the same to all scores of a query, which the softmax takes away again.
        """
        q_weight, k_weight, v_weight = self.in_proj.weight.chunk(3)
        q_bias, _, v_bias = self.in_proj.bias.chunk(3)
        q = self._heads(F.linear(query, q_weight, q_bias))  # (B, heads, N, dim / heads)
        asked = (q * q.shape[-1] ** -0.5) @ self._by_head(k_weight)  # (B, heads, N, dim)
        scores = asked.flatten(1, 2) @ context.mT  # (B, heads N, M)
        if context_mask is not None:
            scores = scores.masked_fill(~context_mask[:, None], -torch.inf)
        seen = (scores.softmax(-1) @ context).unflatten(1, (self.num_heads, -1))  # (B, heads, N, dim)
        read = seen @ self._by_head(v_weight).mT + self._by_head(v_bias)[:, None]  # (B, heads, N, dim / heads)
        return self.out_proj(read.transpose(1, 2).flatten(2))

    def _softmax(self, scores: Tensor) -> Tensor:
        """(B, N, heads M) -> the same, over the M of each head; in float32: over short rows that is quicker, too."""
        if scores.shape[1] > _MOST_TOKENS and not torch.is_grad_enabled():
            return torch.cat([self._softmax(part) for part in scores.split(_MOST_TOKENS, dim=1)], dim=1)
        exact = torch.promote_types(scores.dtype, torch.float32)
        return scores.unflatten(-1, (self.num_heads, -1)).softmax(-1, dtype=exact).flatten(2).to(scores.dtype)

    def _heads(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

    def _by_head(self, weight: Tensor) -> Tensor:
        """(dim, ...) -> (heads, dim / heads, ...)."""
        return weight.unflatten(0, (self.num_heads, -1))
