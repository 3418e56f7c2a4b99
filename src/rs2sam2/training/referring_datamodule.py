"""Any registered referring data set, for training as the paper trains."""

from collections.abc import Iterator, Sized
from itertools import islice
from math import ceil, isinf
from pathlib import Path
from typing import Literal

import lightning.pytorch as pl
from torch.utils.data import DataLoader
from torch.utils.data.distributed import DistributedSampler

from rs2sam2.data.prepared import (
    CollatePrepared,
    Prepared,
    PreparedSamples,
    ReferringBatch,
    one_sentence_per_thing,
)
from rs2sam2.data.registry import open_dataset
from rs2sam2.errors import ConfigError
from rs2sam2.evaluation.figures import PAPER_SIDE
from rs2sam2.training.black_boxes import BlackBoxes
from rs2sam2.training.referring_module import ReferringModule

SentencesAsked = Literal["all", "one_per_thing"]


class ReferringDataModule(pl.LightningDataModule):
    """The splits "train" and "val" of a data set; image sizes and tokeniser are those of the model that is trained.

    Args:
        dataset: a name that `rs2sam2 data` knows, such as "RefSegRS" or "RRSIS-D".
        root: folder of the set.
        batch_size: samples at once in one process.
        validation_sentences: "all", or "one_per_thing": one drawn for each thing, as the published code validates.
        black_boxes: share of the training samples that get black boxes (see `BlackBoxes`); the published code takes
            0.2 for RRSIS-D.
        workers: processes that prepare samples; 0 prepares them in the training process.
        seed: of the order, of the boxes and of the sentences that are drawn.
    """

    def __init__(
        self,
        dataset: str,
        root: Path,
        batch_size: int = 1,
        validation_sentences: SentencesAsked = "all",
        black_boxes: float = 0.0,
        workers: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if not 0 <= black_boxes <= 1:
            raise ConfigError(f"data.black_boxes: {black_boxes} is no share: give one of 0 to 1")
        if batch_size < 1:
            raise ConfigError(f"data.batch_size: {batch_size} samples make no batch: give 1 or more")
        self.dataset, self.root, self.batch_size, self.workers, self.seed = dataset, root, batch_size, workers, seed
        self.validation_sentences, self.black_boxes = validation_sentences, black_boxes

    def train_dataloader(self) -> DataLoader[Prepared]:
        """Every sentence once an epoch, in another order each time.

        Raises:
            DataError: the split is missing or damaged.
        """
        trainer, module = self._trainer_and_module()
        side = module.config.image_size
        boxes = BlackBoxes(self.black_boxes, side, self.seed) if self.black_boxes else None
        items = PreparedSamples([*open_dataset(self.dataset, self.root, "train")], module.config, side, boxes)
        return self._loader(items, EpochShare(items, trainer, self.batch_size, self.seed), module)

    def val_dataloader(self) -> DataLoader[Prepared]:
        """The split "val", masks at the size of the published figures.

        Raises:
            DataError: the split is missing or damaged.
        """
        trainer, module = self._trainer_and_module()
        samples = [*open_dataset(self.dataset, self.root, "val")]
        if self.validation_sentences == "one_per_thing":
            samples = one_sentence_per_thing(samples, self.seed)
        items = PreparedSamples(samples, module.config, PAPER_SIDE)
        return self._loader(items, ValidationShare(items, trainer.world_size, trainer.global_rank), module)

    def on_after_batch_transfer(self, batch: ReferringBatch, dataloader_idx: int) -> ReferringBatch:
        """Pictures travel as bytes and are normalised where the model is."""
        return batch.normalised(next(self._trainer_and_module()[1].parameters()).dtype)

    def _loader(
        self, items: PreparedSamples, sampler: DistributedSampler[int], module: ReferringModule
    ) -> DataLoader[Prepared]:
        return DataLoader(
            items,
            batch_size=self.batch_size,
            sampler=sampler,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            collate_fn=CollatePrepared(module.tokenizer),
        )

    def _trainer_and_module(self) -> tuple[pl.Trainer, ReferringModule]:
        module = self.trainer.lightning_module if self.trainer else None
        if self.trainer is None or not isinstance(module, ReferringModule):
            raise ConfigError("data: this data set goes with rs2sam2.training.referring_module.ReferringModule")
        return self.trainer, module


class EpochShare(DistributedSampler[int]):
    """This process's share of an epoch in random order; a run that is resumed goes on behind what it has seen."""

    def __init__(self, items: Sized, trainer: pl.Trainer, batch_size: int, seed: int) -> None:
        super().__init__(items, trainer.world_size, trainer.global_rank, seed=seed)  # type: ignore[arg-type]
        self.trainer, self.batch_size = trainer, batch_size

    def __iter__(self) -> Iterator[int]:
        """Indices, from the step of the epoch on that the trainer has reached."""
        return islice(super().__iter__(), self._seen(), None)

    def _seen(self) -> int:
        batches, at_once = self.trainer.num_training_batches, self.trainer.accumulate_grad_batches
        if isinf(batches):  # Lightning only tries whether there is an iterator, and has not counted yet
            return 0
        return self.trainer.global_step % ceil(batches / at_once) * at_once * self.batch_size


class ValidationShare(DistributedSampler[int]):
    """This process's share, in order. Where processes do not divide the set, indices go past its end."""

    def __iter__(self) -> Iterator[int]:
        """As many indices as in every other process."""
        return iter(range(self.rank, self.total_size, self.num_replicas))
