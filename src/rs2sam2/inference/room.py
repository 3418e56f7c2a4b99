"""How many questions go through a model together: as many as memory has room for."""

from pathlib import Path

import torch

from rs2sam2.config import ModelConfig

LARGEST_BATCH = 8
"""Questions that go through the model together where memory allows."""
FEW = 2
"""As many as a CPU is best asked together."""
_MAPS = 24
"""Maps of the first stage that a pass holds at its fullest: the four-fold hidden layer before and after its activation,
what is added to each other, and room for the heap; measured on the paper's model, 18 in float32 and 23 in bfloat16."""
_PART = 0.5
"""Of the free memory: the rest is for others, and for what else an answer needs."""
_STATUS = Path("/proc/meminfo")


def largest_batch(config: ModelConfig, dtype: torch.dtype, device: torch.device) -> int:
    """1 to `LARGEST_BATCH` questions to a model, whose weights are loaded, by the memory that is free right now."""
    free = free_memory(device)
    if free is None:
        return LARGEST_BATCH
    return max(1, min(LARGEST_BATCH, int(_PART * free / bytes_for_one(config, dtype))))


def bytes_for_one(config: ModelConfig, dtype: torch.dtype) -> int:
    """About what a pass takes for each question beyond the weights."""
    return _MAPS * (config.image_size // 4) ** 2 * config.hiera.embed_dim * dtype.itemsize


def free_memory(device: torch.device) -> int | None:
    """Bytes that a process could still take on a GPU or, in Linux, of this machine; None where that is not known."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), None)
