"""How long training took, across interruptions and processes."""

from time import monotonic, process_time

import lightning.pytorch as pl
import torch


class Clock(pl.Callback):
    """Counts wall time and the processor time of all processes; the counts are part of every checkpoint."""

    def __init__(self) -> None:
        self.wall_seconds = 0.0
        self.cpu_seconds = 0.0
        self._wall, self._cpu = monotonic(), process_time()

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start counting."""
        self._wall, self._cpu = monotonic(), process_time()

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Add up, now and then: the sum over processes costs a message."""
        if trainer.global_step % 20 == 0 or trainer.global_step == trainer.max_steps:
            wall, cpu = monotonic(), process_time()
            used = torch.tensor(cpu - self._cpu, dtype=torch.float64)
            self.cpu_seconds += float(trainer.strategy.reduce(used, reduce_op="sum"))
            self.wall_seconds += wall - self._wall
            self._wall, self._cpu = wall, cpu

    def state_dict(self) -> dict[str, float]:
        """Both counts, in seconds."""
        return {"wall_seconds": self.wall_seconds, "cpu_seconds": self.cpu_seconds}

    def load_state_dict(self, state_dict: dict[str, float]) -> None:
        """Go on from a checkpoint's counts."""
        self.wall_seconds, self.cpu_seconds = state_dict["wall_seconds"], state_dict["cpu_seconds"]
