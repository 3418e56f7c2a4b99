"""Runs that end early: nothing is lost, and what comes out in the end is what would have come out at once."""

import multiprocessing
import os
import random
import signal
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pyogrio
import pytest
import rasterio
from red import GREEN, OPTIONS, RedSegmenter, paint, run_slowly, write

from rs2sam2.errors import OutputError, StoppedError
from rs2sam2.inference.outputs.targets import check_targets
from rs2sam2.inference.raster.journal import Journal, TileAnswer
from rs2sam2.inference.raster.run import segment_raster

NAMES = ("mask.tif", "found.geojson", "found.gpkg", "found.parquet")
COMMAND = Path(sysconfig.get_path("scripts")) / "rs2sam2"


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Blobs of two colours over 8 x 10 tiles, some of them without data."""
    draw = np.random.default_rng(5)
    coarse = np.kron(draw.random((40, 50)), np.ones((10, 10)))
    pixels = paint(coarse < 0.3)
    pixels[:, coarse > 0.6] = np.array(GREEN, dtype=np.uint8)[:, None]
    pixels[:, 100:300, 200:330] = 0
    place = rasterio.Affine(0.5, 0, 500_000, 0, -0.5, 3_000_000)
    return write(tmp_path / "scene.tif", pixels, nodata=0, crs="EPSG:32636", transform=place)


def outputs(folder: Path) -> list[str]:
    folder.mkdir(exist_ok=True)
    return [str(folder / name) for name in NAMES]


def start(scene: Path, folder: Path, segmenter: RedSegmenter, **more: object) -> object:
    targets = check_targets(outputs(folder), source=scene, overwrite=True)
    return segment_raster(segmenter, scene, ["red things", "green things"], targets, OPTIONS, overwrite=True, **more)


def same(found: Path, expected: Path) -> None:
    for name in NAMES:
        ours, theirs = found / name, expected / name
        if name.endswith((".tif", ".geojson")):
            assert ours.read_bytes() == theirs.read_bytes(), name
        elif name.endswith(".parquet"):
            assert pq.read_table(ours).equals(pq.read_table(theirs)), name
        else:
            for mine, other in zip(pyogrio.raw.read(ours)[2:], pyogrio.raw.read(theirs)[2:], strict=True):
                assert all(np.array_equal(a, b) for a, b in zip(mine, other, strict=True)), name
    assert sorted(path.name for path in found.iterdir()) == sorted(NAMES), "nothing else is left"


def stop_after(batches: int) -> Iterator[bool]:
    yield from [False] * batches
    while True:
        yield True


def test_a_stopped_run_goes_on(scene: Path, tmp_path: Path) -> None:
    whole = RedSegmenter()
    start(scene, tmp_path / "whole", whole)
    told, folder = stop_after(5), tmp_path / "stopped"
    first, second = RedSegmenter(), RedSegmenter()
    with pytest.raises(StoppedError, match="goes on from here"):
        start(scene, folder, first, cancelled=lambda: next(told))
    assert [path.name for path in folder.iterdir()] == [".mask.tif.rs2sam2"]
    assert [path.name for path in (folder / ".mask.tif.rs2sam2").iterdir()] == ["journal"]
    report = start(scene, folder, second)
    assert 0 < report.reused < report.tiles and report.empty > 0
    assert first.looks + second.looks == whole.looks, "no tile is asked twice"
    same(folder, tmp_path / "whole")


def test_a_journal_that_was_cut_anywhere(scene: Path, tmp_path: Path) -> None:
    start(scene, tmp_path / "whole", RedSegmenter())
    folder, told = tmp_path / "cut", stop_after(3)
    with pytest.raises(StoppedError):
        start(scene, folder, RedSegmenter(), cancelled=lambda: next(told))
    journal = folder / ".mask.tif.rs2sam2/journal"
    content = journal.read_bytes()
    for size in (0, 10, len(content) // 3, len(content) - 1):
        (folder / ".mask.tif.rs2sam2").mkdir(exist_ok=True)
        journal.write_bytes(content[:size])
        start(scene, folder, RedSegmenter())
        same(folder, tmp_path / "whole")
    (folder / ".mask.tif.rs2sam2").mkdir()
    journal.write_bytes(content[: len(content) // 2] + b"?" + content[len(content) // 2 + 1 :])
    start(scene, folder, RedSegmenter())
    same(folder, tmp_path / "whole")


def test_a_journal_of_another_run(scene: Path, tmp_path: Path) -> None:
    folder, told = tmp_path / "other", stop_after(1)
    with pytest.raises(StoppedError):
        start(scene, folder, RedSegmenter(), cancelled=lambda: next(told))
    targets = check_targets(outputs(folder), source=scene)
    with pytest.raises(OutputError, match="begun with tile 64, and this run has 65: give the same again"):
        segment_raster(RedSegmenter(), scene, ["red things", "green things"], targets, replace(OPTIONS, tile=65))
    (folder / ".mask.tif.rs2sam2/journal").write_bytes(b"something else\n" * 9)
    with pytest.raises(OutputError, match="not a journal"):
        start(scene, folder, RedSegmenter())


def test_a_journal_in_use(tmp_path: Path) -> None:
    first = Journal.begin(tmp_path / "journal", {"a": 1}, 2)
    first.add(3, [TileAnswer(0.5, 0.25, np.array([[1, 2], [3, 4]], dtype=np.float16))])
    with pytest.raises(OutputError, match="another process"):
        Journal.begin(tmp_path / "journal", {"a": 1}, 2)
    first.close()
    second = Journal.begin(tmp_path / "journal", {"a": 1}, 2)
    assert second.done == {3}
    (answer,) = second.read(3)
    assert (answer.p_present, answer.predicted_iou, answer.logits.tolist()) == (0.5, 0.25, [[1, 2], [3, 4]])
    second.close()


def test_too_little_disk(scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(OutputError, match="GB of disk may be needed"):
        start(scene, tmp_path / "full", RedSegmenter())
    assert list((tmp_path / "full").iterdir()) == []


@pytest.mark.slow
def test_killed_at_20_random_moments(scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Imported once, by the process that the others are forked from, which does not look where this one has found it.
    places = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(places))
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["red"])
    start(scene, tmp_path / "whole", RedSegmenter())

    def begin(pause: float) -> multiprocessing.Process:
        process = processes.Process(target=run_slowly, args=(str(scene), outputs(tmp_path / "killed"), pause))
        process.start()
        return process

    for _ in range(2):  # the first waits for what all of them import
        began = time.monotonic()
        finished = begin(0.02)
        finished.join()
        assert finished.exitcode == 0
    lasts = time.monotonic() - began
    same(tmp_path / "killed", tmp_path / "whole")
    seed = random.randrange(10**6)
    draw = random.Random(seed)
    killed = kept = 0
    while killed < 20:
        process = begin(0.02)
        time.sleep(draw.uniform(0, lasts))
        if process.is_alive():
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.join()
        kept += (tmp_path / "killed/.mask.tif.rs2sam2/journal").exists()
        if draw.random() < 0.3:
            process = begin(0)
            process.join()
            assert process.exitcode == 0, seed
            same(tmp_path / "killed", tmp_path / "whole")
    assert kept > 3, "some were killed midway"
    process = begin(0)
    process.join()
    assert process.exitcode == 0, seed
    same(tmp_path / "killed", tmp_path / "whole")


@pytest.mark.slow
def test_ctrl_c_on_the_command_line(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 2200, 4600), dtype=np.uint8)
    scene = write(
        tmp_path / "scene.tif", pixels, crs="EPSG:32636", transform=rasterio.Affine(0.1, 0, 5e5, 0, -0.1, 3e6)
    )

    def command(folder: Path) -> list[str]:
        folder.mkdir(exist_ok=True)
        words = [COMMAND, "segment", scene, "the buildings", "-o", folder / "mask.tif", "-o", folder / "found.geojson"]
        return [str(word) for word in words]

    subprocess.run(command(tmp_path / "whole"), check=True, capture_output=True)
    folder = tmp_path / "stopped"
    journal = folder / ".mask.tif.rs2sam2/journal"
    process = subprocess.Popen(command(folder), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    sizes = set()
    while process.poll() is None and len(sizes) < 4:  # its first line, and some tiles
        sizes |= {journal.stat().st_size} if journal.exists() else set()
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130 and said.strip().endswith("interrupted, the same command goes on from here")
    assert [path.name for path in folder.iterdir()] == [".mask.tif.rs2sam2"] and not (folder / "mask.tif").exists()
    done = subprocess.run(command(folder), check=True, capture_output=True, text=True)
    assert "from before" in done.stdout
    for name in ("mask.tif", "found.geojson"):
        assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["found.geojson", "mask.tif"]
