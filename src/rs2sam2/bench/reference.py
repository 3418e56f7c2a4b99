"""Work that never changes, of the kinds that ours is made of: what our own is measured against.

Whoever changes it has to record docs/numbers/guard.json again.
"""

import io
import math
import zlib

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

_MAPS = ((64, 8, 32, 2), (32, 4, 64, 3), (16, 16, 128, 4), (12, 12, 128, 6), (8, 8, 256, 2))
"""Side of a square map, side of its windows, channels, and how many blocks of a transformer it goes through."""
_HEAD = 32
_SIDE = 1024


class Network:
    """Blocks of a transformer at nano's sizes, without anything of nano's in them; for one thread."""

    def __init__(self) -> None:
        """Draw its weights."""
        draw = torch.Generator().manual_seed(0)

        def linear(wide: int, narrow: int) -> Tensor:
            return torch.randn(narrow, wide, generator=draw) / math.sqrt(wide)

        self._image = torch.randn(1, 3, 256, 256, generator=draw)
        self._patches = torch.randn(32, 3, 7, 7, generator=draw)
        self._maps = [(torch.randn(1, side * side, dim, generator=draw), window) for side, window, dim, _ in _MAPS]
        self._weights = [
            [(linear(dim, 3 * dim), linear(dim, dim), linear(dim, 4 * dim), linear(4 * dim, dim)) for _ in range(depth)]
            for _, _, dim, depth in _MAPS
        ]

    @torch.inference_mode()
    def run(self) -> float:
        """Once through all of it."""
        total = F.gelu(F.conv2d(self._image, self._patches, stride=4, padding=3)).mean()
        for (tokens, window), blocks in zip(self._maps, self._weights, strict=True):
            x = tokens.reshape(-1, window * window, tokens.shape[-1])
            for qkv, out, up, down in blocks:
                x = x + F.linear(_attend(F.linear(_norm(x), qkv)), out)
                x = x + F.linear(F.gelu(F.linear(_norm(x), up)), down)
            total = total + x.mean()
        return float(total)


class Pictures:
    """Decoding, scaling, arithmetic and packing of a picture of `_SIDE` pixels."""

    def __init__(self) -> None:
        """Draw it."""
        draw = np.random.RandomState(0)  # its stream never changes
        small = draw.randint(0, 256, (64, 64, 3), dtype=np.uint8)
        self._picture = Image.fromarray(small).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
        kept = io.BytesIO()
        self._picture.save(kept, "JPEG", quality=90)
        self._jpeg = kept.getvalue()

    def run(self) -> int:
        """Once through all of it."""
        picture = Image.open(io.BytesIO(self._jpeg)).resize((256, 256), Image.Resampling.BILINEAR)
        values = np.asarray(picture.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)).astype(np.float32)
        grey = (values @ np.array([0.3, 0.6, 0.1], dtype=np.float32) - 128) / 64
        mask = (1 / (1 + np.exp(-grey)) > 0.5).astype(np.uint8)
        return len(zlib.compress(mask.tobytes(), 6)) + len(zlib.compress(values.astype(np.uint8)[::4].tobytes(), 6))


def _norm(x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:])


def _attend(qkv: Tensor) -> Tensor:
    q, k, v = (part.unflatten(-1, (-1, _HEAD)).transpose(1, 2) for part in qkv.chunk(3, dim=-1))
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
