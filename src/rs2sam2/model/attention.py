"""softmax(Q K^T / sqrt(d)) V, and how it is reckoned on each machine without ever holding all scores."""

import torch
import torch.nn.functional as F
from torch import Tensor

_MOST_SCORES = 2**21
"""Scores that are held at a time where attention goes piece by piece: 4 MB of bfloat16 stay in a core's cache."""
_FEWEST_TOKENS = 16


def attend(q: Tensor, k: Tensor, v: Tensor, allowed: Tensor | None = None) -> Tensor:
    """softmax(Q K^T / sqrt(d)) V of (B, heads, N, d) and (B, heads, M, d), without holding the (N, M) scores.

    That is torch's own on GPUs and in float32. Not so for bfloat16 on a CPU: torch multiplies there at the speed of
    float32, so without gradients the pieces are multiplied here; and its gradient takes three times as long as that of
    float32, so training attends in the latter, also under autocast.

    Args:
        q: queries.
        k: keys.
        v: values.
        allowed: (B, 1, 1, M) bool, True for keys that may be read; None for all.
    """
    if q.device.type == "cpu" and q.dtype == torch.bfloat16:
        if q.requires_grad:
            with torch.autocast("cpu", enabled=False):
                return F.scaled_dot_product_attention(q.float(), k.float(), v.float(), attn_mask=allowed).to(q.dtype)
        many = min(q.shape[2], k.shape[2]) >= _FEWEST_TOKENS
        if many and not torch.is_grad_enabled():
            return _in_pieces(q, k, v, allowed)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)


def _in_pieces(q: Tensor, k: Tensor, v: Tensor, allowed: Tensor | None) -> Tensor:
    """Several heads at a time, or some rows of one: at most `_MOST_SCORES`, but at least one row."""
    batch, heads, n, d = q.shape
    q, k, v = (tokens.flatten(0, 1) for tokens in (q, k, v))  # (B heads, N or M, d)
    m = k.shape[1]
    offsets = q.new_zeros(batch, heads, 1, m)
    if allowed is not None:
        offsets.masked_fill_(~allowed, -torch.inf)
    offsets = offsets.flatten(0, 1)  # (B heads, 1, M)
    together = max(1, _MOST_SCORES // (n * m))
    rows = max(1, min(n, _MOST_SCORES // m))
    if rows < n:
        k = k.mT.contiguous().mT  # once, and not for each piece
    beta = 0 if allowed is None else 1
    read = torch.empty_like(q)
    for head in range(0, batch * heads, together):
        some = slice(head, head + together)
        for row in range(0, n, rows):
            asked = q[some, row : row + rows]
            scores = torch.baddbmm(offsets[some], asked, k[some].mT, beta=beta, alpha=d**-0.5)
            torch.bmm(scores.softmax(-1), v[some], out=read[some, row : row + rows])
    return read.unflatten(0, (batch, heads))
