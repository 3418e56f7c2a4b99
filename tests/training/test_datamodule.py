"""What the training processes draw: every group once, and one image size in every batch."""

from types import SimpleNamespace

import pytest
from tests.training.oam_fake import write_oam

from rs2sam2.data.mixture import MixtureWeights
from rs2sam2.errors import ConfigError
from rs2sam2.training.datamodule import MixtureDataModule, Remaining


def _module(root, trainer, sizes):
    module = MixtureDataModule(root, root / "t.spm", 7, sizes, MixtureWeights(), groups=3, easy=(0.2, 0.5))
    module.trainer = trainer
    return module


def test_image_size_changes_between_steps_only(tmp_path):
    trainer = SimpleNamespace(world_size=2, global_rank=0, global_step=0)
    module = _module(write_oam(tmp_path), trainer, [(0.0, 128), (0.35, 160), (0.8, 192)])
    module.setup("fit")
    assert len(module.train_set) == 7 * 3 * 2
    assert all(start % (3 * 2) == 0 for start, _ in module.train_set.sizes)
    assert module.train_set.easy == (8, 21)


@pytest.mark.parametrize("step", [0, 4])
def test_processes_share_what_the_run_has_not_seen(step):
    ranks = [SimpleNamespace(world_size=2, global_rank=rank, global_step=step) for rank in range(2)]
    drawn = [list(Remaining(trainer, 42, batch_size=3)) for trainer in ranks]
    assert sorted(drawn[0] + drawn[1]) == list(range(step * 6, 42))


def test_sizes_have_to_begin_at_the_start(tmp_path):
    with pytest.raises(ConfigError, match="first must start at 0"):
        _module(tmp_path, None, [(0.2, 128)])
