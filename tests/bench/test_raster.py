"""`rs2sam2 bench raster`: what it prints, and that memory does not grow with the raster."""

import json
from pathlib import Path

import pytest

from rs2sam2.cli import main

pytestmark = pytest.mark.slow


def test_memory_does_not_depend_on_the_raster(tmp_path: Path) -> None:
    output = tmp_path / "raster.json"
    asked = ["bench", "raster", "--side", "4096", "--side", "8192", "--speed-side", "2048", "--filled", "16"]
    assert main([*asked, "-o", str(output)]) == 0
    report = json.loads(output.read_text())
    assert report["format"] == "rs2sam2.bench-raster/2"
    small, large = report["memory"]
    assert large["pixels"] == 4 * small["pixels"] and large["tiles"] > 3 * small["tiles"]
    assert large["objects"] > small["objects"] > 0
    assert large["peak"] > large["loaded"] and report["largest_over_smallest"] < 1.1
    speed = report["speed"]
    assert speed["ratio"] > 0 and speed["pipeline"]["cpu_seconds"] > speed["model"]["cpu_seconds"] > 0
    assert "--side 4096 --side 8192" in report["run"]["command"]
    dropping = report["dropping"]
    assert 0 < dropping["dropped"] < dropping["tiles"] and dropping["gain"] > 0
    page = tmp_path / "page.md"
    assert main(["bench", "raster", "--render", str(output), "-o", str(page)]) == 0
    text = page.read_text()
    assert f"| 8,192 | {large['tiles']:,} | {large['objects']:,} |" in text and "| the model alone |" in text
    assert f"{dropping['dropped']:,} of {dropping['tiles']:,} tiles were dropped early" in text
