"""What the README says works when it is typed in."""

import itertools
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text()
SCENE = "scene.jpg"


def marked(language: str) -> list[str]:
    """Bodies of the README's blocks in `language` that are marked as tested."""
    return re.findall(rf"<!-- tested -->\n```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rendered scene under the name that the README uses."""
    from rs2sam2.data.synthetic import render_scene

    path = tmp_path_factory.mktemp("readme") / SCENE
    Image.fromarray(render_scene(np.random.default_rng(7), 256).image).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path, scene: Path) -> Path:
    (tmp_path / SCENE).write_bytes(scene.read_bytes())
    return tmp_path


def written_by(command: str, *options: str) -> list[str]:
    """Files that a command line says it writes with these options."""
    return [value for option, value in itertools.pairwise(shlex.split(command)) if option in options]


@pytest.mark.parametrize("script", marked("bash"))
def test_commands(script: str, folder: Path) -> None:
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euc", script], cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    masks = [name for line in script.splitlines() for name in written_by(line, "-o", "--output")]
    pictures = [name for line in script.splitlines() for name in written_by(line, "--overlay")]
    assert masks and pictures, "a tested command names what it writes"
    for name in masks:
        with Image.open(folder / name) as mask, Image.open(folder / SCENE) as original:
            assert mask.size == original.size
    for name in pictures:  # the scene with a caption below it
        with Image.open(folder / name) as picture:
            assert picture.size[1] > picture.size[0]


@pytest.mark.parametrize("script", marked("python"))
def test_python(script: str, folder: Path) -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_something_is_tested() -> None:
    assert marked("bash")
    assert marked("python")


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)$|`make ([a-z-]+)`", TEXT, flags=re.MULTILINE)) != set()
    assert {a or b for a, b in re.findall(r"^make ([a-z-]+)$|`make ([a-z-]+)`", TEXT, flags=re.MULTILINE)} <= targets


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)", TEXT)
    assert [link for link in links if not link.startswith("http") and not (ROOT / link).exists()] == []
