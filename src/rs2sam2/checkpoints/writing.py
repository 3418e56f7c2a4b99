"""Safetensors written tensor by tensor, so that a model is never in memory twice."""

import json
from collections.abc import Callable, Mapping
from math import isfinite, prod
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from rs2sam2.errors import WeightsError

_NAMES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int8: "I8"}
# The format asks for 8; with 64 every tensor of ours begins where vector instructions like it.
_ALIGNMENT = 64


class Lazy(NamedTuple):
    """A tensor that is read when its turn has come."""

    shape: tuple[int, ...]
    read: Callable[[], Tensor]
    dtype: torch.dtype | None = None
    """In which it is stored; None takes that of its file."""


def write_safetensors(path: Path, tensors: Mapping[str, Lazy], dtype: torch.dtype) -> None:
    """Write a file of the safetensors format: 8 bytes header length, header in JSON, then the values in order.

    Args:
        path: the file.
        tensors: by name.
        dtype: what all but those with their own are converted to, one after the other: float32, float16 or bfloat16.

    Raises:
        WeightsError: if a value is no number, or none that `dtype` can hold.
        OSError: if the file cannot be written.
    """
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, tensor in tensors.items():
        stored = tensor.dtype or dtype
        start, end = end, end + prod(tensor.shape) * stored.itemsize
        header[name] = {"dtype": _NAMES[stored], "shape": list(tensor.shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % _ALIGNMENT)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, tensor in tensors.items():
            values = converted(name, tensor.read(), tensor.dtype or dtype).contiguous()
            file.write(values.flatten().view(torch.uint8).numpy().data)


def converted(name: str, values: Tensor, dtype: torch.dtype) -> Tensor:
    """The values in another precision, detached and on the CPU.

    Raises:
        WeightsError: if one is no number, or none that `dtype` can hold.
    """
    result = values.detach().to("cpu", dtype)
    if not _is_finite(result):
        if _is_finite(values.detach()):
            largest = max(abs(value) for value in _range(values.detach()))
            kind = str(dtype).removeprefix("torch.")
            raise WeightsError(f"{name} holds {largest:g}, which {kind} cannot: use bfloat16 or float32")
        raise WeightsError(f"{name} holds infinity or something that is no number: the weights are damaged")
    return result


def _is_finite(values: Tensor) -> bool:
    return all(map(isfinite, _range(values)))


def _range(values: Tensor) -> tuple[float, float]:
    """Least and greatest value, nan if one is; needs no memory, unlike `torch.isfinite`."""
    if values.numel() == 0:
        return 0.0, 0.0
    least, greatest = torch.aminmax(values)
    return float(least), float(greatest)
