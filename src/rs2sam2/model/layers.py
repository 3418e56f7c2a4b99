"""Small layers that several parts of SAM 2 share, under Meta's parameter names."""

from collections.abc import Callable
from itertools import pairwise
from math import pi

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_MOST_TOKENS = 2**13
"""Tokens that pass through a wide layer at a time: 9 MB of bfloat16 within the first feed-forward networks."""


def sine_positions(rows: int, columns: int, dim: int) -> Tensor:
    """(rows, columns, dim): sines and cosines of both coordinates, from half a wave over the image to one in two cells.

    A start for learned position tables: a model that begins without weights can tell left from right at once.
    """
    count = dim // 4
    with torch.device("cpu"):  # reckoned on "meta", each of these functions imports a second's worth of torch
        y = _waves(rows, count)[:, None].expand(-1, columns, -1)
        x = _waves(columns, count)[None].expand(rows, -1, -1)
        table = F.pad(torch.cat([y, x], dim=-1), (0, dim - 4 * count))
    return table.to(torch.get_default_device())


def _waves(cells: int, count: int) -> Tensor:
    frequencies = pi / 2 * (2 * cells) ** (torch.arange(count) / max(1, count - 1))
    angles = ((torch.arange(cells) + 0.5) / cells)[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=-1)  # (cells, 2 count)


def in_strips(layer: Callable[[Tensor], Tensor], image: Tensor, multiple: int = 1) -> Tensor:
    """(B, H, W, C) -> (B, H', W', C'): a layer that works on some rows as on all, without gradients on few at a time.

    What is wide within it then never exists for all of a large map: a quarter of a gigabyte at the paper's size.

    Args:
        layer: (B, h, W, C) -> (B, h', W', C'), for any h that is a multiple of `multiple`.
        image: the map; H is such a multiple, too.
        multiple: rows that belong together.
    """
    rows = max(1, _MOST_TOKENS // image.shape[2] // multiple) * multiple
    if torch.is_grad_enabled() or image.shape[1] <= rows:
        return layer(image)
    return torch.cat([layer(strip) for strip in image.split(rows, dim=1)], dim=1)


def stretched(table: Tensor, height: int, width: int) -> Tensor:
    """(B, h, w, C) -> (B, height, width, C), bicubic, as `F.interpolate` has it, in a fifth of its time.

    What a place takes from each cell is a matrix for each axis, and products with it are quick.
    """
    exact = torch.promote_types(table.dtype, torch.float32)
    down, across = (
        F.interpolate(torch.eye(cells, dtype=exact)[None, None], (places, cells), mode="bicubic")[0, 0].to(table.device)
        for cells, places in zip(table.shape[1:3], (height, width), strict=True)
    )
    with torch.autocast("cpu" if table.is_meta else table.device.type, enabled=False):
        return (across @ torch.einsum("Hh,bhwc->bHwc", down, table.to(exact))).to(table.dtype)


class MLP(nn.Module):
    """Linear layers with an activation between them (SAM 2's `MLP`)."""

    def __init__(self, *widths: int, activation: Callable[[Tensor], Tensor] = F.relu) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(wide, narrow) for wide, narrow in pairwise(widths))
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """(..., first width) -> (..., last width)."""
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        return last(x)


class LayerNorm(nn.LayerNorm):
    """Layer normalisation that is reckoned in the precision of x, and handed on in that of its own parameters."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., dim) -> (..., dim)."""
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        return F.layer_norm(x, self.normalized_shape, weight, bias, self.eps).to(self.weight.dtype)


class LayerNorm2d(nn.Module):
    """Layer normalisation over the channels of a (B, C, H, W) map."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        channels_last = x.permute(0, 2, 3, 1)
        return F.layer_norm(channels_last, self.weight.shape, self.weight, self.bias, self.eps).permute(0, 3, 1, 2)


class LearnedToken(nn.Module):
    """A table of learned tokens that is read whole; its parameter is `weight`, as in `nn.Embedding`."""

    def __init__(self, count: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(count, dim))
