"""The learning rate over a run."""

from dataclasses import dataclass
from math import cos, pi
from typing import Literal

from rs2sam2.errors import ConfigError

DROP = 0.1
LAST_EPOCHS = 10
PUBLISHED_LAST_FULL_EPOCH = 49

ScheduleReading = Literal["paper", "published", "one_cycle"]
"""How the rate falls: in the last 10 epochs, after epoch index 49, or along a cosine."""


def one_cycle(step: int, steps: int, warmup: float) -> float:
    """Share of the highest rate: up from 0 over the first `warmup` of all steps, then down to 0 along a cosine."""
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + cos(pi * (step - rising) / max(1, steps - rising)))


def drop_in_last_epochs(epoch: int, epochs: int) -> float:
    """The paper: a tenth of the rate in the last 10 of all epochs. Epochs count from 0."""
    return DROP if epoch >= epochs - LAST_EPOCHS else 1.0


def drop_after_epoch_49(epoch: int) -> float:
    """The published code: a tenth from epoch 50 on (counted from 0), however many there are; so never in 40 epochs."""
    return DROP if epoch > PUBLISHED_LAST_FULL_EPOCH else 1.0


@dataclass(frozen=True)
class RunLength:
    """How long a run is, in optimisation steps and in epochs (below 1 where only steps are given)."""

    steps: int
    steps_per_epoch: int
    epochs: int


def share_of_rate(reading: ScheduleReading, step: int, run: RunLength, warmup: float) -> float:
    """What every rate is multiplied by at an optimisation step, counted from 0.

    The drop is counted in steps, not by a counter of epochs, so that a resumed run cannot miss one.

    Raises:
        ConfigError: if the last epochs of an unknown number are asked for.
    """
    if reading == "one_cycle":
        return one_cycle(step, run.steps, warmup)
    epoch = step // run.steps_per_epoch
    if reading == "published":
        return drop_after_epoch_49(epoch)
    if run.epochs < 1:
        raise ConfigError(f"trainer.max_epochs is {run.epochs}: the rate falls in the last epochs: give their number")
    return drop_in_last_epochs(epoch, run.epochs)
