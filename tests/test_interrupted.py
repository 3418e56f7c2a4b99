"""Ctrl-C in a terminal, which reaches a command and all its processes: one line, exit code 130, and what is kept."""

import os
import pty
import re
import select
import signal
import subprocess
import sysconfig
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rs2sam2.inference.segmenter import LARGEST_BATCH

pytestmark = pytest.mark.slow
COMMAND = Path(sysconfig.get_path("scripts")) / "rs2sam2"
PICTURES = 60


def interrupt(words, when, patience=1200):
    """Start the command on a terminal, press Ctrl-C once `when(what it said)`; exit code and what it said after."""
    terminal, its_end = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=its_end,
        start_new_session=True,
        env=os.environ | {"TERM": "xterm"},
    )
    os.close(its_end)
    said, pressed, until = b"", None, time.monotonic() + patience
    while time.monotonic() < until:
        if select.select([terminal], [], [], 0.02)[0]:
            try:
                said += os.read(terminal, 1 << 16)
            except OSError:  # its other end is closed: nobody is left who could say anything
                break
        if pressed is None and when(said.decode(errors="replace")):
            pressed = len(said)
            os.killpg(process.pid, signal.SIGINT)
    os.close(terminal)
    code = process.wait(timeout=60)
    assert pressed is not None, f"it ended before Ctrl-C was pressed: {said.decode(errors='replace')[-2000:]}"
    return code, said[pressed:].decode(errors="replace")


def lines(said):
    """Without the bar, which is drawn over and over on one line."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said).replace("\r", "\n")
    return [line for line in text.splitlines() if line.strip() and "━" not in line]


@pytest.fixture
def root(tmp_path):
    """A split in the layout of RefSegRS; its pictures differ in nothing but their names."""
    for name, mode in (("images", "RGB"), ("masks", "L")):
        (tmp_path / "set" / name).mkdir(parents=True)
        first = tmp_path / "set" / name / "0.tif"
        pixels = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(first)
        for number in range(1, PICTURES):
            os.link(first, tmp_path / "set" / name / f"{number}.tif")
    (tmp_path / "set/output_phrase_val.txt").write_text("".join(f"{n} the roof\n" for n in range(PICTURES)))
    return tmp_path / "set"


def test_evaluate_keeps_what_it_has_measured_and_goes_on(root, tmp_path):
    out = tmp_path / "out"
    journal, words = out / "journal.jsonl", ["evaluate", "--data", "refsegrs", "--root", root, "-o", out]
    code, said = interrupt(words, lambda _: journal.exists() and journal.read_bytes().count(b"\n") > LARGEST_BATCH + 1)
    assert (code, lines(said)) == (130, ["rs2sam2: interrupted, the same command goes on from here"])
    kept = journal.read_bytes()
    done = kept.count(b"\n") - 1
    assert LARGEST_BATCH < done < PICTURES and not (out / "metrics.json").exists()
    before = {path.name: path.stat().st_mtime_ns for path in (out / "masks").iterdir()}
    code, said = interrupt(words, lambda _: journal.read_bytes().count(b"\n") > done + 2)
    assert code == 130 and journal.read_bytes().startswith(kept)
    after = {path.name: path.stat().st_mtime_ns for path in (out / "masks").iterdir()}
    whole = done // LARGEST_BATCH * LARGEST_BATCH  # one question a picture; a batch that was cut is asked again whole
    finished = sorted(before, key=before.__getitem__)[:whole]
    assert [name for name in finished if after[name] != before[name]] == [], "no finished batch is asked again"


def test_data_check(root):
    for number in range(PICTURES, 4000):
        for folder, name in (("images", "0"), ("masks", "0")):
            os.link(root / folder / f"{name}.tif", root / folder / f"{number}.tif")
    (root / "output_phrase_val.txt").write_text("".join(f"{n} the roof\n" for n in range(4000)))
    code, said = interrupt(["data", "check", "refsegrs", root], lambda said: "images of val" in said)
    assert (code, lines(said)) == (130, ["rs2sam2: interrupted, no result was written"])


@pytest.mark.parametrize("workers", [0, 2])
def test_bench_and_its_workers(tmp_path, workers):
    words = ["bench", "data", "--samples", 100_000, "--workers", workers, "-o", tmp_path / "bench.json"]
    code, said = interrupt(words, lambda said: re.search(r"\b[1-9]\d*/\d+", said) is not None)
    assert (code, lines(said)) == (130, ["rs2sam2: interrupted, no result was written"])
    assert list(tmp_path.iterdir()) == []
