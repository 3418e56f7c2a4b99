"""What one training step of nano does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from rs2sam2.config import ModelConfig
from rs2sam2.data.mixture import Batch
from rs2sam2.losses import LossWeights
from rs2sam2.model.rs2sam2 import RS2SAM2, mask_probability
from rs2sam2.training.schedule import one_cycle
from rs2sam2.training.semantic_head import SemanticHead
from rs2sam2.training.step import out_of_reach, require_finite, run_step


@dataclass(frozen=True)
class HeadWeights:
    """Weights of what the paper does not train, but an answer needs when nothing is pre-trained.

    Attributes:
        pseudo_mask: cross-entropy and dice of the pseudo-mask itself, at its own size.
        presence: cross-entropy of the object score: does the sentence mean anything here?
        iou: squared error of the predicted IoU, where there is something to find.
        semantic: see `SemanticHead`.
    """

    pseudo_mask: float = 0.0
    presence: float = 0.0
    iou: float = 0.0
    semantic: float = 0.0


class RS2SAM2Module(pl.LightningModule):
    """RS2-SAM 2 under training from scratch; `ReferringModule` is the paper's own training.

    Args:
        preset: name of the model (`ModelConfig.preset`).
        image_size: S that the finished model is meant for; None keeps the preset's.
        changes: other fields of `ModelConfig` that differ from the preset's, such as those of Tables 3 and 4.
        loss: eq. 6.
        heads: see `HeadWeights`.
        learning_rate: highest rate of AdamW.
        weight_decay: of AdamW, on matrices only.
        warmup: share of the steps in which the rate rises from 0; it then falls to 0 along a cosine.
    """

    def __init__(
        self,
        preset: str,
        loss: LossWeights,
        heads: HeadWeights,
        image_size: int | None = None,
        learning_rate: float = 1e-4,
        weight_decay: float = 0.01,
        warmup: float = 0.03,
        changes: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        config = ModelConfig.from_dict({**ModelConfig.preset(preset).to_dict(), **(changes or {})})
        self.config = config if image_size is None else config.replace(image_size=image_size)
        self.model = RS2SAM2(self.config)
        self.semantic = SemanticHead(self.model) if heads.semantic else None
        self.loss, self.heads = loss, heads
        self.learning_rate, self.weight_decay, self.warmup = learning_rate, weight_decay, warmup
        for module in out_of_reach(self.model):
            module.requires_grad_(False)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Loss of one batch.

        Raises:
            Rs2Sam2Error: if the loss is not a number; names the sentences.
        """
        out, z, target, terms = run_step(self.model, batch, self.loss)
        present = target.flatten(1).any(dim=1).to(target.dtype)  # (B,)
        iou = _iou(mask_probability(z.detach(), self.config) > 0.5, batch.mask.bool())
        extra = {
            "pseudo_mask": _pseudo_mask_loss(out.pseudo_mask_logits, target),
            "presence": F.binary_cross_entropy_with_logits(out.object_score_logits.float()[:, 0], present),
            "semantic": self.semantic(batch.classes) if self.semantic else target.new_zeros(()),
            "iou": (present * (out.predicted_iou.float()[:, 0] - iou) ** 2).mean(),
        }
        total = terms.total + sum(getattr(self.heads, name) * term for name, term in extra.items())
        require_finite(total, self.global_step, batch.sentences)
        self.log_dict(
            {f"train/{name}": term.detach() for name, term in {**terms._asdict(), **extra}.items()}
            | {"train/miou": (iou * present).sum() / present.sum().clamp(min=1)},
            batch_size=len(target),
        )
        self.log("loss", total.detach(), prog_bar=True, logger=False)
        return total

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """AdamW; the rate rises, then falls along a cosine over all steps of the run."""
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        groups = [
            {"params": [p for p in trained if p.ndim >= 2], "weight_decay": self.weight_decay},
            {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.learning_rate, betas=(0.9, 0.95))
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = LambdaLR(optimizer, lambda step: one_cycle(step, steps, self.warmup))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _pseudo_mask_loss(logits: Tensor | None, target: Tensor) -> Tensor:
    """Cross-entropy and dice of the pseudo-mask against the share of each cell that is covered."""
    if logits is None:
        return target.new_zeros(())
    covered = F.interpolate(target[:, None], size=logits.shape[-2:], mode="bilinear", antialias=True)
    logits = logits.float()
    overlap = 2 * (logits.sigmoid() * covered).flatten(1).sum(1) + 1
    dices = 1 - overlap / ((logits.sigmoid() + covered).flatten(1).sum(1) + 1)
    return F.binary_cross_entropy_with_logits(logits, covered) + dices.mean()


def _iou(mask: Tensor, target: Tensor) -> Tensor:
    """IoU (B,) of boolean masks (B, 1, S, S) and (B, S, S); 0 where both are empty."""
    mask, target = mask.flatten(1), target.flatten(1)
    return (mask & target).sum(1) / (mask | target).sum(1).clamp(min=1)
