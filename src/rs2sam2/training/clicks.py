"""Clicks and boxes as somebody would make them who corrects an answer, for training.

As in use: a box is there from the beginning, beside the words; clicks come one at a time, each with all before it and
with the mask that it corrects as dense prompt. A click goes to a random place of what is wrong, of what is missing or
of what is too much, whichever is more (SAM, Kirillov et al. 2023).
Shapes: B sentences, S side of the image, N points.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from rs2sam2.config import ModelConfig
from rs2sam2.model.rs2sam2 import RS2SAM2, Prompts, Reading, RS2SAM2Output, Sight, mask_probability
from rs2sam2.model.sam2_prompt_encoder import BACKGROUND, BOX_LOWER_RIGHT, BOX_UPPER_LEFT, FOREGROUND, PADDING

BOX_SHARE = 0.25
MOST_CLICKS = 3
BOX_JITTER = 0.1


def corrected(
    model: RS2SAM2, reading: Reading, sight: Sight, first: RS2SAM2Output, target: Tensor, generator: torch.Generator
) -> RS2SAM2Output:
    """The answer with a box, or after one to three clicks; only the last of them gets a gradient.

    Args:
        model: under training.
        reading: of the sentences.
        sight: of the images.
        first: the answer to the words alone.
        target: (B, S, S) bool.
        generator: of all choices, on the CPU.
    """
    if float(torch.rand((), generator=generator)) < BOX_SHARE:
        return model.decode(reading, sight, Prompts(*boxes(target, generator)))
    answer = first
    points = target.new_zeros(len(target), 0, 2, dtype=torch.float32)
    labels = target.new_zeros(len(target), 0, dtype=torch.int64)
    clicks = int(torch.randint(1, MOST_CLICKS + 1, (), generator=generator))
    for number in range(1, clicks + 1):
        with torch.no_grad():
            xy, label = click(_mask(answer, target, model.config), target, generator)
        points, labels = torch.cat([points, xy], dim=1), torch.cat([labels, label], dim=1)
        with torch.set_grad_enabled(number == clicks):
            answer = model.decode(reading, sight, Prompts(points, labels, answer.mask_logits.detach()))
    return answer


def click(mask: Tensor, target: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """One click into what is wrong: (B, 1, 2) as (x, y) pixels and (B, 1) labels; PADDING where nothing is wrong.

    Args:
        mask: (B, S, S) bool, the answer.
        target: (B, S, S) bool.
        generator: of the choice, on the CPU.
    """
    missing, extra = target & ~mask, mask & ~target
    more_is_missing = missing.flatten(1).sum(1) >= extra.flatten(1).sum(1)
    wrong = torch.where(more_is_missing[:, None, None], missing, extra).flatten(1)  # (B, S S)
    place = (torch.rand(wrong.shape, generator=generator).to(wrong.device) * wrong).argmax(dim=1)
    xy = torch.stack([place % target.shape[-1], place // target.shape[-1]], dim=-1).float()
    label = torch.where(more_is_missing, FOREGROUND, BACKGROUND).masked_fill(~wrong.any(dim=1), PADDING)
    return xy[:, None], label[:, None]


def boxes(target: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A hand-drawn box around each target: (B, 2, 2) corners in pixels and (B, 2) labels; PADDING where it is empty."""
    side = target.shape[-1]
    bounds = []
    for axis in (1, 2):  # over rows: what is left are columns, so x first
        seen = target.any(dim=axis)
        bounds.append((seen.int().argmax(dim=1), side - 1 - seen.flip(1).int().argmax(dim=1)))
    (left, right), (upper, lower) = bounds
    corners = torch.stack([torch.stack([left, upper], -1), torch.stack([right, lower], -1)], dim=1).float()
    size = (corners[:, 1] - corners[:, 0])[:, None]  # (B, 1, 2)
    noise = (2 * torch.rand(corners.shape, generator=generator) - 1).to(corners.device)
    corners = (corners + BOX_JITTER * noise * size).clamp(0, side - 1)
    labels = torch.tensor([BOX_UPPER_LEFT, BOX_LOWER_RIGHT], device=target.device).repeat(len(target), 1)
    return corners, labels.masked_fill(~target.flatten(1).any(dim=1)[:, None], PADDING)


def _mask(answer: RS2SAM2Output, target: Tensor, config: ModelConfig) -> Tensor:
    z = F.interpolate(answer.mask_logits.float(), size=target.shape[-2:], mode="bilinear")
    return mask_probability(z, config)[:, 0] > 0.5
