"""A published checkpoint with stand-in weights, and stand-in inputs: made by name and seed, the same on every machine.

No weights of full size come with the package. numpy's legacy random stream never changes, so these need not.
"""

import shutil
from functools import partial
from importlib.resources import files
from math import prod, sqrt
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from rs2sam2.checkpoints.names import Shape
from rs2sam2.checkpoints.native import on_meta, shapes_of
from rs2sam2.checkpoints.published import TABLE
from rs2sam2.checkpoints.writing import Lazy, write_safetensors
from rs2sam2.config import ModelConfig

TOKENS = 14
_WORDS = (4, 64_000)


def seeded_weight(name: str, shape: Shape) -> Tensor:
    """float32 values of an entry: uniform, scaled by fan-in; gains near 1, other vectors near 0."""
    drawn = np.random.RandomState(crc32(name.encode())).random_sample(prod(shape)).astype(np.float32)
    values = torch.from_numpy(drawn).reshape(shape).mul_(2).sub_(1)
    if len(shape) > 1:
        return values.mul_(sqrt(3 / prod(shape[1:])))
    return values.mul_(0.1).add_(1) if name.endswith("weight") else values.mul_(0.1)


def seeded_inputs(config: ModelConfig, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Image (1, 3, S, S) and union image (1, 3, U, U), normalised, float32 in -2..2, and ids (1, `TOKENS`)."""
    stream = np.random.RandomState(seed)
    image, union_image = (
        torch.from_numpy((stream.random_sample((1, 3, side, side)) * 4 - 2).astype(np.float32))
        for side in (config.image_size, config.union_encoder.image_size)
    )
    first, end = _WORDS
    words = stream.randint(first, min(end, config.union_encoder.vocab_size), TOKENS - 2)
    return image, union_image, torch.from_numpy(np.concatenate([[0], words, [2]]).astype(np.int64))[None]


def published_shapes(config: ModelConfig) -> dict[str, Shape]:
    """Names and shapes under which a published checkpoint holds a model, but for what conversion leaves behind."""
    return {TABLE.their_name(name): shape for name, shape in shapes_of(on_meta(config)).items()}


def write_published(folder: Path, shapes: dict[str, Shape]) -> None:
    """A published folder with seeded weights of these names and shapes, in float32, tensor by tensor.

    Raises:
        OSError: if it cannot be written.
    """
    folder.mkdir()
    tensors = {name: Lazy(shape, partial(seeded_weight, name, shape)) for name, shape in shapes.items()}
    write_safetensors(folder / "model.safetensors", tensors, torch.float32)
    # No checksum hangs on which words it knows: the ids of the inputs are drawn.
    tokenizer = files("rs2sam2") / "weights" / "nano" / "tokenizer.spm"
    shutil.copyfile(str(tokenizer), folder / "sentencepiece.bpe.model")
