"""Eq. 1: the union encoder (BEiT-3, Wang et al. 2023), which reads image and words together.

Every layer attends over both modalities at once; each modality has weights of its own (A: image, B: text, BEiT-3's
"multiway" layers) for projections, norms and feed-forward networks. Parameter names are those of BEiT-3 (MIT).
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rs2sam2.config import PAD_ID, UnionEncoderConfig
from rs2sam2.model.attention import attend
from rs2sam2.model.layers import LayerNorm, sine_positions

# The position tables keep two rows that are never read, as fairseq's embeddings do; BEiT-3's weights have them.
_RESERVED_ROWS = 2


class UnionFeatures(NamedTuple):
    """What the union encoder hands on."""

    cls: Tensor
    """V_cls (B, 1, D): the multimodal [CLS] token."""
    visual: Tensor
    """V (B, N_p, D): one token for each image patch, row by row."""
    text: Tensor
    """T (B, L, D): one token for each text token."""


class Multiway(nn.Module):
    """Two copies of a layer: A for image tokens, which come first, and B for text tokens."""

    def __init__(self, a: nn.Module, b: nn.Module) -> None:
        super().__init__()
        self.A, self.B = a, b

    def forward(self, tokens: Tensor, image_tokens: int) -> Tensor:
        """(B, N, d) -> (B, N, d'), split behind the first `image_tokens`."""
        return torch.cat([self.A(tokens[:, :image_tokens]), self.B(tokens[:, image_tokens:])], dim=1)


def _linear(d_in: int, d_out: int) -> Multiway:
    return Multiway(nn.Linear(d_in, d_out), nn.Linear(d_in, d_out))


def _norm(dim: int) -> Multiway:
    return Multiway(LayerNorm(dim), LayerNorm(dim))


class SelfAttention(nn.Module):
    """Attention over image and text tokens, with a norm before the output projection (BEiT-3's "sub-LN")."""

    def __init__(self, config: UnionEncoderConfig) -> None:
        super().__init__()
        dim = config.embed_dim
        self.num_heads = config.num_heads
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (_linear(dim, dim) for _ in range(4))
        self.inner_attn_ln = _norm(dim)

    def forward(self, x: Tensor, image_tokens: int, allowed: Tensor) -> Tensor:
        """(B, N, D), `allowed` (B, 1, 1, N) bool -> (B, N, D)."""
        q, k, v = (
            projection(x, image_tokens).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        read = attend(q, k, v, allowed).transpose(1, 2).flatten(2)
        return self.out_proj(self.inner_attn_ln(read, image_tokens), image_tokens)


class FeedForward(nn.Module):
    """One modality's feed-forward network, with a norm before its second layer."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.ffn_layernorm = LayerNorm(hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        return self.fc2(self.ffn_layernorm(F.gelu(self.fc1(x))))


class EncoderLayer(nn.Module):
    """Attention over both modalities, then each modality's own network; norms before both."""

    def __init__(self, config: UnionEncoderConfig) -> None:
        super().__init__()
        self.self_attn_layer_norm = _norm(config.embed_dim)
        self.self_attn = SelfAttention(config)
        self.final_layer_norm = _norm(config.embed_dim)
        self.ffn = Multiway(
            FeedForward(config.embed_dim, config.ffn_dim), FeedForward(config.embed_dim, config.ffn_dim)
        )

    def forward(self, x: Tensor, image_tokens: int, allowed: Tensor) -> Tensor:
        """(B, N, D) -> (B, N, D)."""
        x = x + self.self_attn(self.self_attn_layer_norm(x, image_tokens), image_tokens, allowed)
        return x + self.ffn(self.final_layer_norm(x, image_tokens), image_tokens)


class VisionEmbedding(nn.Module):
    """Image patches as tokens, behind a class token."""

    def __init__(self, config: UnionEncoderConfig) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.embed_dim))
        self.proj = nn.Conv2d(3, config.embed_dim, config.patch_size, config.patch_size)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, U, U) -> (B, 1 + N_p, D)."""
        patches = self.proj(image).flatten(2).transpose(1, 2)
        return torch.cat([self.cls_token.expand(image.shape[0], -1, -1), patches], dim=1)


class UnionEncoder(nn.Module):
    """BEiT-3 over the concatenation of image and text tokens."""

    def __init__(self, config: UnionEncoderConfig) -> None:
        super().__init__()
        dim = config.embed_dim
        self.vision_embed = VisionEmbedding(config)
        self.text_embed = nn.Embedding(config.vocab_size, dim)
        self.vision_positions = nn.Embedding(_RESERVED_ROWS + 1 + config.grid**2, dim)
        self.text_positions = nn.Embedding(_RESERVED_ROWS + config.max_text_tokens, dim)
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.depth))
        self.layer_norm = _norm(dim)
        for table in (self.text_embed, self.vision_positions, self.text_positions):
            nn.init.normal_(table.weight, std=0.02)
        with torch.no_grad():
            self.vision_positions.weight[_RESERVED_ROWS + 1 :] = sine_positions(config.grid, config.grid, dim).flatten(
                0, 1
            )

    def forward(self, image: Tensor, input_ids: Tensor, attention_mask: Tensor) -> UnionFeatures:
        """Read an image and a sentence together.

        Args:
            image: (B, 3, U, U), normalised; (1, 3, U, U) if all sentences are about one.
            input_ids: (B, L) int64.
            attention_mask: (B, L) bool, True within the sentence.
        """
        v0 = self.vision_embed(image)  # (B or 1, 1 + N_p, D)
        image_tokens = v0.shape[1]
        v0 = v0 + self.vision_positions.weight[_RESERVED_ROWS : _RESERVED_ROWS + image_tokens]
        t0 = self.text_embed(input_ids)  # (B, L, D)
        t0 = t0 + self.text_positions.weight[_RESERVED_ROWS : _RESERVED_ROWS + input_ids.shape[1]]

        readable = attention_mask & (input_ids != PAD_ID)  # (B, L)
        u = torch.cat([v0.expand(t0.shape[0], -1, -1), t0 * readable[..., None]], dim=1)  # (B, 1 + N_p + L, D)
        allowed = F.pad(readable, (image_tokens, 0), value=True)[:, None, None, :]
        for layer in self.layers:
            u = layer(u, image_tokens, allowed)
        u = self.layer_norm(u, image_tokens)
        return UnionFeatures(cls=u[:, :1], visual=u[:, 1:image_tokens], text=u[:, image_tokens:])
