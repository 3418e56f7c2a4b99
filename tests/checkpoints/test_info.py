"""`rs2sam2 info`, `convert` and `init` from the command line: what they print, and what they leave alone."""

import json
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from foreign_weights import MEMORY, SPM, beit3_state, model, published_state, sam2_state, write_folder, write_pickle
from torch import Tensor

from rs2sam2.checkpoints.convert import convert
from rs2sam2.checkpoints.reading import TensorSource
from rs2sam2.cli import main
from rs2sam2.model.rs2sam2 import RS2SAM2

PARTS = {
    "union encoder",
    "trunk",
    "fusion layers",
    "neck",
    "fusion after encoding",
    "mask prompt generator",
    "prompt encoder",
    "mask decoder",
    "projections",
}
OF_SAM2 = {"trunk", "neck", "prompt encoder", "mask decoder"}


@pytest.fixture(scope="module")
def whole() -> RS2SAM2:
    return model()


@pytest.fixture
def published(tmp_path: Path, whole: RS2SAM2) -> Path:
    return write_folder(tmp_path / "rrsisd", published_state(whole))


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def run(*arguments: object, code: int = 0) -> str:
        assert main([str(argument) for argument in arguments]) == code
        out, err = capsys.readouterr()
        return err if code else out

    return run


def info(printed: Callable[..., str], *arguments: object) -> dict[str, Any]:
    return json.loads(printed("info", *arguments, "--json"))


def test_nano(printed: Callable[..., str]) -> None:
    said = info(printed, "nano")
    assert said["parts"].keys() == PARTS | {"early presence"}
    assert said["parameters"] == sum(said["parts"].values()) == said["precision"]["float16"]
    assert (said["kind"], said["name"], said["license"], said["problems"]) == ("rs2sam2", "nano", "Apache-2.0", None)
    assert "OpenAerialMap" in said["training_data"]


def test_published(printed: Callable[..., str], published: Path, whole: RS2SAM2) -> None:
    said = info(printed, published)
    assert said["kind"] == "published" and said["problems"] is None
    assert said["parameters"] == sum(tensor.numel() for tensor in whole.state_dict().values())
    assert said["dropped"]["memory mechanism, for video"] == sum(prod(shape) for shape in MEMORY.values())
    fusion = [
        t for n, t in whole.state_dict().items() if n.startswith("trunk.") and (".fusion." in n or ".adapter." in n)
    ]
    assert said["parts"]["fusion layers"] == sum(tensor.numel() for tensor in fusion)
    assert said["precision"].keys() == {"float32"}
    assert said["license"] == said["training_data"] == "unknown"


def test_halves(printed: Callable[..., str], tmp_path: Path, whole: RS2SAM2) -> None:
    state = {name: tensor.bfloat16() for name, tensor in sam2_state(whole).items()}
    said = info(printed, write_pickle(tmp_path / "sam2.pt", state))
    assert said["parts"].keys() == OF_SAM2 and said["problems"] is None
    assert (said["title"], said["license"]) == ("SAM 2.1 of another size", "Apache-2.0")
    assert said["precision"].keys() == {"bfloat16"}
    said = info(printed, write_pickle(tmp_path / "beit3.pth", beit3_state(whole)))
    assert said["parts"].keys() == {"union encoder"} and said["problems"] is None
    assert (said["kind"], said["license"]) == ("beit3", "MIT")


def test_converted(printed: Callable[..., str], tmp_path: Path, published: Path) -> None:
    convert(published, tmp_path / "ours", dtype=torch.bfloat16)
    said = info(printed, tmp_path / "ours")
    assert said["kind"] == "rs2sam2" and said["precision"].keys() == {"bfloat16"}
    assert said["provenance"]["source_files"].keys() == {"model.safetensors", "sentencepiece.bpe.model"}


def test_problems_are_said_and_no_reason_to_fail(printed: Callable[..., str], tmp_path: Path, whole: RS2SAM2) -> None:
    state = published_state(whole)
    del state["text2one_linear.bias"]
    folder = write_folder(tmp_path / "theirs", {**state, "surprise": torch.zeros(1)})
    assert info(printed, folder)["problems"] == "1 missing: text_weight.bias; 1 unexpected: surprise"
    assert "1 missing: text_weight.bias" in " ".join(printed("info", folder).split())


def test_no_tensor_is_read(
    printed: Callable[..., str], published: Path, tmp_path: Path, whole: RS2SAM2, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(self: TensorSource, name: str) -> Tensor:
        raise AssertionError(f"{name} was read")

    monkeypatch.setattr(TensorSource, "read", read)
    for path in ("nano", published, write_pickle(tmp_path / "sam2.pt", sam2_state(whole))):
        info(printed, path)


def test_table_for_people(printed: Callable[..., str], published: Path) -> None:
    said = printed("info", published)
    for word in (*PARTS, "together", "left behind: memory mechanism", "licence", "float32"):
        assert word in said


def test_verify_notices_what_a_checksum_notices(printed: Callable[..., str], tmp_path: Path, published: Path) -> None:
    convert(published, tmp_path / "ours")
    assert "sha256, verified" in printed("info", tmp_path / "ours", "--verify")
    path = tmp_path / "ours" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    printed("info", tmp_path / "ours")
    assert "damaged" in printed("info", tmp_path / "ours", "--verify", code=2)


def test_verify_gives_checksums_of_other_files(printed: Callable[..., str], published: Path) -> None:
    assert info(printed, published)["sha256"] == {}
    assert info(printed, published, "--verify")["sha256"].keys() == {"model.safetensors"}


class TestCommands:
    def test_convert(self, printed: Callable[..., str], tmp_path: Path, published: Path) -> None:
        said = printed("convert", published, tmp_path / "ours", "--dtype", "float16")
        assert "left behind on purpose: 7 tensors (memory mechanism, for video)" in said
        assert info(printed, tmp_path / "ours")["precision"].keys() == {"float16"}
        said = printed("convert", published, tmp_path / "ours", code=2)
        assert "--overwrite" in said and said.count("\n") == 1
        printed("convert", published, tmp_path / "ours", "--overwrite")

    def test_init(self, printed: Callable[..., str], tmp_path: Path, whole: RS2SAM2) -> None:
        sam2 = write_pickle(tmp_path / "sam2.pt", sam2_state(whole))
        beit3 = write_pickle(tmp_path / "beit3.pth", beit3_state(whole))
        said = printed("init", "--sam2", sam2, "--beit3", beit3, "--spm", SPM, tmp_path / "start")
        assert "new, and to be trained" in said
        said = info(printed, tmp_path / "start")
        assert said["parts"].keys() == PARTS and said["provenance"]["trained"] is False
        printed("convert", sam2, tmp_path / "ours", code=2)
        said = printed("convert", sam2, tmp_path / "ours", code=2)
        assert "rs2sam2 init" in said and said.count("\n") == 1

    @pytest.mark.parametrize("command", ["info", "convert"])
    def test_nothing_there(self, printed: Callable[..., str], tmp_path: Path, command: str) -> None:
        target = [tmp_path / "ours"] if command == "convert" else []
        said = printed(command, tmp_path / "nothing", *target, code=2)
        assert str(tmp_path / "nothing") in said and said.count("\n") == 1
