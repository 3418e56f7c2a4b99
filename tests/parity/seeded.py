"""Stand-in weights and inputs of the golden files, by name and seed (numpy's legacy random stream never changes)."""

from math import prod, sqrt
from zlib import crc32

import numpy as np
import torch
from torch import Tensor


def seeded_weight(name: str, shape: tuple[int, ...]) -> Tensor:
    """float32 values of a state-dict entry: uniform, scaled by fan-in; gains near 1, other vectors near 0."""
    drawn = np.random.RandomState(crc32(name.encode())).random_sample(prod(shape)).astype(np.float32)
    values = torch.from_numpy(drawn).reshape(shape) * 2 - 1
    if len(shape) > 1:
        return values * sqrt(3 / prod(shape[1:]))
    return 1 + 0.1 * values if name.endswith("weight") else 0.1 * values


def seeded_inputs(seed: int, tokens: int) -> tuple[Tensor, Tensor, Tensor]:
    """Image (1, 3, 1024, 1024), union image (1, 3, 224, 224), both in -2..2, and ids (1, tokens)."""
    stream = np.random.RandomState(seed)
    image, union_image = (
        torch.from_numpy((stream.random_sample((1, 3, side, side)) * 4 - 2).astype(np.float32)) for side in (1024, 224)
    )
    words = stream.randint(4, 64000, tokens - 2)
    return image, union_image, torch.from_numpy(np.concatenate([[0], words, [2]]).astype(np.int64))[None]
