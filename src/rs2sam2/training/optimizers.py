"""Muon for the matrices inside blocks, AdamW for everything else, as one optimiser.

Muon (Jordan et al. 2024; `torch.optim.Muon`) steps along the nearest orthogonal matrix of the averaged gradient. It is
meant for hidden matrices; embeddings, convolutions, heads, norms and biases stay with AdamW.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Muon, Optimizer

from rs2sam2.model.rs2sam2 import RS2SAM2


class Together(Optimizer):
    """Several optimisers that a schedule, a clip and a checkpoint see as one."""

    def __init__(self, *optimizers: Optimizer) -> None:
        super().__init__([group for optimizer in optimizers for group in optimizer.param_groups], {})
        self.optimizers = optimizers
        self._share()

    def _share(self) -> None:
        """The groups are those of the parts, so that a rate set here is theirs; each part keeps its own state."""
        self.param_groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of each."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for optimizer in self.optimizers:
            optimizer.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """That of each."""
        return {"optimizers": [optimizer.state_dict() for optimizer in self.optimizers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
        for optimizer, state in zip(self.optimizers, state_dict["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        self._share()


def adamw(parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float) -> AdamW:
    """AdamW with weight decay on matrices only."""
    trained = [*parameters]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return AdamW(groups, lr=learning_rate, betas=(0.9, 0.95))


def muon_and_adamw(
    module: nn.Module, model: RS2SAM2, muon_rate: float, learning_rate: float, weight_decay: float
) -> Together:
    """Muon for the matrices of union encoder, trunk and decoder blocks; AdamW for the rest of `module`.

    Args:
        module: whose parameters are trained.
        model: the part of it that has the blocks.
        muon_rate: highest rate of Muon, in AdamW's terms (`match_rms_adamw`, Liu et al. 2025).
        learning_rate: highest rate of AdamW.
        weight_decay: of both, on matrices.
    """
    blocks: list[nn.Module] = [model.union_encoder.layers, model.trunk.blocks, model.mask_decoder.transformer]
    hidden = {p for block in blocks for p in block.parameters() if p.ndim == 2 and p.requires_grad}
    rest = [p for p in module.parameters() if p.requires_grad and p not in hidden]
    ordered = [p for p in module.parameters() if p in hidden]
    muon = Muon(
        ordered, lr=muon_rate, weight_decay=weight_decay, momentum=0.95, ns_steps=4, adjust_lr_fn="match_rms_adamw"
    )
    return Together(muon, adamw(rest, learning_rate, weight_decay))
