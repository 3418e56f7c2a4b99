"""SAM 2's trunk (Hiera, Ryali et al. 2023; Ravi et al. 2024) whose blocks map (image, text) to (image, text).

Parameter names are Meta's (Apache-2.0); what the paper adds to a block is named `fusion` and `adapter`.
Feature maps are channels-last, (B, H, W, channels), as in Hiera.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rs2sam2.config import HieraConfig, ModelConfig
from rs2sam2.model.attention import attend
from rs2sam2.model.bidirectional_fusion import BlockAdapter, FusionLayer
from rs2sam2.model.layers import MLP, LayerNorm, in_strips, sine_positions, stretched

_NORM_EPS = 1e-6


class TrunkFeatures(NamedTuple):
    """What the trunk hands on."""

    stages: list[Tensor]
    """Four maps (B, channels, H, W) at strides 4, 8, 16 and 32."""
    text: Tensor
    """(B, L, C): the text as it left the last block."""


class PatchEmbed(nn.Module):
    """Overlapping patches at stride 4.

    The map lies channels-last in memory, too: sums keep the order of their first term, so that any other would stay
    with the image through the whole first stage, where every norm and product had to put it right again.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, kernel_size=7, stride=4, padding=3)

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) -> (B, S/4, S/4, dim)."""
        patches: Tensor = self.proj(image.contiguous(memory_format=torch.channels_last))
        return patches.permute(0, 2, 3, 1)


class WindowAttention(nn.Module):
    """Self-attention within each window it is given; queries may be max-pooled by 2 on the way."""

    def __init__(self, dim: int, dim_out: int, num_heads: int, *, pools: bool) -> None:
        super().__init__()
        self.num_heads, self.pools = num_heads, pools
        self.qkv = nn.Linear(dim, 3 * dim_out)
        self.proj = nn.Linear(dim_out, dim_out)

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, dim) -> (B, H, W, dim_out), half as high and wide if it pools."""
        q, k, v = self.qkv(x).chunk(3, dim=-1)  # (B, H, W, dim_out) each
        if self.pools:
            q = _pool(q)
        batch, height, width, _ = q.shape
        q, k, v = (t.flatten(1, 2).unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for t in (q, k, v))
        read = attend(q, k, v)  # (B, heads, HW, dim_out / heads)
        return self.proj(read.transpose(1, 2).reshape(batch, height, width, -1))


class Block(nn.Module):
    """One Hiera block; the paper's fusion layer sits between window un-partition and residual (eqs. 2-3)."""

    def __init__(
        self, dim: int, dim_out: int, num_heads: int, window: int, config: ModelConfig, *, pools: bool
    ) -> None:
        super().__init__()
        self.window, self.pools, self.alpha_i = window, pools, config.alpha_i
        self.norm1 = LayerNorm(dim, eps=_NORM_EPS)
        self.attn = WindowAttention(dim, dim_out, num_heads, pools=pools)
        self.proj = nn.Linear(dim, dim_out) if dim != dim_out else None
        self.norm2 = LayerNorm(dim_out, eps=_NORM_EPS)
        self.mlp = MLP(dim_out, 4 * dim_out, dim_out, activation=F.gelu)
        if config.fusion_layer == "none":
            self.fusion = self.adapter = None
        else:
            self.fusion = FusionLayer(dim_out, config)
            self.adapter = BlockAdapter(dim_out, dim_out // config.fusion_reduction)

    def forward(self, image: Tensor, text: Tensor, text_mask: Tensor) -> tuple[Tensor, Tensor]:
        """(B, H, W, dim), (B, L, C), (B, L) bool -> (B, H', W', dim_out), (B, L, C).

        One image for all sentences, (1, H, W, dim), becomes B images where it meets them.
        """
        f3, text = self._read(image, text, text_mask)  # F'''
        normed = self.norm2(f3)
        image = f3 + in_strips(self.mlp, normed)
        if self.adapter is not None:
            image.add_(self.adapter(normed), alpha=self.alpha_i)
        return image, text

    def _read(self, image: Tensor, text: Tensor, text_mask: Tensor) -> tuple[Tensor, Tensor]:
        normed = self.norm1(image)
        shortcut = image if self.proj is None else _pool(self.proj(normed))  # F_in
        f = self._attend(normed)  # F_i
        if self.fusion is None:
            return shortcut + f, text
        fused, text = self.fusion(f, text, text_mask)
        return (shortcut + fused).add_(f), text

    def _attend(self, image: Tensor) -> Tensor:
        """Attention within windows of `self.window` tokens (the whole map if 0), padded where they do not divide it."""
        if self.window == 0:
            return self.attn(image)
        _, height, width, _ = image.shape
        side = self.window
        padded = F.pad(image, (0, 0, 0, -width % side, 0, -height % side))
        merged = in_strips(self._attend_windows, padded, side)
        if self.pools:
            height, width = height // 2, width // 2
        return merged[:, :height, :width]

    def _attend_windows(self, image: Tensor) -> Tensor:
        """(B, H, W, dim), of whole windows -> (B, H', W', dim_out)."""
        batch, height, width, _ = image.shape
        side = self.window
        rows, columns = height // side, width // side
        windows = image.reshape(batch, rows, side, columns, side, -1).transpose(2, 3).flatten(0, 2)
        windows = self.attn(windows)  # (B rows columns, side', side', dim_out)
        side = windows.shape[1]
        merged = windows.view(batch, rows, columns, side, side, -1).transpose(2, 3)
        return merged.reshape(batch, rows * side, columns * side, -1)


class TextGuidedHiera(nn.Module):
    """Four stages of blocks; image features and words pass through all of them together."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        hiera = config.hiera
        self.patch_embed = PatchEmbed(hiera.embed_dim)
        background = sine_positions(*hiera.window_pos_embed_bkg_spatial_size, hiera.embed_dim)
        self.pos_embed = nn.Parameter(background.permute(2, 0, 1)[None].contiguous())
        self.pos_embed_window = nn.Parameter(
            torch.zeros(1, hiera.embed_dim, hiera.window_spec[0], hiera.window_spec[0])
        )
        self.blocks = nn.ModuleList(_blocks(config))
        self.stage_ends = _stage_ends(hiera)

    def forward(self, image: Tensor, text: Tensor, text_mask: Tensor) -> TrunkFeatures:
        """Read an image, guided by words.

        Args:
            image: (B, 3, S, S), normalised; S a multiple of 32. (1, 3, S, S) if all sentences are about one.
            text: (B, L, C), the projected text of the union encoder.
            text_mask: (B, L) bool, True within the sentence.
        """
        x = self.patch_embed(image)  # (B or 1, S/4, S/4, embed_dim)
        positions = self._positions(x.shape[1], x.shape[2])
        x = x.to(positions.dtype).add_(positions).to(self.dtype)
        text = text.to(self.dtype)
        stages = []
        for index, block in enumerate(self.blocks):
            x, text = block(x, text, text_mask)
            if index in self.stage_ends:
                stages.append(x.permute(0, 3, 1, 2))
        return TrunkFeatures(stages, text)

    @property
    def dtype(self) -> torch.dtype:
        """Of the blocks and the maps between them."""
        return self.blocks[0].norm1.weight.dtype  # type: ignore[union-attr, return-value]

    def _positions(self, height: int, width: int) -> Tensor:
        """(1, height, width, embed_dim): a stretched background table plus one window's table, repeated."""
        background = stretched(self.pos_embed.permute(0, 2, 3, 1), height, width)
        window = self.pos_embed_window.permute(0, 2, 3, 1)
        side = window.shape[1]
        return background.add_(window.repeat(1, -(-height // side), -(-width // side), 1)[:, :height, :width])


def _stage_ends(hiera: HieraConfig) -> list[int]:
    return [sum(hiera.stages[: stage + 1]) - 1 for stage in range(4)]


def _blocks(config: ModelConfig) -> list[Block]:
    """The blocks in order. The first block of a stage pools, within windows of the stage before."""
    hiera = config.hiera
    blocks: list[Block] = []
    for stage, depth in enumerate(hiera.stages):
        for position in range(depth):
            enters = stage > 0 and position == 0
            window = 0 if len(blocks) in hiera.global_att_blocks else hiera.window_spec[stage - 1 if enters else stage]
            dim = hiera.widths[stage - 1 if enters else stage]
            blocks.append(Block(dim, hiera.widths[stage], hiera.num_heads * 2**stage, window, config, pools=enters))
    return blocks


def _pool(x: Tensor) -> Tensor:
    """2 x 2 max-pooling of a channels-last map whose height and width are even; without noting what was largest."""
    x = torch.maximum(x[:, ::2], x[:, 1::2])
    return torch.maximum(x[:, :, ::2], x[:, :, 1::2])
