"""Linear layers whose products are of 8-bit integers: on CPUs about twice as fast as in bfloat16.

The products are oneDNN's own, which torch also compiles to. Scales for each row of x would be finer, but cost more than
is gained: finding and applying them goes over x and the result more often than the product does.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

_LARGEST, _LEVELS = 127, 253
"""Of a weight, and of an activation above its least value."""
_SMALLEST_RANGE = 1e-6


class Int8Weight(NamedTuple):
    """A weight of which each row has a scale of its own."""

    values: Tensor
    """(rows, ...) int8, -127..127."""
    scale: Tensor
    """(rows,) float32; `values` times this is the weight."""

    @classmethod
    def of(cls, weight: Tensor) -> "Int8Weight":
        """The nearest to a weight (rows, ...) of floating-point numbers."""
        rows = weight.detach().float().flatten(1)
        scale = rows.abs().amax(dim=1).clamp_min(torch.finfo(torch.float32).tiny) / _LARGEST
        return cls((rows / scale[:, None]).round_().to(torch.int8).view(weight.shape), scale)

    def floats(self) -> Tensor:
        """(rows, ...) float32."""
        return (self.values.flatten(1) * self.scale[:, None]).view(self.values.shape)


class Int8Linear(nn.Module):
    """x W^T + b with W in int8, and x brought to 8 bits as it comes: one scale for all of it.

    oneDNN multiplies 8-bit integers without and with a sign, adds in 32 bits, and gives back what x came in.
    """

    def __init__(self, weight: Int8Weight, bias: Tensor) -> None:
        """Take what the layer computes with; the weight is laid out once, as the processor likes it."""
        super().__init__()
        self.packed = torch.ops.onednn.qlinear_prepack(weight.values, None)
        self.scale, self.zeros = weight.scale, torch.zeros(len(weight.scale), dtype=torch.int64)
        self.bias = bias.float()

    def forward(self, x: Tensor) -> Tensor:
        """(..., columns) -> (..., rows)."""
        least, greatest = torch.aminmax(x)
        low, high = min(0.0, least.item()), max(0.0, greatest.item())
        steps = _LEVELS / max(high - low, _SMALLEST_RANGE)
        zero = round(-low * steps) - _LARGEST
        # As signed numbers first, which processors make of others quickly; then the sign's bit is turned for oneDNN.
        signed = torch.add(x.new_tensor(zero), x, alpha=steps).round_().to(torch.int8)
        return torch.ops.onednn.qlinear_pointwise(
            signed.view(torch.uint8).bitwise_xor_(128),
            1 / steps,
            zero + 128,
            self.packed,
            self.scale,
            self.zeros,
            self.bias,
            1.0,
            0,
            x.dtype,
            "none",
            [],
            "",
        )
