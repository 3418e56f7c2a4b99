"""SAM 2's neck: a feature pyramid over the trunk's four stages (parameter names are Meta's, Apache-2.0)."""

import torch.nn.functional as F
from torch import Tensor, nn


class Lateral(nn.Module):
    """The 1 x 1 convolution of one level."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, C, H, W)."""
        return self.conv(x.to(self.conv.weight.dtype))


class Neck(nn.Module):
    """All levels get C channels; the stride-16 level also receives the stride-32 one, up-sampled by 2."""

    def __init__(self, stage_widths: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(Lateral(channels, width) for channels in reversed(stage_widths))

    def forward(self, stages: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Maps at strides 4, 8, 16 and 32 -> maps (B, C, H, W) at strides 4, 8 and 16."""
        stride32, stride16, stride8, stride4 = (
            conv(stage) for conv, stage in zip(self.convs, reversed(stages), strict=True)
        )
        return stride4, stride8, stride16 + F.interpolate(stride32, scale_factor=2.0, mode="nearest")
