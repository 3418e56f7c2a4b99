"""Rates over a run, by hand."""

import pytest

from rs2sam2.errors import ConfigError
from rs2sam2.training.schedule import RunLength, one_cycle, share_of_rate


def shares(reading, epochs, per_epoch=3):
    run = RunLength(epochs * per_epoch, per_epoch, epochs)
    steps = [share_of_rate(reading, step, run, warmup=0.03) for step in range(run.steps)]
    assert all(len({*steps[i : i + per_epoch]}) == 1 for i in range(0, run.steps, per_epoch))
    return steps[::per_epoch]


@pytest.mark.parametrize("epochs", [40, 60])
def test_paper_drops_in_the_last_10_epochs(epochs):
    assert shares("paper", epochs) == [1.0] * (epochs - 10) + [0.1] * 10


def test_published_drops_after_epoch_index_49_and_so_never_in_40_epochs():
    assert shares("published", 60) == [1.0] * 50 + [0.1] * 10
    assert shares("published", 70) == [1.0] * 50 + [0.1] * 20
    assert shares("published", 40) == [1.0] * 40


def test_one_cycle_is_nano_s():
    run = RunLength(200, 20, 10)
    assert [share_of_rate("one_cycle", step, run, 0.05) for step in (0, 9, 10, 105, 199)] == [
        one_cycle(step, 200, 0.05) for step in (0, 9, 10, 105, 199)
    ]
    assert share_of_rate("one_cycle", 105, run, 0.05) == pytest.approx(0.5)


def test_last_epochs_need_an_end():
    with pytest.raises(ConfigError, match="max_epochs is -1"):
        share_of_rate("paper", 0, RunLength(100, 10, -1), 0.03)
