"""What the training processes draw: every group once, and one image size in every batch."""

from types import SimpleNamespace

import pytest
from tests.training.oam_fake import write_oam

from rs2sam2.data.mixture import MixtureWeights, Phase
from rs2sam2.errors import ConfigError
from rs2sam2.training.datamodule import MixtureDataModule, Remaining


def _module(root, trainer, phases, groups=4):
    module = MixtureDataModule(root, root / "t.spm", 7, phases, MixtureWeights(), groups=groups, easy=(0.2, 0.5))
    module.trainer = trainer
    return module


def test_phases_change_between_steps_only(tmp_path):
    trainer = SimpleNamespace(world_size=2, global_rank=0, global_step=0)
    phases = [Phase(0.0, 128, 128, 4), Phase(0.35, 160, 160, 4), Phase(0.8, 192, 192, 4)]
    module = _module(write_oam(tmp_path), trainer, phases)
    module.setup("fit")
    assert len(module.train_set) == 7 * 2 * 2
    seen = [[module.train_set.phase(step * 4 + item).image_size for item in range(4)] for step in range(7)]
    assert all(len(set(step)) == 1 for step in seen)
    assert [step[0] for step in seen] == [128, 128, 160, 160, 160, 160, 192]


@pytest.mark.parametrize("step", [0, 4])
def test_processes_share_what_the_run_has_not_seen(step):
    ranks = [SimpleNamespace(world_size=2, global_rank=rank, global_step=step) for rank in range(2)]
    drawn = [list(Remaining(trainer, 42, batch_size=3)) for trainer in ranks]
    assert sorted(drawn[0] + drawn[1]) == list(range(step * 6, 42))


def test_sizes_have_to_begin_at_the_start(tmp_path):
    with pytest.raises(ConfigError, match="first must start at 0"):
        _module(tmp_path, None, [Phase(0.2, 128, 128, 4)])


def test_scenes_come_two_by_two(tmp_path):
    with pytest.raises(ConfigError, match="even number"):
        _module(tmp_path, None, [Phase(0.0, 128, 128, 4)], groups=3)
