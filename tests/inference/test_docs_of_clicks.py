"""What docs/clicks.md tells people to type works."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image

from rs2sam2.cli import main
from rs2sam2.inference.user_prompts import MOST_POINTS

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "clicks.md").read_text()


@pytest.fixture(autouse=True)
def scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two images that the page names; the second lies around the box that it gives."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (150, 200, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("scene.jpg")
    place = {"crs": "EPSG:4326", "transform": Affine(0.0001, 0, 32.565, 0, -0.0001, 0.322)}
    size = {"height": 150, "width": 200, "count": 3, "dtype": "uint8"}
    with rasterio.open("scene.tif", "w", driver="GTiff", **size, **place) as file:
        file.write(pixels.transpose(2, 0, 1))


def test_python() -> None:
    blocks = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 2 and names["answer"].mask.shape == (150, 200)
    assert names["answer"].prompts.points == ((120.0, 80.0),)


def test_commands() -> None:
    commands = [line.strip() for line in TEXT.splitlines() if line.startswith("    rs2sam2 ")]
    assert len(commands) == 2
    for command in commands:
        Path("mask.png").unlink(missing_ok=True)
        Path("mask.tif").unlink(missing_ok=True)
        assert main(shlex.split(command)[1:]) == 0
        assert Path(shlex.split(command)[-1]).is_file()


def test_the_limit() -> None:
    assert f"at most {MOST_POINTS} of them" in TEXT
