"""Where a model runs, and in which precision."""

from typing import Literal, get_args

import torch

from rs2sam2.config import ModelConfig
from rs2sam2.errors import ConfigError

Precision = Literal["auto", "float32", "bfloat16", "int8"]
_SAM2_CHANNELS = 96
"""Of the first stage of SAM 2's smallest trunk."""


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


def check_precision(precision: str) -> None:
    """Refuse what is no precision, before anything is loaded.

    Raises:
        ConfigError: if there is no such precision.
    """
    if precision not in get_args(Precision):
        raise ConfigError(f"precision {precision!r}: use {', '.join(get_args(Precision))}")


def check_int8(device: torch.device) -> None:
    """Refuse a device that does not multiply in int8 here.

    Raises:
        ConfigError: if it does not.
    """
    if device.type != "cpu":
        raise ConfigError(f"precision 'int8' is for CPUs, not for {str(device)!r}: use device 'cpu', or leave it out")
    if not torch.backends.mkldnn.is_available() or not torch.cpu._is_avx2_supported():
        raise ConfigError("precision 'int8' needs oneDNN in PyTorch and a CPU with AVX2: leave it out")


def choose_dtype(device: torch.device, precision: Precision, config: ModelConfig) -> torch.dtype:
    """The type of the weights; with "int8" of those that stay floating-point numbers.

    "auto", and so "int8", is bfloat16 where the device multiplies in it: on GPUs, and for models of SAM 2's sizes on
    CPUs with AVX512-BF16 or AMX. `nano` stays in float32 on CPUs: its products are too small to gain anything there
    (`rs2sam2 bench model --section nano`).
    """
    if precision in ("float32", "bfloat16"):
        return torch.float32 if precision == "float32" else torch.bfloat16
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported()
    else:
        fast = device.type == "cpu" and config.hiera.embed_dim >= _SAM2_CHANNELS and cpu_multiplies_bfloat16()
    return torch.bfloat16 if fast else torch.float32


def cpu_multiplies_bfloat16() -> bool:
    """Whether this CPU has instructions for products in bfloat16."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
