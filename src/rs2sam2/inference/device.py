"""Where a model runs, and in which precision."""

from typing import Literal, get_args

import torch

from rs2sam2.errors import ConfigError

Precision = Literal["auto", "float32", "bfloat16"]


def choose_device(wanted: str | None) -> torch.device:
    """The device of this name; for None the first of cuda, mps and cpu that is there.

    Raises:
        ConfigError: if it cannot be used here.
    """
    if wanted is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(wanted)
        if device.type != "meta":
            torch.zeros(1, device=device).cpu()
            return device
        reason = "it holds no values"
    except Exception as error:  # each backend that is not there says so in its own way
        reason = str(error).partition("\n")[0]
    raise ConfigError(f"device {wanted!r} cannot be used here ({reason}): use 'cpu' or leave it out")


def choose_dtype(device: torch.device, precision: Precision) -> torch.dtype:
    """The type of the weights; "auto" is bfloat16 on GPUs that have it.

    Raises:
        ConfigError: if there is no such precision.
    """
    if precision not in get_args(Precision):
        raise ConfigError(f"precision {precision!r}: use {', '.join(get_args(Precision))}")
    if precision == "auto":
        return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    return torch.float32 if precision == "float32" else torch.bfloat16
