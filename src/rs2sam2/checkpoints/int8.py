"""How a weight file holds matrices in int8: `NAME` is (rows, ...) I8, and `NAME_scale` is (rows,) F32.

Their product, row by row, is the weight. So are stored all weights of two and more axes that are not small; what
remains (norms, biases, small tables) is bfloat16. Nothing but numbers: such a file is as safe to open as any other.
"""

from collections.abc import Mapping
from functools import partial
from math import prod

import torch
from torch import Tensor

from rs2sam2.checkpoints.names import Shape
from rs2sam2.checkpoints.writing import Lazy
from rs2sam2.model.int8 import Int8Weight

SCALE = "_scale"
THE_REST = torch.bfloat16
_LEAST_VALUES = 2048


def packed(tensors: Mapping[str, Lazy]) -> dict[str, Lazy]:
    """A model's tensors as a file in int8 has them; each weight is read twice, once for its scale."""
    found: dict[str, Lazy] = {}
    for name, tensor in tensors.items():
        if name.endswith(".weight") and len(tensor.shape) > 1 and prod(tensor.shape) >= _LEAST_VALUES:
            found[name] = Lazy(tensor.shape, partial(_values, tensor), torch.int8)
            found[name + SCALE] = Lazy(tensor.shape[:1], partial(_scale, tensor), torch.float32)
        else:
            found[name] = tensor
    return found


def problem(name: str, shape: Shape, scale: Shape | None) -> str | None:
    """What is wrong with a tensor in int8, of this shape and with a scale of that; None if nothing is."""
    if scale is None:
        return f"{name} is int8, but there is no {name}{SCALE} beside it"
    if not shape or scale != shape[:1]:
        return f"{name}{SCALE} {scale} does not have a number for each row of {name} {shape}"
    return None


def _values(tensor: Lazy) -> Tensor:
    return Int8Weight.of(tensor.read()).values


def _scale(tensor: Lazy) -> Tensor:
    return Int8Weight.of(tensor.read()).scale
