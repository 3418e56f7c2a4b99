"""However a training ends, it says why in one line, keeps the last good checkpoint and leaves no process behind."""

import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import pytest
import torch
import yaml
from tests.training.referring_fake import small_recipes

from rs2sam2.cli import main
from rs2sam2.errors import OutputError
from rs2sam2.training.checkpoint_file import WholeCheckpoints

pytestmark = pytest.mark.filterwarnings("ignore")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
COMMAND = [sys.executable, "-m", "rs2sam2", "train", "fit", "--config"]


@pytest.fixture
def small(tmp_path):
    return small_recipes(tmp_path)


@contextmanager
def files_no_larger_than(size: int):
    """A file that would grow beyond so many bytes fails to, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def said(capsys) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("rs2sam2: ")]


def test_a_checkpoint_is_there_whole_or_as_before(tmp_path):
    path, writer = tmp_path / "new" / "last.ckpt", WholeCheckpoints()
    writer.save_checkpoint({"weights": torch.ones(1000)}, path)
    (path.parent / ".last.ckpt.part").write_bytes(b"what a killed process left")
    writer.save_checkpoint({"weights": torch.zeros(1000)}, path)
    good = path.read_bytes()
    assert not torch.load(path)["weights"].any()
    with files_no_larger_than(20_000), pytest.raises(OutputError, match=r"File too large.*one before it is kept"):
        writer.save_checkpoint({"weights": torch.ones(100_000)}, path)
    assert path.read_bytes() == good and [*path.parent.iterdir()] == [path]
    with pytest.raises(OutputError, match=r"cannot be written \(Not a directory\): free"):
        writer.save_checkpoint({}, path / "below" / "a.ckpt")


@pytest.mark.slow
def test_a_disk_that_fills_up_on_the_way(small, tmp_path, capsys):
    path = small("run", max_epochs=1)
    assert main(["train", "fit", "--config", str(path)]) == 0
    last = tmp_path / "run" / "last.ckpt"
    good = last.read_bytes()
    on = ["train", "fit", "--config", str(path), "--ckpt_path", "last", "--trainer.max_epochs", "3"]
    with files_no_larger_than(len(good) // 2):
        assert main(on) == 2
    (line,) = said(capsys)
    assert "ckpt: this checkpoint cannot be written (File too large); the one before it is kept" in line
    assert last.read_bytes() == good and not [*last.parent.glob(".*")]
    assert main(on) == 0, "with room again, it goes on"
    assert torch.load(last, weights_only=True)["global_step"] == 12


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 6 MB, which holds one checkpoint of the tiny model and not two."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", place], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no small file system can be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk(small, small_disk, capsys):
    path = small("disk", max_epochs=1)
    assert main(["train", "fit", "--config", str(path)]) == 2, "best and last do not both fit"
    (line,) = said(capsys)
    assert "cannot be written (No space left on device)" in line
    kept = [*small_disk.glob("*.ckpt")]
    assert len(kept) == 1 and torch.load(kept[0], weights_only=True)["global_step"] == 4
    assert not [*small_disk.glob(".*.part")]


def test_a_folder_that_cannot_be_written_is_said_before_the_first_step(small, tmp_path, capsys):
    (tmp_path / "run").write_text("a file where the folder should be")
    assert main(["train", "fit", "--config", str(small("run"))]) == 2
    (line,) = said(capsys)
    assert str(tmp_path / "run") in line and "give another place" in line
    if os.geteuid() == 0:
        return  # root may write everywhere
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    assert main(["train", "fit", "--config", str(small("closed"))]) == 2
    (line,) = said(capsys)
    assert str(closed) in line and "Permission denied" in line


def test_what_a_recipe_asks_for_and_is_not_installed_is_one_line(small, capsys):
    path = small("run")
    recipe = yaml.safe_load(path.read_text())
    recipe["trainer"]["logger"] = {"class_path": "lightning.pytorch.loggers.WandbLogger"}
    path.write_text(yaml.safe_dump(recipe))
    try:
        import wandb  # noqa: F401
    except ModuleNotFoundError:
        assert main(["train", "fit", "--config", str(path)]) == 2
        (line,) = said(capsys)
        assert "wandb" in line and "install what the recipe asks for, or take it out" in line
    else:
        pytest.skip("wandb is installed")


def two_processes(small, **changes: object) -> Path:
    path = small("run", devices=2, strategy="ddp", max_epochs=1000)
    recipe = yaml.safe_load(path.read_text())
    recipe["trainer"]["callbacks"][-1]["init_args"]["every_n_train_steps"] = 1
    recipe["model"] |= changes
    path.write_text(yaml.safe_dump(recipe))
    return path


def others_of(process: subprocess.Popen[str]) -> list[int]:
    done = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True)
    return [int(number) for number in done.stdout.split()]


def wait_for(happened, seconds=200.0):
    end = monotonic() + seconds
    while not happened():
        assert monotonic() < end
        sleep(0.05)


def running(number: int) -> bool:
    status = Path(f"/proc/{number}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_both_processes(small, tmp_path, number):
    process = subprocess.Popen(
        [*COMMAND, two_processes(small)], env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    last = tmp_path / "run" / "last.ckpt"
    wait_for(lambda: last.exists() or process.poll() is not None)
    others = others_of(process)
    assert len(others) == 1
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + number, errors[-2000:]
    (line,) = [line for line in errors.splitlines() if line.startswith("rs2sam2: ")]
    assert "--ckpt_path last" in line
    assert not any(map(running, others))
    assert torch.load(last, weights_only=True)["global_step"] > 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_one_process_s_failure_ends_both_and_is_said(small, tmp_path):
    path = two_processes(small)
    script = tmp_path / "spoilt.py"
    script.write_text(SPOILT)
    process = subprocess.run(
        [sys.executable, script, path], env=ENVIRONMENT, capture_output=True, text=True, timeout=300
    )
    assert process.returncode == 2, process.stderr[-2000:]
    lines = [line for line in process.stderr.splitlines() if line.startswith("rs2sam2: ")]
    assert "the loss is nan at step 1" in lines[0] and "the r" in lines[0], "the sample and its sentence"
    assert "another process of this training ended with code 2" in lines[1] and len(lines) == 2
    assert "Traceback" not in process.stderr


# The second process meets a weight that is no number.
SPOILT = """
import os, sys, torch
from rs2sam2.cli import main
from rs2sam2.training.referring_module import ReferringModule

plain = ReferringModule.training_step

def spoilt(self, batch, index):
    if os.environ.get("LOCAL_RANK") == "1" and self.global_step == 1:
        torch.nn.init.constant_(self.model.text_projection.bias, float("nan"))
    return plain(self, batch, index)

ReferringModule.training_step = spoilt
sys.exit(main(["train", "fit", "--config", sys.argv[1]]))
"""
