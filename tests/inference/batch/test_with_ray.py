"""A real local Ray with two workers, one of them killed in the middle of its scene."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install '.[ray]'"),
]
PATIENCE = 600  # seconds: on a machine that others keep busy, Ray alone takes minutes to start


@pytest.fixture
def command(make_scene, weights_folder: Path, tmp_path: Path) -> list[str]:
    """Six scenes, each of some seconds of work, and two workers."""
    for seed in range(6):
        make_scene(tmp_path / "in" / f"s{seed}.tif", seed, side=800)
    options = ["--weights", str(weights_folder), "--threshold", "0.05", "--device", "cpu"]
    options += ["--gsd", "0.1", "-e", "the large white building", "-o", str(tmp_path / "out")]
    return [
        sys.executable,
        "-m",
        "rs2sam2",
        "batch",
        str(tmp_path / "in"),
        *options,
        "--engine",
        "ray",
        "--workers",
        "2",
    ]


def statuses(folder: Path) -> dict[str, dict]:
    found = {}
    for path in folder.glob("out/scenes/*/status.json"):
        status = json.loads(path.read_text())
        found[Path(status["source"]).stem] = status
    return found


def running(folder: Path) -> dict[int, str]:
    return {status["process"]: name for name, status in statuses(folder).items() if status["state"] == "running"}


def skip_where_ray_is_too_slow(told: str) -> None:
    if "The current node timed out during startup" in told:
        pytest.skip("this machine is too busy for Ray, which gives itself 30 seconds to start")


@pytest.mark.timeout(3 * PATIENCE)
def test_the_scene_of_a_killed_worker_is_run_again(command, tmp_path):
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        try:
            deadline = time.monotonic() + PATIENCE
            while len(busy := running(tmp_path)) < 2:  # one model per worker, both at work
                if run.poll() is not None:
                    out, err = run.communicate()
                    skip_where_ray_is_too_slow(err)
                    raise AssertionError(out + err)
                assert time.monotonic() < deadline, "two workers were never at work at once"
                time.sleep(0.05)
            victim, scene = next(iter(busy.items()))
            os.kill(victim, signal.SIGKILL)
            out, err = run.communicate(timeout=PATIENCE)
        finally:
            run.kill()
    assert run.returncode == 0, err
    assert "6 of 6 scenes answered" in out
    found = statuses(tmp_path)
    assert {status["state"] for status in found.values()} == {"done"}
    assert found[scene]["process"] not in {victim, run.pid}
    assert 2 <= len({status["process"] for status in found.values()}) <= 3
    assert err.count(": 1 of 1 expressions found") == 6
    links = json.loads((tmp_path / "out" / "collection.json").read_text())["links"]
    assert len(links) == 6


@pytest.mark.timeout(3 * PATIENCE)
def test_weights_that_are_none_are_one_line(command, tmp_path):
    command[command.index("--weights") + 1] = str(tmp_path)
    run = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    skip_where_ray_is_too_slow(run.stderr)
    assert run.returncode == 2, run.stderr
    assert run.stderr.splitlines()[-1].startswith(f"rs2sam2: {tmp_path}")
    assert "Traceback" not in run.stderr
