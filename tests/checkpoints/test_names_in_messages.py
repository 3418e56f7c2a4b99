"""A stranger's names are printed so that a terminal does nothing but show them."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from foreign_weights import SPM, beit3_state, model, published_state, sam2_state, write_folder, write_pickle
from safetensors.torch import save_file
from weight_files import index, sharded, written

from rs2sam2.checkpoints.convert import convert
from rs2sam2.checkpoints.native import load
from rs2sam2.cli import main
from rs2sam2.errors import Rs2Sam2Error, WeightsError, printable

# Clears the screen, sets the title, rings; the same in one byte; turns the line around; begins a line of its own.
NAME = "a\x1b[2J\x1b]0;title\x07\x9b31m\u202e\r\nrs2sam2: all is well"
SHOWN = r"a\x1b[2J\x1b]0;title\x07\x9b31m\u202e\r\nrs2sam2: all is well"
IN_A_LINE = SHOWN.replace(r"\r\n", " ")
ONE = {NAME: torch.ones(2)}


@pytest.fixture
def printed(capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def run(*arguments: object, code: int = 0) -> str:
        assert main([str(argument) for argument in arguments]) == code
        said = "".join(capfd.readouterr())
        assert all(letter.isprintable() for letter in said.replace("\n", "")), repr(said)
        assert code == 0 or said.count("\n") == 1
        return said

    return run


def squeezed(text: str) -> str:
    """Without the blanks and line ends with which a table breaks what is long."""
    return "".join(text.split())


@pytest.mark.parametrize("text", ["plain", "größer als 建物", "e\u0301", "", "a b", "back\\slash"])
def test_what_is_seen_stays(text: str) -> None:
    assert printable(text) == text
    assert printable(printable(NAME)) == printable(NAME) == SHOWN


def test_every_error_is_printable() -> None:
    assert str(Rs2Sam2Error(NAME)) == str(WeightsError(NAME)) == IN_A_LINE
    assert str(WeightsError("\udc80")).encode() == rb"\udc80"


@pytest.mark.parametrize("pickled", [False, True], ids=["safetensors", "pickle"])
def test_info_and_convert(printed: Callable[..., str], tmp_path: Path, pickled: bool) -> None:
    folder = write_folder(tmp_path / "theirs", {**published_state(model()), **ONE}, pickled=pickled)
    assert squeezed(f"1 unexpected: {SHOWN}") in squeezed(printed("info", folder))
    assert json.loads(printed("info", folder, "--json"))["problems"] == f"1 unexpected: {NAME}"
    assert f"1 unexpected: {IN_A_LINE}; " in printed("convert", folder, tmp_path / "ours", code=2)


def test_init(printed: Callable[..., str], tmp_path: Path) -> None:
    sam2 = write_pickle(tmp_path / "a" / "sam2.pt", {**sam2_state(model()), **ONE})
    beit3 = write_pickle(tmp_path / "b" / "beit3.pth", beit3_state(model()))
    said = printed("init", "--sam2", sam2, "--beit3", beit3, "--spm", SPM, tmp_path / "start", code=2)
    assert f"1 unexpected: {IN_A_LINE}; " in said


def test_files_that_are_refused(printed: Callable[..., str], tmp_path: Path) -> None:
    path = tmp_path / "weights"
    save_file(ONE, path)
    assert IN_A_LINE in printed("info", path, code=2), "not weights that are known here"
    written(path, {NAME: 1})
    assert IN_A_LINE in printed("info", path, code=2), "no tensors"
    save_file({NAME: torch.ones(2, dtype=torch.float8_e4m3fn)}, path)
    assert IN_A_LINE in printed("info", path, code=2), "a dtype that is not used here"
    path.write_bytes(b"\x80\x02cos\x1b[2J\nsystem\n.")
    assert r"os\x1b[2J" in printed("info", path, code=2), "wants to call"
    sharded(tmp_path, one=ONE)
    index(tmp_path, {NAME: "one.safetensors", "b": "\x1b[2J"})
    assert r"\x1b[2J" in printed("info", tmp_path, code=2), "a shard that is missing"
    index(tmp_path, {"b": "one.safetensors"})
    assert IN_A_LINE in printed("info", tmp_path, code=2), "not announced"


def test_path_of_the_users_own(printed: Callable[..., str], tmp_path: Path) -> None:
    """It is named once, though not as it is."""
    path = written(tmp_path / "a\x1b[2J.pt", {"x": torch.ones(2)})
    assert printed("info", path, code=2).count("[2J.pt") == 1


def test_what_a_folder_of_ours_says_of_itself(printed: Callable[..., str], tmp_path: Path) -> None:
    convert(write_folder(tmp_path / "theirs", published_state(model())), tmp_path / "ours")
    path = tmp_path / "ours" / "provenance.json"
    said = json.loads(path.read_text())
    for key in ("source", "license", "training_data"):
        said[key] = NAME
    said["source_files"] = {NAME: NAME}
    said["dropped"] = {NAME: ["x"]}
    path.write_text(json.dumps(said))
    settings = json.loads((tmp_path / "ours" / "config.json").read_text())
    settings["model"]["name"] = NAME
    (tmp_path / "ours" / "config.json").write_text(json.dumps(settings))
    assert squeezed(printed("info", tmp_path / "ours")).count(squeezed(SHOWN)) == 6
    assert f"1 tensors ({SHOWN})" in printed("convert", tmp_path / "ours", tmp_path / "again")
    assert load(tmp_path / "again").name == NAME


@pytest.mark.parametrize("dropped", [[], None, "x", {"reason": 3}])
def test_provenance_of_another_form(printed: Callable[..., str], tmp_path: Path, dropped: object) -> None:
    convert(write_folder(tmp_path / "theirs", published_state(model())), tmp_path / "ours")
    path = tmp_path / "ours" / "provenance.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "dropped": dropped}))
    assert "no list of names for a reason" in printed("convert", tmp_path / "ours", tmp_path / "again", code=2)
