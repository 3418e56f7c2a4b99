"""SAM 2's prompt encoder: points, boxes and a mask as sparse and dense prompts.

Parameter names are Meta's (Apache-2.0).
"""

from math import pi

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rs2sam2.model.layers import LayerNorm2d, LearnedToken

BACKGROUND, FOREGROUND, BOX_UPPER_LEFT, BOX_LOWER_RIGHT, PADDING = 0, 1, 2, 3, -1
"""Point labels. A box is two points; PADDING marks a point that is not there."""


class FourierPositions(nn.Module):
    """Positions as sines and cosines of random spatial frequencies (Tancik et al. 2020)."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, width // 2))

    def forward(self, unit_xy: Tensor) -> Tensor:
        """Coordinates (..., 2) as (x, y) in 0..1 -> (..., C)."""
        matrix = self.positional_encoding_gaussian_matrix
        exact = torch.promote_types(matrix.dtype, torch.float32)  # in bfloat16 a pixel would be four of 1024
        angles = 2 * pi * ((2 * unit_xy.to(exact) - 1) @ matrix.to(exact))
        return torch.cat([angles.sin(), angles.cos()], dim=-1).to(matrix.dtype)

    def grid(self, height: int, width: int) -> Tensor:
        """The centres of a map's cells: (1, C, height, width)."""
        device = self.positional_encoding_gaussian_matrix.device
        y = (torch.arange(height, device=device) + 0.5) / height
        x = (torch.arange(width, device=device) + 0.5) / width
        return self(torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)).permute(2, 0, 1)[None]


class PromptEncoder(nn.Module):
    """Prompts as vectors: sparse ones (points, boxes) as tokens, a dense one (mask) as a map."""

    def __init__(self, width: int, mask_channels: int = 16) -> None:
        super().__init__()
        self.pe_layer = FourierPositions(width)
        self.point_embeddings = nn.ModuleList(LearnedToken(1, width) for _ in range(4))
        self.not_a_point_embed = LearnedToken(1, width)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, mask_channels // 4, kernel_size=2, stride=2),
            LayerNorm2d(mask_channels // 4),
            nn.GELU(),
            nn.Conv2d(mask_channels // 4, mask_channels, kernel_size=2, stride=2),
            LayerNorm2d(mask_channels),
            nn.GELU(),
            nn.Conv2d(mask_channels, width, kernel_size=1),
        )
        self.no_mask_embed = LearnedToken(1, width)

    def points(self, xy: Tensor, labels: Tensor, image_size: int) -> Tensor:
        """Points as sparse prompts.

        Args:
            xy: (B, N, 2) pixel coordinates in the S x S image, x to the right, y downwards.
            labels: (B, N) of FOREGROUND, BACKGROUND, BOX_UPPER_LEFT, BOX_LOWER_RIGHT or PADDING.
            image_size: S, pixels.

        Returns:
            (B, N, C).
        """
        positions = self.pe_layer((xy + 0.5) / image_size)
        kinds = torch.cat([token.weight for token in self.point_embeddings])  # type: ignore[misc]
        known = positions + kinds[labels.clamp(min=0)]
        return torch.where((labels == PADDING)[..., None], self.not_a_point_embed.weight, known)

    def boxes(self, xyxy: Tensor, image_size: int) -> Tensor:
        """Boxes (B, 4) in pixels as two corner prompts each: (B, 2, C)."""
        corners = torch.tensor([[BOX_UPPER_LEFT, BOX_LOWER_RIGHT]], device=xyxy.device)
        return self.points(xyxy.unflatten(-1, (2, 2)), corners.expand(xyxy.shape[0], -1), image_size)

    def mask(self, mask: Tensor) -> Tensor:
        """A dense prompt (B, 1, 4H, 4W) at four times the map's size -> (B, C, H, W)."""
        return self.mask_downscaling(mask)

    def no_mask(self, batch: int, height: int, width: int) -> Tensor:
        """The dense prompt that stands for "none": (B, C, height, width)."""
        return self.no_mask_embed.weight[..., None, None].expand(batch, -1, height, width)


def dense_prompt_from_pseudo_mask(pseudo_mask_logits: Tensor, height: int, width: int) -> Tensor:
    """The pseudo-mask as the prompt encoder takes it, at four times the size of its (height, width) map.

    A sigmoid, then antialiased bilinear resizing (the published reading; SAM 2's own prompts are logits).
    """
    probability = pseudo_mask_logits.float().sigmoid()  # torch's antialiasing has no bfloat16
    resized = F.interpolate(probability, size=(4 * height, 4 * width), mode="bilinear", antialias=True)
    return resized.to(pseudo_mask_logits.dtype)
