"""How well exported graphs agree with the model that they were made of, on inputs of many sizes."""

from typing import Any

import torch
from torch import Tensor

from rs2sam2.errors import Rs2Sam2Error
from rs2sam2.export.running import ExportedModel
from rs2sam2.model.rs2sam2 import RS2SAM2, Prompts, RS2SAM2Output, mask_probability

LARGEST_DIFFERENCE = 1e-3
"""Of any output, relative to its norm. Float32 summed in another order differs by 1e-6 to 1e-4."""

_CASES = ((1, 3, None), (2, 9, 0), (1, 12, 4))
"""Images, text tokens, and points beside the words; with points, also a mask that is corrected."""


def compare(model: RS2SAM2, exported: ExportedModel) -> dict[str, Any]:
    """Ask both the same, at other sizes than the graphs were made with.

    Returns:
        "cases", the largest "relative_difference" of any output, and the smallest "mask_iou", for masks at 0.5 and for
        what lies outside of them.

    Raises:
        Rs2Sam2Error: if an output differs by more than `LARGEST_DIFFERENCE`.
    """
    worst, least = 0.0, 1.0
    for batch, tokens, points in _CASES:
        inputs = _inputs(model, batch, tokens)
        prompts = None if points is None else _prompts(model, batch, points)
        with torch.no_grad():
            expected, found = model(*inputs, prompts), exported(*inputs, prompts)
        for name, one, other in _pairs(expected, found):
            difference = float((one - other).norm() / one.norm().clamp(min=1e-12))
            worst = max(worst, difference)
            if not difference <= LARGEST_DIFFERENCE:
                raise Rs2Sam2Error(
                    f"the exported graphs give another {name} than the model ({100 * difference:.3g} % off): nothing "
                    "was written; report this with the versions of torch and of the runtime"
                )
        masks = [mask_probability(output.mask_logits, model.config) > 0.5 for output in (expected, found)]
        least = min(least, _iou(*masks), _iou(~masks[0], ~masks[1]))
    return {"cases": len(_CASES), "relative_difference": worst, "mask_iou": least}


def _inputs(model: RS2SAM2, batch: int, tokens: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images and union images of noise, ids, and sentences of different lengths."""
    draw = torch.Generator().manual_seed(tokens)
    config = model.config
    tokens = min(tokens, config.union_encoder.max_text_tokens)
    sides = (config.image_size, config.union_encoder.image_size)
    image, union_image = (torch.randn(batch, 3, side, side, generator=draw) for side in sides)
    ids = torch.randint(0, config.union_encoder.vocab_size, (batch, tokens), generator=draw)
    words = torch.arange(tokens) < tokens - torch.arange(batch)[:, None]
    return image, union_image, ids, words


def _prompts(model: RS2SAM2, batch: int, points: int) -> Prompts:
    """Points all over the image, of every kind in turn, and a mask."""
    draw = torch.Generator().manual_seed(points)
    side = model.config.image_size
    labels = torch.arange(batch * points).reshape(batch, points) % 5 - 1
    mask = torch.randn(batch, 1, side // 4, side // 4, generator=draw)
    return Prompts(torch.rand(batch, points, 2, generator=draw) * side, labels, mask)


def _pairs(expected: RS2SAM2Output, found: RS2SAM2Output) -> list[tuple[str, Tensor, Tensor]]:
    names = [name for name, value in vars(expected).items() if value is not None]
    return [(name, getattr(expected, name), getattr(found, name)) for name in names]


def _iou(one: Tensor, other: Tensor) -> float:
    union = (one | other).sum()
    return float((one & other).sum() / union) if union else 1.0
