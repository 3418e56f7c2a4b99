"""What docs/service.md says works when it is typed in."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving.running import Server

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "service.md").read_text()


def marked(language: str) -> list[str]:
    return re.findall(rf"<!-- tested -->\n```{language}\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, pixels: np.ndarray) -> Path:
    made = tmp_path_factory.mktemp("typed")
    Image.fromarray(pixels).save(made / "scene.jpg", quality=95)
    return made


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
def test_curl(server: Server, folder: Path) -> None:
    scripts = marked("bash")
    assert len(scripts) == 4
    for script in scripts:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            env={**os.environ, "SERVER": server.url, "no_proxy": "*"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, script + done.stderr
        for name in re.findall(r"-o (\S+)", script):
            assert (folder / name).stat().st_size > 0, name
    assert "event: job" in (folder / "events.txt").read_text()
    with Image.open(folder / "mask.png") as mask:
        assert mask.size == (256, 256)


def test_python(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (script,) = marked("python")
    exec(compile(script, "docs/service.md", "exec"), {"server": server.url})
    assert Path("mask.png").is_file()
    for kept in server.get("/v1/corrections").json["corrections"]:
        assert server.ask("DELETE", f"/v1/corrections/{kept['id']}").status == 204
