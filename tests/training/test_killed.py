"""A run that is killed over and over, also while it writes a checkpoint, ends as one that nobody disturbed."""

import multiprocessing
import random
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic, sleep

import pytest
import torch
import yaml
from tests.training.oam_fake import write_oam
from tests.training.referring_fake import small_recipes
from tests.training.test_resume import nano_recipe

KILLS = 10
SECONDS = 300.0

# Each run is a process of its own, split off from one that has imported everything and computed nothing.
START = multiprocessing.get_context("forkserver")
START.set_forkserver_preload(["rs2sam2.training.cli", "tests.training.test_killed"])


def train(config: str, log: str) -> None:
    """In a process of its own: go on from the last checkpoint, if there is one."""
    from rs2sam2.training.cli import main

    torch.set_num_threads(1)
    with Path(log).open("a") as file:
        sys.stdout = sys.stderr = file
        main(["fit", "--config", config, "--ckpt_path", "last"])


def started(config: Path) -> BaseProcess:
    process = START.Process(target=train, args=(str(config), str(config.with_suffix(".log"))))
    process.start()
    return process


def until(happened: Callable[[], bool], process: BaseProcess, pause: float) -> bool:
    """Whether it happened before the process ended."""
    end = monotonic() + SECONDS
    while not happened():
        if not process.is_alive():
            return False
        assert monotonic() < end
        sleep(pause)
    return True


def folder_of(config: Path) -> Path:
    return Path(yaml.safe_load(config.read_text())["trainer"]["default_root_dir"])


def written(last: Path) -> int:
    """When the last checkpoint was written."""
    with suppress(FileNotFoundError):
        return last.stat().st_mtime_ns
    return 0


def step_of(last: Path) -> int:
    return int(torch.load(last, weights_only=True)["global_step"]) if last.exists() else 0


def each_epoch(folder: Path, run: str, steps: int, per_epoch: int = 1) -> Path:
    """A recipe of the paper as it is: a checkpoint after each epoch."""
    recipes = small_recipes(folder / run, train=per_epoch)
    return recipes(run, max_epochs=steps // per_epoch, limit_val_batches=1)


def each_step(folder: Path, run: str, steps: int) -> Path:
    """A recipe of the paper with a checkpoint after each of the four steps of an epoch."""
    path = each_epoch(folder, run, steps, per_epoch=4)
    recipe = yaml.safe_load(path.read_text())
    recipe["trainer"]["callbacks"][-1]["init_args"]["every_n_train_steps"] = 1
    path.write_text(yaml.safe_dump(recipe))
    return path


def nano(folder: Path, run: str, steps: int) -> Path:
    root = folder / "oam"
    path = nano_recipe(root if root.exists() else write_oam(root), folder, run, steps, every=1)
    recipe = yaml.safe_load(path.read_text())
    recipe["trainer"]["callbacks"][-1]["init_args"] |= {"save_top_k": 1, "filename": "step"}
    path.write_text(yaml.safe_dump(recipe))
    return path


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("recipe", "steps"), [(each_epoch, 40), (each_step, 40), (nano, 24)])
def test_killed_at_ten_moments_it_ends_with_the_same_weights(tmp_path, recipe, steps):
    whole, disturbed = (recipe(tmp_path, run, steps) for run in ("whole", "disturbed"))
    undisturbed = started(whole)
    undisturbed.join(SECONDS)
    assert undisturbed.exitcode == 0, whole.with_suffix(".log").read_text()[-2000:]

    folder = folder_of(disturbed)
    last, part = folder / "last.ckpt", folder / ".last.ckpt.part"
    draw, reached, while_writing = random.Random(5), [0], 0
    for kill in range(KILLS):
        process, before = started(disturbed), written(last)
        if kill % 2:  # in the middle of a checkpoint
            assert until(lambda: written(last) != before, process, 0.001)  # noqa: B023 - called at once
            assert until(part.exists, process, 0)
        elif kill % 4:  # within a step
            assert until(lambda: written(last) != before, process, 0.001)  # noqa: B023
            sleep(draw.uniform(0, 0.03))
        else:  # while it still starts
            sleep(draw.uniform(0, 0.3))
        process.kill()
        process.join()
        while_writing += part.exists()
        reached.append(step_of(last))
    assert reached == sorted(reached) and len(set(reached)) > KILLS // 2, reached
    assert while_writing > 0, "never killed while a checkpoint was being written"
    assert reached[-1] < steps

    process = started(disturbed)
    process.join(SECONDS)
    assert process.exitcode == 0, disturbed.with_suffix(".log").read_text()[-2000:]
    ends = [torch.load(place / "last.ckpt", weights_only=True) for place in (folder_of(whole), folder)]
    assert ends[0]["global_step"] == ends[1]["global_step"] == steps
    for name, tensor in ends[0]["state_dict"].items():
        assert torch.equal(ends[1]["state_dict"][name], tensor), name
