"""SAM 2's mask decoder: prompts and image features in, one mask with its scores out.

Parameter names are Meta's (Apache-2.0). Only the first mask token is decoded: a sentence means one thing, so the
alternatives for ambiguous clicks (and the fallback among them) are left out; their weights are kept for exchange.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from rs2sam2.model.attention import attend
from rs2sam2.model.layers import MLP, LayerNorm2d, LearnedToken

NUM_MASK_TOKENS = 4


class DecodedMask(NamedTuple):
    """What the decoder answers."""

    logits: Tensor
    """z (B, 1, 4H, 4W)."""
    predicted_iou: Tensor
    """(B, 1), in 0..1."""
    object_score_logits: Tensor
    """(B, 1): logit of "there is such an object"."""


class Attention(nn.Module):
    """Attention with separate query, key and value inputs, at a reduced inner width."""

    def __init__(self, width: int, num_heads: int, downsample_rate: int = 1) -> None:
        super().__init__()
        self.num_heads = num_heads
        inner = width // downsample_rate
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, inner) for _ in range(3))
        self.out_proj = nn.Linear(inner, width)

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """(B, N, C), (B, M, C), (B, M, C) -> (B, N, C)."""
        q, k, v = (
            projection(t).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for projection, t in ((self.q_proj, q), (self.k_proj, k), (self.v_proj, v))
        )
        return self.out_proj(attend(q, k, v).transpose(1, 2).flatten(2))


class TwoWayBlock(nn.Module):
    """Tokens attend to themselves and to the image; then the image attends to the tokens."""

    def __init__(self, width: int, num_heads: int, mlp_dim: int, *, first: bool) -> None:
        super().__init__()
        self.first = first
        self.self_attn = Attention(width, num_heads)
        self.norm1 = nn.LayerNorm(width)
        self.cross_attn_token_to_image = Attention(width, num_heads, downsample_rate=2)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = MLP(width, mlp_dim, width)
        self.norm3 = nn.LayerNorm(width)
        self.cross_attn_image_to_token = Attention(width, num_heads, downsample_rate=2)
        self.norm4 = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, image: Tensor, token_pe: Tensor, image_pe: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (B, N, C) and image (B, HW, C), each with its positions."""
        if self.first:
            tokens = self.self_attn(tokens, tokens, tokens)
        else:
            q = tokens + token_pe
            tokens = tokens + self.self_attn(q, q, tokens)
        tokens = self.norm1(tokens)
        tokens = self.norm2(tokens + self.cross_attn_token_to_image(tokens + token_pe, image + image_pe, image))
        tokens = self.norm3(tokens + self.mlp(tokens))
        image = self.norm4(image + self.cross_attn_image_to_token(image + image_pe, tokens + token_pe, tokens))
        return tokens, image


class TwoWayTransformer(nn.Module):
    """Two two-way blocks and a last look of the tokens at the image."""

    def __init__(self, width: int, num_heads: int, mlp_dim: int, depth: int = 2) -> None:
        super().__init__()
        self.layers = nn.ModuleList(TwoWayBlock(width, num_heads, mlp_dim, first=i == 0) for i in range(depth))
        self.final_attn_token_to_image = Attention(width, num_heads, downsample_rate=2)
        self.norm_final_attn = nn.LayerNorm(width)

    def forward(self, image: Tensor, image_pe: Tensor, token_pe: Tensor) -> tuple[Tensor, Tensor]:
        """Image (B, HW, C) with positions and tokens (B, N, C) -> tokens (B, N, C), image (B, HW, C)."""
        tokens = token_pe
        for layer in self.layers:
            tokens, image = layer(tokens, image, token_pe, image_pe)
        read = self.final_attn_token_to_image(tokens + token_pe, image + image_pe, image)
        return self.norm_final_attn(tokens + read), image


class MaskDecoder(nn.Module):
    """From the text-guided stride-16 map, high-resolution maps and prompts to a mask at stride 4."""

    def __init__(self, width: int, mlp_dim: int, num_heads: int = 8) -> None:
        super().__init__()
        self.transformer = TwoWayTransformer(width, num_heads, mlp_dim)
        self.obj_score_token = LearnedToken(1, width)
        self.iou_token = LearnedToken(1, width)
        self.mask_tokens = LearnedToken(NUM_MASK_TOKENS, width)
        self.conv_s0 = nn.Conv2d(width, width // 8, kernel_size=1)
        self.conv_s1 = nn.Conv2d(width, width // 4, kernel_size=1)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(width, width // 4, kernel_size=2, stride=2),
            LayerNorm2d(width // 4),
            nn.GELU(),
            nn.ConvTranspose2d(width // 4, width // 8, kernel_size=2, stride=2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(
            MLP(width, width, width, width // 8) for _ in range(NUM_MASK_TOKENS)
        )
        self.iou_prediction_head = MLP(width, width, width, NUM_MASK_TOKENS)
        self.pred_obj_score_head = MLP(width, width, width, 1)

    def forward(
        self,
        image: Tensor,
        image_positions: Tensor,
        high_resolution: tuple[Tensor, Tensor],
        sparse_prompt: Tensor,
        dense_prompt: Tensor,
    ) -> DecodedMask:
        """Decode one mask for each sentence.

        Args:
            image: F_en (B, C, H, W), stride 16.
            image_positions: (1, C, H, W), dense positional encoding.
            high_resolution: (B, C/8, 4H, 4W) and (B, C/4, 2H, 2W), the neck's maps at strides 4 and 8 as `conv_s0` and
                `conv_s1` see them.
            sparse_prompt: (B, N, C).
            dense_prompt: (B, C, H, W).
        """
        stride4, stride8 = high_resolution
        own = torch.cat([self.obj_score_token.weight, self.iou_token.weight, self.mask_tokens.weight])  # (6, C)
        tokens = torch.cat([own.expand(sparse_prompt.shape[0], -1, -1), sparse_prompt], dim=1)  # (B, 6 + N, C)
        keys = (image + dense_prompt).flatten(2).transpose(1, 2)  # (B, HW, C)
        positions = image_positions.flatten(2).transpose(1, 2)
        tokens, keys = self.transformer(keys, positions, tokens)
        object_token, iou_token, mask_token = tokens[:, 0], tokens[:, 1], tokens[:, 2]

        up2, norm, act, up4, last_act = self.output_upscaling
        x = keys.transpose(1, 2).unflatten(-1, image.shape[-2:])
        x = act(norm(up2(x) + stride8))  # (B, C/4, 2H, 2W)
        x = last_act(up4(x) + stride4)  # (B, C/8, 4H, 4W)
        weights = self.output_hypernetworks_mlps[0](mask_token)  # (B, C/8)
        return DecodedMask(
            logits=torch.einsum("bc,bchw->bhw", weights, x)[:, None],
            predicted_iou=self.iou_prediction_head(iou_token).sigmoid()[:, :1],
            object_score_logits=self.pred_obj_score_head(object_token),
        )
