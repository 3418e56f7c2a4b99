"""Is there such a thing at all? Asked of the union encoder alone, before SAM 2's trunk has looked. Not in the paper."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class EarlyPresence(nn.Module):
    """A logit from the multimodal [CLS] token and the surest place of the pseudo-mask."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(dim + 1, dim)
        self.out = nn.Linear(dim, 1)

    def forward(self, cls: Tensor, pseudo_mask_logits: Tensor | None) -> Tensor:
        """(B, 1, D) and (B, 1, h, w), or None for models without a mask prompt generator -> (B, 1)."""
        token = cls[:, 0]
        if pseudo_mask_logits is None:
            surest = token.new_zeros(token.shape[0], 1)
        else:
            surest = pseudo_mask_logits.flatten(1).amax(dim=1, keepdim=True)  # (B, 1)
        return self.out(F.relu(self.hidden(torch.cat([token, surest], dim=1))))
