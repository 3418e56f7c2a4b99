"""A real local Ray with two workers, one of them killed in the middle of its scene."""

import importlib.util
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.dataset
import pytest
from batch_catalogues import served_catalogue

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
    return asking(tmp_path / "in", weights_folder, tmp_path / "out", "--gsd", "0.1")


def asking(scenes: Path | str, weights: Path, out: Path, *more: str) -> list[str]:
    options = ["--weights", str(weights), "--threshold", "0.05", "--device", "cpu", *more]
    options += ["-e", "the large white building", "-o", str(out), "--engine", "ray", "--workers", "2"]
    return [sys.executable, "-m", "rs2sam2", "batch", str(scenes), *options]


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment in which a cluster of somebody else's is reached, on this machine and with a token."""
    environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"]
    command += ["--port", str(port), "--num-cpus", "2", "--include-dashboard", "false"]
    command += ["--object-store-memory", str(128 << 20)]
    log = tmp_path_factory.mktemp("ray") / "log.txt"
    with (
        log.open("w") as file,
        subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=environment) as running,
    ):
        try:
            deadline = time.monotonic() + PATIENCE
            while "Ray runtime started" not in log.read_text():
                if running.poll() is not None:
                    skip_where_ray_is_too_slow(log.read_text())
                    raise AssertionError(log.read_text())
                assert time.monotonic() < deadline, "the cluster was never there"
                time.sleep(0.2)
            yield {**environment, "RAY_ADDRESS": f"127.0.0.1:{port}"}
            assert running.poll() is None, "the cluster is gone"
        finally:
            running.terminate()


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


@pytest.mark.timeout(3 * PATIENCE)
def test_a_running_cluster_answers_a_served_catalogue_and_is_left_running(
    cluster, make_scene, server, weights_folder, tmp_path
):
    names = ["a", "b", "c"]
    served_catalogue(server.folder, names)
    for seed, name in enumerate(names):
        make_scene(server.folder / "cogs" / f"{name}.tif", seed)
    command = asking(f"{server.url}/catalog.json", weights_folder, tmp_path / "out")

    def run() -> str:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=cluster,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "3 of 3 scenes answered" in run()
    assert {path for path, part in server.requests if part} == {f"/cogs/{name}.tif" for name in names}
    table = pyarrow.dataset.dataset(tmp_path / "out" / "segments", partitioning="hive").to_table()
    assert set(table["scene"].to_pylist()) == {path.name for path in tmp_path.glob("out/scenes/*")}

    wrote = {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/scenes/*/*")}
    assert "3 of 3 scenes answered, 3 of them before" in run()
    assert wrote == {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/scenes/*/*")}
