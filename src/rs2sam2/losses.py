"""Eqs. 6-7: cross-entropy, dice and the text-guided boundary loss, each reading under its own name.

The published reading treats a mask logit z as two channels (1 - z, z) under a soft-max. Its cross-entropy and dice
couple the samples of a batch, which published training never shows (its batch is 1); `training_loss` therefore
computes every term for each sample alone and averages, so that batch size changes nothing.

Shapes: z is (B, 1, H, W), target (B, H, W) of 0 and 1, text_weight (B, 1, 1, 1).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

CLASS_WEIGHTS = (0.9, 1.1)
DICE_SMOOTHING = 1e-6
TEXT_WEIGHT_RANGE = (0.5, 1.5)

BoundaryReading = Literal["soft", "published", "none"]


@dataclass(frozen=True)
class LossWeights:
    """The lambdas of eq. 6 and the reading of its boundary term.

    Attributes:
        cross_entropy: lambda_ce; the paper says 1, the published code 0.9.
        dice: lambda_dice.
        boundary: lambda_tbl.
        boundary_reading: "soft" (ours: differentiable, with a text weight that cannot vanish), "published"
            (thresholded first, so that the mask gets no gradient), or "none" (Table 3, without the loss).
    """

    cross_entropy: float = 1.0
    dice: float = 0.1
    boundary: float = 0.2
    boundary_reading: BoundaryReading = "soft"


class LossTerms(NamedTuple):
    """The terms of eq. 6, unweighted, and their weighted sum."""

    cross_entropy: Tensor
    dice: Tensor
    boundary: Tensor
    total: Tensor


def cross_entropy(z: Tensor, target: Tensor) -> Tensor:
    """Two-channel cross-entropy with class weights 0.9 / 1.1: torch's weighted mean over all pixels given."""
    return F.cross_entropy(_channels(z), target.long(), weight=z.new_tensor(CLASS_WEIGHTS))


def dice(z: Tensor, target: Tensor) -> Tensor:
    """1 - dice of soft-max and one-hot target (V-Net, Milletari et al. 2016), *summed* over batch and channel."""
    p = _channels(z).softmax(dim=1).flatten(2)  # (B, 2, HW)
    t = torch.stack([1 - target, target], dim=1).flatten(2).to(p.dtype)
    overlap = 2 * (p * t).sum(-1) + DICE_SMOOTHING
    return (1 - overlap / (p.sum(-1) + t.sum(-1) + DICE_SMOOTHING)).sum()


def boundary_published(z: Tensor, target: Tensor, text_weight: Tensor) -> Tensor:
    """Eq. 7 as published: the mask is cut at sigmoid(z) > 0.5 first, so only the text weight gets a gradient."""
    predicted = (z.sigmoid() > 0.5).to(z.dtype)
    difference = absolute_gradient(predicted) - absolute_gradient(target[:, None].to(z.dtype))
    return ((text_weight * difference) ** 2).mean()


def boundary_soft(z: Tensor, target: Tensor, text_weight: Tensor) -> Tensor:
    """Eq. 7 with the mask's probability, so that the mask gets a gradient, and a bounded text weight.

    The raw weight passes a sigmoid into `TEXT_WEIGHT_RANGE`: with the published reading the loss is smallest when the
    weight is zero and says nothing; here it cannot go below 0.5.
    """
    low, high = TEXT_WEIGHT_RANGE
    weight = low + (high - low) * text_weight.sigmoid()
    probability = _channels(z).softmax(dim=1)[:, 1:]
    difference = absolute_gradient(probability) - absolute_gradient(target[:, None].to(z.dtype))
    return ((weight * difference) ** 2).mean()


def absolute_gradient(mask: Tensor) -> Tensor:
    """Absd_h + Absd_v of (B, 1, H, W): absolute differences to the left and to the upper neighbour, 0 at the rim."""
    horizontal = F.pad(mask.diff(dim=-1).abs(), (1, 0))
    vertical = F.pad(mask.diff(dim=-2).abs(), (0, 0, 1, 0))
    return horizontal + vertical


_BOUNDARY: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "soft": boundary_soft,
    "published": boundary_published,
    "none": lambda z, target, text_weight: z.new_zeros(()),
}


def loss_terms(z: Tensor, target: Tensor, text_weight: Tensor, weights: LossWeights) -> LossTerms:
    """Eq. 6 over a batch as one, as the published code computes it."""
    terms = (
        cross_entropy(z, target),
        dice(z, target),
        _BOUNDARY[weights.boundary_reading](z, target, text_weight),
    )
    total = weights.cross_entropy * terms[0] + weights.dice * terms[1] + weights.boundary * terms[2]
    return LossTerms(*terms, total)


def training_loss(z: Tensor, target: Tensor, text_weight: Tensor, weights: LossWeights) -> LossTerms:
    """Eq. 6 for each sample alone, averaged over the batch."""
    samples = [loss_terms(z[i : i + 1], target[i : i + 1], text_weight[i : i + 1], weights) for i in range(len(z))]
    return LossTerms(*(torch.stack(term).mean() for term in zip(*samples, strict=True)))


def _channels(z: Tensor) -> Tensor:
    """Z (B, 1, H, W) as the two channels (1 - z, z)."""
    return torch.cat([1 - z, z], dim=1)
