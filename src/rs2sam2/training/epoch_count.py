"""Lightning's count of epochs, kept right when a run is resumed more than once."""

from typing import Any

import lightning.pytorch as pl


class CountsEpochs(pl.Callback):
    """Counts an epoch as begun in which a resumed run goes on.

    Lightning leaves that out where the checkpoint is of an epoch's last step. Nothing comes of it until the run is
    resumed once more from another epoch's last step: that epoch would be trained twice.
    """

    def on_train_batch_start(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        batch: Any,  # noqa: ANN401 - of any data module
        batch_idx: int,
    ) -> None:
        """While an epoch runs, one more is begun than is completed."""
        progress = trainer.fit_loop.epoch_progress
        if progress.total.ready == progress.total.completed:
            progress.increment_ready()
            progress.increment_started()
