"""Weights go to the Hub and come back; what the documentation and the command line say of it works."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from foreign_weights import model, published_state, write_folder
from local_hub import NAME, LocalHub, Repository
from PIL import Image

from rs2sam2.checkpoints.locate import locate
from rs2sam2.checkpoints.native import FILES
from rs2sam2.errors import OutputError
from rs2sam2.inference.segmenter import Segmenter

# huggingface_hub's own call of its HTTP library.
UPLOADS = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@UPLOADS
def test_upload_comes_back(hub: LocalHub, native: Path) -> None:
    address = Segmenter.from_pretrained(native, device="cpu").push_to_hub("me/mine", private=True, token="hf_right")
    repository = hub.repositories["me/mine"]
    assert address == f"{hub.url}/me/mine/commit/{repository.commit}"
    assert repository.private
    assert repository.files == {path.name: path.read_bytes() for path in native.iterdir()}
    assert Segmenter.from_pretrained("me/mine", device="cpu").weights == Segmenter.from_pretrained(native).weights


@UPLOADS
def test_upload_of_other_weights_converts_them(hub: LocalHub, tmp_path: Path) -> None:
    theirs = write_folder(tmp_path / "published", published_state(model()))
    Segmenter.from_pretrained(theirs, device="cpu").push_to_hub("me/mine", token="hf_right")
    assert set(hub.repositories["me/mine"].files) == set(FILES)
    assert Segmenter.from_pretrained("me/mine", device="cpu").weights.name == "me/mine"


@UPLOADS
def test_upload_makes_this_machine_look_again(hub: LocalHub, native: Path) -> None:
    locate(NAME)
    changed = Path(shutil.copytree(native, "changed"))
    (changed / "README.md").write_text("# Another card\n")
    (changed / "notes.txt").write_text("private")
    Segmenter.from_pretrained(changed, device="cpu").push_to_hub(NAME, token="hf_right")
    assert (locate(NAME) / "README.md").read_text() == "# Another card\n"
    assert "notes.txt" not in hub.repositories[NAME].files


@pytest.mark.parametrize(
    ("name", "token", "text"),
    [
        ("me/mine", "hf_wrong", "not uploaded.*me/mine.*HF_TOKEN"),
        ("mine", "hf_right", "is no name on the Hub"),
        ("me/mine:base", "hf_right", "is no name on the Hub"),
    ],
)
def test_upload_that_is_refused(hub: LocalHub, native: Path, name: str, token: str, text: str) -> None:
    with pytest.raises(OutputError, match=text) as caught:
        Segmenter.from_pretrained(native, device="cpu").push_to_hub(name, token=token)
    assert "\n" not in str(caught.value)
    assert "hf_" not in str(caught.value).replace("HF_TOKEN", "")


def test_upload_without_network(hub: LocalHub, native: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segmenter = Segmenter.from_pretrained(native, device="cpu")
    hub.stop()
    with pytest.raises(OutputError, match=r"not uploaded.*could not be reached"):
        segmenter.push_to_hub("me/mine", token="hf_right")


@UPLOADS
def test_python_of_the_documentation(
    hub: LocalHub, root: Path, native: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = write_folder(tmp_path / "published", published_state(model()))
    files = {f"rrsisd/{path.name}": path.read_bytes() for path in theirs.iterdir()}
    hub.repositories["ReeF2025/RS2-SAM2"] = Repository(files)
    shutil.copytree(native, "weights/mine")
    Image.new("RGB", (64, 64)).save("scene.jpg")
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    page = (root / "docs" / "weights" / "hub.md").read_text()
    exec("".join(re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)), {})
    assert set(hub.repositories["me/my-model"].files) == set(FILES)


@pytest.mark.slow
def test_command_line_takes_names_on_the_hub(hub: LocalHub, tmp_path: Path) -> None:
    """In processes of their own, by HF_ENDPOINT: downloaded, then answered without the Hub."""
    Image.new("RGB", (64, 64)).save(tmp_path / "scene.png")
    command = [sys.executable, "-m", "rs2sam2", "segment", "scene.png", "the building", "--weights", NAME, "--json"]
    settings = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1"}
    first = subprocess.run(command, capture_output=True, text=True, env=settings)
    assert first.returncode == 0, first.stderr
    hub.stop()
    second = subprocess.run(command, capture_output=True, text=True, env=settings)
    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout) == json.loads(first.stdout)
    third = subprocess.run([*command[:-2], "owner/none"], capture_output=True, text=True, env=settings)
    assert third.returncode == 2
    assert third.stderr.startswith("rs2sam2: owner/none: ")
    assert len(third.stderr.splitlines()) == 1
