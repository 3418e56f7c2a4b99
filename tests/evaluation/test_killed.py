"""A measurement that is killed, really, goes on where it was and ends as one that was not."""

import json
import os
import signal
import subprocess
import sysconfig
import time
from pathlib import Path

import pytest

COMMAND = Path(sysconfig.get_path("scripts")) / "rs2sam2"


@pytest.mark.slow
def test_killed_and_started_again(places_root, tmp_path):
    def command(folder):
        return [COMMAND, "evaluate", "--data", "rrsisd", "--root", places_root / "refer", "-o", folder]

    subprocess.run(command(tmp_path / "undisturbed"), check=True, capture_output=True)
    out, journal = tmp_path / "out", tmp_path / "out/journal.jsonl"
    process = subprocess.Popen(command(out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 1200
    while process.poll() is None and time.monotonic() < until:
        if journal.exists() and journal.read_bytes().count(b"\n") >= 2:  # what it measures, and a picture
            break
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = journal.read_bytes() if journal.exists() else b""
    assert 2 <= before.count(b"\n") < 5, "the kill came too early or too late to show anything"
    subprocess.run(command(out), check=True, capture_output=True)
    reports = [json.loads((folder / "metrics.json").read_text()) for folder in (out, tmp_path / "undisturbed")]
    assert reports[0]["figures"] == reports[1]["figures"]
    tables = [(folder / "samples.parquet").read_bytes() for folder in (out, tmp_path / "undisturbed")]
    assert tables[0] == tables[1]
