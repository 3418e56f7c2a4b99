"""The linear layer, without the detour that torch takes in bfloat16 on a CPU."""

import torch
from torch import Tensor, nn

_ONEDNN_MULTIPLIES_BFLOAT16: bool = (
    torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
)


class Linear(nn.Linear):
    """`torch.nn.Linear`: the same parameters and the same function.

    In bfloat16 on a CPU, torch first fills the result with copies of the bias and adds the product to that, which takes
    up to a tenth of the layer's time. oneDNN adds the bias as it multiplies; the operator for that is the one
    `torch.compile` puts in a linear layer's place. It has no gradient.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out)."""
        if (
            x.dtype == self.weight.dtype == torch.bfloat16
            and x.device.type == "cpu"
            and not torch.is_grad_enabled()
            and _ONEDNN_MULTIPLIES_BFLOAT16
        ):
            read: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")
            return read
        return super().forward(x)
