"""What one training step of nano does."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from rs2sam2.config import ModelConfig
from rs2sam2.data.groups import Batch
from rs2sam2.losses import LossWeights
from rs2sam2.model.rs2sam2 import RS2SAM2, Reading, mask_probability
from rs2sam2.training.clicks import corrected
from rs2sam2.training.optimizers import adamw, muon_and_adamw
from rs2sam2.training.schedule import one_cycle
from rs2sam2.training.semantic_head import SemanticHead
from rs2sam2.training.step import judged, out_of_reach, require_finite


@dataclass(frozen=True)
class HeadWeights:
    """Weights of what the paper does not train, but an answer needs when nothing is pre-trained.

    Attributes:
        pseudo_mask: cross-entropy and dice of the pseudo-mask itself, at its own size.
        presence: cross-entropy of the object score: does the sentence mean anything here?
        early_presence: the same of the union encoder's own answer.
        iou: squared error of the predicted IoU, where there is something to find.
        semantic: see `SemanticHead`.
        clicks: eq. 6 of the answer that simulated clicks or a box correct (`rs2sam2.training.clicks`).
    """

    pseudo_mask: float = 0.0
    presence: float = 0.0
    early_presence: float = 0.0
    iou: float = 0.0
    semantic: float = 0.0
    clicks: float = 0.0


class RS2SAM2Module(pl.LightningModule):
    """RS2-SAM 2 under training from scratch; `ReferringModule` is the paper's own training.

    Args:
        preset: name of the model (`ModelConfig.preset`).
        image_size: S that the finished model is meant for; None keeps the preset's.
        changes: other fields of `ModelConfig` that differ from the preset's, such as those of Tables 3 and 4.
        loss: eq. 6.
        heads: see `HeadWeights`.
        learning_rate: highest rate of AdamW.
        muon_rate: highest rate of Muon, which then steps the matrices inside blocks; None leaves all to AdamW.
        weight_decay: on matrices only.
        warmup: share of the steps in which the rate rises from 0; it then falls to 0 along a cosine.
        reads_first: share of the steps in which the union encoder learns alone: pseudo-mask, early presence and
            classes. Words come to mean places there, at a fifth of the cost of a whole step.
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
        muon_rate: float | None = None,
        reads_first: float = 0.0,
    ) -> None:
        super().__init__()
        config = ModelConfig.from_dict({**ModelConfig.preset(preset).to_dict(), **(changes or {})})
        self.config = config if image_size is None else config.replace(image_size=image_size)
        self.model = RS2SAM2(self.config)
        self.semantic = SemanticHead(self.model) if heads.semantic else None
        self.loss, self.heads = loss, heads
        self.learning_rate, self.weight_decay, self.warmup = learning_rate, weight_decay, warmup
        self.muon_rate, self.reads_first = muon_rate, reads_first
        for module in out_of_reach(self.model, clicks=heads.clicks > 0):
            module.requires_grad_(False)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Loss of one batch.

        Raises:
            Rs2Sam2Error: if the loss is not a number; names the sentences.
        """
        reading = self.model.read(batch.union_image, batch.input_ids, batch.attention_mask)
        if self.reads_first and self.global_step < self.reads_first * self.trainer.max_steps:
            total, logged = self._of_reading(batch, reading)
        else:
            total, logged = self._of_answer(batch, reading)
        require_finite(total, self.global_step, batch.sentences)
        self.log_dict({f"train/{name}": value.detach() for name, value in logged.items()}, batch_size=len(batch.mask))
        self.log("loss", total.detach(), prog_bar=True, logger=False)
        return total

    def _of_reading(self, batch: Batch, reading: Reading) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of what the union encoder says by itself, and what is logged."""
        target = batch.mask.to(batch.union_image.dtype)
        terms = {
            "pseudo_mask": _pseudo_mask_loss(reading.pseudo_mask_logits, target),
            "early_presence": _presence_loss(reading.early_presence_logits, target),
            "semantic": self.semantic(batch.classes) if self.semantic else target.new_zeros(()),
        }
        return sum((getattr(self.heads, name) * term for name, term in terms.items()), target.new_zeros(())), terms

    def _of_answer(self, batch: Batch, reading: Reading) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of the whole answer, and what is logged."""
        sight = self.model.look(batch.image, reading)
        out, z, target, terms = judged(self.model.decode(reading, sight), batch, self.loss)
        present = _present(target)
        iou = _iou(mask_probability(z.detach(), self.config) > 0.5, batch.mask.bool())
        of_reading, extra = self._of_reading(batch, reading)
        extra |= {
            "presence": _presence_loss(out.object_score_logits, target),
            "iou": (present * (out.predicted_iou.float()[:, 0] - iou) ** 2).mean(),
        }
        total = terms.total + of_reading + self.heads.presence * extra["presence"] + self.heads.iou * extra["iou"]
        if self.heads.clicks:
            chance = torch.Generator().manual_seed(self.global_step * 1000 + self.global_rank)
            clicked = corrected(self.model, reading, sight, out, batch.mask.bool(), chance)
            extra["clicks"] = judged(clicked, batch, self.loss).terms.total
            total = total + self.heads.clicks * extra["clicks"]
        mean_iou = (iou * present).sum() / present.sum().clamp(min=1)
        return total, {**terms._asdict(), **extra, "miou": mean_iou}

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The rate rises, then falls along a cosine over all steps of the run."""
        if self.muon_rate is None:
            optimizer: Optimizer = adamw(
                (p for p in self.parameters() if p.requires_grad), self.learning_rate, self.weight_decay
            )
        else:
            optimizer = muon_and_adamw(self, self.model, self.muon_rate, self.learning_rate, self.weight_decay)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = LambdaLR(optimizer, lambda step: one_cycle(step, steps, self.warmup))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def _present(target: Tensor) -> Tensor:
    """(B,) 1 where something is meant."""
    return target.flatten(1).any(dim=1).to(target.dtype)


def _presence_loss(logits: Tensor | None, target: Tensor) -> Tensor:
    if logits is None:
        return target.new_zeros(())
    return F.binary_cross_entropy_with_logits(logits.float()[:, 0], _present(target))


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
