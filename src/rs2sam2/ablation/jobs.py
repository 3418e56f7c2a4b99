"""Runs side by side, each a process with one thread."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic, sleep

import yaml

from rs2sam2.ablation.one_run import LOG, RECIPE, SCORES
from rs2sam2.ablation.plan import Plan, Run
from rs2sam2.errors import ConfigError, Rs2Sam2Error
from rs2sam2.files import whole_file

_POLL = 0.5


def prepare(plan: Plan, run: Run) -> None:
    """Make the folder of a run, with its recipe.

    Raises:
        ConfigError: it was begun with another recipe.
        OSError: it cannot be written.
    """
    text = f"# {run.name}, a run of rs2sam2 ablate\n{yaml.safe_dump(plan.recipe(run), sort_keys=False)}"
    path = run.folder / RECIPE
    if path.exists():
        if path.read_text(encoding="utf-8") != text:
            raise ConfigError(f"{path}: this run was begun with other settings: delete its folder or give another one")
        return
    run.folder.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def finished(run: Run) -> bool:
    """Whether a run has its scores."""
    return (run.folder / SCORES).exists()


def run_all(plan: Plan, jobs: int, say: Callable[[str], None], after: Callable[[], None]) -> None:
    """Bring every run to its end.

    Args:
        plan: which runs; their folders are prepared, and so are tokenizer and rendered scenes.
        jobs: how many at a time.
        say: is told what begins and ends.
        after: is called whenever a run has ended.

    Raises:
        Rs2Sam2Error: a run failed; the others are stopped, and go on from their checkpoints when all is started again.
    """
    waiting = [run for run in plan.runs if not finished(run)]
    count, began, done = len(waiting), monotonic(), 0
    at_work: dict[subprocess.Popen[bytes], Run] = {}
    try:
        while waiting or at_work:
            while waiting and len(at_work) < jobs:
                run = waiting.pop(0)
                say(f"{run.name}: begins; what it says is in {run.folder / LOG}")
                at_work[_start(plan, run)] = run
            sleep(_POLL)
            for process in [process for process in at_work if process.poll() is not None]:
                run = at_work.pop(process)
                if process.returncode or not finished(run):
                    raise Rs2Sam2Error(f"{run.name}: failed: {_last_line(run.folder / LOG)} (see {run.folder / LOG})")
                done += 1
                hours = (monotonic() - began) / 3600
                say(f"{run.name}: done, {done} of {count} after {hours:.2f} h; all by {hours * count / done:.2f} h")
                after()
    finally:
        for process in at_work:
            process.terminate()
        for process in at_work:
            process.wait()


def _start(plan: Plan, run: Run) -> subprocess.Popen[bytes]:
    command: Sequence[str | Path] = [
        *(sys.executable, "-m", "rs2sam2.ablation.one_run", run.folder, "--steps", str(run.row.steps)),
        *("--real", plan.real, "--rendered", plan.rendered_file),
    ]
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with (run.folder / LOG).open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **one_thread})


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
