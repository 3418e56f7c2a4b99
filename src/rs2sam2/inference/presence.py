"""P(present): whether what the words mean is there at all."""

from math import exp

import torch
from torch import Tensor

from rs2sam2.config import Presence
from rs2sam2.errors import ConfigError
from rs2sam2.model.rs2sam2 import Reading, RS2SAM2Output


def p_present(output: RS2SAM2Output, source: Presence, peak: float) -> float:
    """P(present) in 0..1 from one source.

    Args:
        output: of one question, with a batch axis of 1.
        source: see `rs2sam2.config.Decision`.
        peak: the mask's highest probability.

    Raises:
        ConfigError: if the model has no early presence head and the source asks for it.
    """
    every = sources(output, peak)
    if source not in every:
        raise ConfigError(f"presence {source!r}: this model has no early presence head: use {', '.join(every)}")
    return every[source]


def sources(output: RS2SAM2Output, peak: float) -> dict[Presence, float]:
    """P(present) from every source that the model has; see `p_present`."""
    score = float(output.object_score_logits)
    found: dict[Presence, float] = {"object_score": _sigmoid(score), "mask": peak}
    if output.early_presence_logits is not None:
        early = float(output.early_presence_logits)
        found |= {"early": _sigmoid(early), "both": _sigmoid((score + early) / 2)}
    return found


def early_presence(seen: Reading | RS2SAM2Output) -> Tensor:
    """(B,) P(present) in 0..1 from the union encoder alone: its head's, or without one the pseudo-mask's peak.

    Models with neither say 1.
    """
    logits = seen.early_presence_logits
    if logits is None and seen.pseudo_mask_logits is not None:
        logits = seen.pseudo_mask_logits.flatten(1).amax(dim=1, keepdim=True)
    if logits is None:
        return torch.ones(len(seen.text if isinstance(seen, Reading) else seen.mask_logits))
    return torch.sigmoid(logits[:, 0].float())


def _sigmoid(logit: float) -> float:
    return 1 / (1 + exp(-logit)) if logit > 0 else exp(logit) / (1 + exp(logit))
