"""The paper's training: from public weights, with parts of the model frozen and two learning rates."""

from math import ceil

import lightning.pytorch as pl
import torch
import torch.nn.functional as F
from lightning.pytorch.utilities import rank_zero_only
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from rich.console import Console
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.optim.lr_scheduler import LambdaLR

from rs2sam2.checkpoints import native
from rs2sam2.checkpoints.locate import locate
from rs2sam2.data.prepared import ReferringBatch
from rs2sam2.errors import ConfigError
from rs2sam2.evaluation.figures import PAPER_FIGURES
from rs2sam2.evaluation.metrics import Quotient, overlap
from rs2sam2.losses import LossWeights
from rs2sam2.model.rs2sam2 import mask_probability
from rs2sam2.training import parameter_groups
from rs2sam2.training.activations import BLOCKS, compute_blocks_again
from rs2sam2.training.parameter_groups import Rates
from rs2sam2.training.schedule import RunLength, ScheduleReading, share_of_rate
from rs2sam2.training.step import at_least_float32, require_finite, run_step


class ReferringModule(pl.LightningModule):
    """RS2-SAM 2 under the paper's training.

    Args:
        init_from: weights to start from: a folder that `rs2sam2 init` or `rs2sam2 convert` wrote, or "nano".
        rates: learning rates and weight decay.
        loss: eq. 6.
        schedule: see `ScheduleReading`.
        warmup: share of the steps in which the rate rises, for the schedule "one_cycle" alone.
        image_size: S, pixels; None keeps that of the weights.
        checkpoint_activations: keep only what enters each block, and compute the rest again on the way back: less
            memory, more time, the same result.
    """

    def __init__(
        self,
        init_from: str,
        rates: Rates,
        loss: LossWeights,
        schedule: ScheduleReading = "paper",
        warmup: float = 0.03,
        image_size: int | None = None,
        checkpoint_activations: bool = False,
    ) -> None:
        super().__init__()
        start = native.load(locate(init_from))
        self.model, self.tokenizer, self.decision, self.provenance = (
            start.model,
            start.tokenizer,
            start.decision,
            start.provenance,
        )
        self.config = start.model.config.replace(image_size=image_size or start.model.config.image_size)
        self.model.config = self.config
        self.rates, self.loss, self.schedule, self.warmup = rates, loss, schedule, warmup
        for parameter in self.model.parameters():
            parameter.data = parameter.data.clone()  # they are mapped from the file, and are about to change
        self.parts = self._parts()
        parameter_groups.freeze(self.parts)
        self.model.train()
        if checkpoint_activations:
            compute_blocks_again(self.model)
        self.figures = nn.ModuleList(figure.metric() for figure in PAPER_FIGURES)

    def configure_model(self) -> None:
        """Under Lightning's `ModelParallelStrategy`: spread parameters, gradients and averages over all processes.

        This is FSDP2. Each block, and what lies outside of blocks, is put together when it is needed.

        Raises:
            ConfigError: the strategy asks for tensor parallelism.
        """
        mesh = self.device_mesh
        if mesh is None or any(isinstance(parameter, DTensor) for parameter in self.model.parameters()):
            return
        if mesh["tensor_parallel"].size() != 1:
            raise ConfigError("trainer.strategy: this model is shared out by data alone: set tensor_parallel_size to 1")
        for part in [*self.model.modules()]:
            if isinstance(part, BLOCKS):
                fully_shard(part, mesh=mesh["data_parallel"])
        fully_shard(self.model, mesh=mesh["data_parallel"])
        self.parts = self._parts()  # the parameters are other objects now

    @rank_zero_only
    def on_fit_start(self) -> None:
        """Say what is trained, before anybody waits for it."""
        Console().print(parameter_groups.table(self.parts, self.rates))

    def training_step(self, batch: ReferringBatch, batch_index: int) -> Tensor:
        """Loss of one batch: eq. 6 for each sample, averaged.

        Raises:
            Rs2Sam2Error: if the loss is not a number; names the samples.
        """
        terms = run_step(self.model, batch, self.loss).terms
        said = [f"{name}: {sentence}" for name, sentence in zip(batch.sample_ids, batch.sentences, strict=True)]
        require_finite(terms.total, self.global_step, said)
        self.log_dict({f"train/{name}": term.detach() for name, term in terms._asdict().items()}, batch_size=len(said))
        self.log("loss", terms.total.detach(), prog_bar=True, logger=False, batch_size=len(said))
        return terms.total

    def validation_step(self, batch: ReferringBatch, batch_index: int) -> None:
        """Count pixels at 1024 x 1024, as the published figures do."""
        out = self.model(batch.image, batch.union_image, batch.input_ids, batch.attention_mask)
        z = F.interpolate(at_least_float32(out.mask_logits), size=batch.mask.shape[-2:], mode="bilinear")
        found = mask_probability(z[:, 0], self.config) > self.decision.mask_threshold
        counts = [count[batch.counted] for count in overlap(found, batch.mask.bool())]
        for metric in self._metrics():
            metric.update(*counts)

    def on_validation_epoch_end(self) -> None:
        """The figures of all processes together, as fractions: val/mean_iou, val/overall_iou, val/precision_at_X."""
        for figure, metric in zip(PAPER_FIGURES, self._metrics(), strict=True):
            value = metric.compute().float()
            self.log(f"val/{figure.name}", value, prog_bar=figure.name == "mean_iou", sync_dist=True)
            metric.reset()

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """AdamW with a group for each part; all rates follow one schedule."""
        # One tensor after the other: on a GPU, all at once would take as much memory again as the gradients.
        optimizer = torch.optim.AdamW(parameter_groups.optimizer_groups(self.parts, self.rates), foreach=False)
        trainer = self.trainer
        run = RunLength(
            steps=int(trainer.estimated_stepping_batches),  # first: it makes the trainer count its batches
            steps_per_epoch=ceil(trainer.num_training_batches / trainer.accumulate_grad_batches),
            epochs=trainer.max_epochs or 0,
        )
        schedule = LambdaLR(optimizer, lambda step: share_of_rate(self.schedule, step, run, self.warmup))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _parts(self) -> list[parameter_groups.Part]:
        boundary = self.loss.boundary_reading != "none"
        return parameter_groups.parts(self.model, self.rates, trains_text_weight=boundary)

    def _metrics(self) -> list[Quotient]:
        return [metric for metric in self.figures if isinstance(metric, Quotient)]
