"""`rs2sam2 bench runtimes`: a full-size preset is exported, opened by every runtime, and timed."""

import json
import tempfile
from pathlib import Path

import pytest

from rs2sam2.bench.runtimes import WAYS, parse
from rs2sam2.bench.runtimes_page import page
from rs2sam2.cli import main
from rs2sam2.errors import DataError

MEMORY = 10e9


def test_models() -> None:
    assert parse(["nano:1", "tiny:8"]) == [("nano", 1), ("tiny", 8)]


@pytest.mark.parametrize("wrong", ["nano", "nano:", "nano:0", "nano:9", "nano:x", "pico:1", ":1"])
def test_what_is_no_model(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "runtimes", "--model", wrong]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and ("such as nano:8" in said or "choose one of" in said)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_full_size_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meminfo = Path("/proc/meminfo").read_text().split()
    available = 1024 * int(meminfo[meminfo.index("MemAvailable:") + 1])
    if available < MEMORY:
        pytest.skip(f"needs {MEMORY:g} bytes of memory; there are {available:g}")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    output = tmp_path / "runtimes.json"
    assert main(["bench", "runtimes", "--model", "tiny:1", "--repeats", "1", "-o", str(output)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["runtimes.json"]
    (model,) = json.loads(output.read_text())["models"]
    assert model["image_side"] == 1024
    assert [(way["runtime"], way["precision"]) for way in model["ways"]] == [*WAYS]
    assert 0.1 < model["ways"][0]["mask_share"] < 0.9, "a mask of one kind only would prove nothing"
    for way in model["ways"]:
        exact = way["precision"] == "float32"
        assert way["seconds"] > 0 < way["opening"]
        assert way["mask_iou"] >= (0.999 if exact else 0.9)
        assert way["relative_difference_of_logits"] < (1e-3 if exact else 0.1)
    assert model["export"]["bytes"] > 1e9 and model["export"]["relative_difference"] < 1e-3


def test_page_in_the_docs_is_that_of_its_figures(root: Path) -> None:
    figures = json.loads((root / "docs" / "numbers" / "runtimes.json").read_text())
    assert (root / "docs" / "export.md").read_text() == page(figures, "runtimes.json")
    for model in figures["models"]:
        float32 = [way for way in model["ways"] if way["precision"] == "float32"]
        assert len(float32) == 3 and all(way["mask_iou"] >= 0.999 for way in float32)
    with pytest.raises(DataError, match=r"runtimes.json: the report lacks 'models'"):
        page({name: value for name, value in figures.items() if name != "models"}, "runtimes.json")
