"""`rs2sam2 calibrate` from outside: a weight folder in, the same weights with other thresholds out."""

import json
from pathlib import Path

import pytest

import rs2sam2
from rs2sam2.checkpoints import native
from rs2sam2.cli import main
from rs2sam2.errors import WeightsError
from rs2sam2.evaluation.calibration.choose import NOISE
from rs2sam2.files import file_sha256
from rs2sam2.inference.segmenter import Segmenter


@pytest.fixture(scope="module")
def weights_folder() -> Path:
    return Path(rs2sam2.__file__).parent / "weights" / "nano"


def test_weights_stay_and_the_decision_is_new(weights_folder: Path, places_root: Path, tmp_path: Path, capsys) -> None:
    arguments = ["calibrate", str(weights_folder), "--root", str(places_root), "--split", "val", "--rendered", "0"]
    assert main([*arguments, "-o", str(tmp_path / "new")]) == 0
    said = capsys.readouterr().out
    assert f"wrote {tmp_path / 'new'}" in said
    assert file_sha256(tmp_path / "new" / native.WEIGHTS) == file_sha256(weights_folder / native.WEIGHTS)
    _, before = native.read_settings(weights_folder)
    _, after = native.read_settings(tmp_path / "new")
    assert after != before and after.presence == before.presence
    note = json.loads((tmp_path / "new" / native.PROVENANCE).read_text())["calibration"]
    assert note["run"]["command"].startswith("rs2sam2 calibrate")
    worth = note["mean_iou"][after.one_thing]
    assert worth[str(after.mask_threshold)] >= max(worth.values()) - NOISE
    assert native.load(tmp_path / "new").decision == after


def test_in_place_and_again_gives_the_same(weights_folder: Path, places_root: Path, tmp_path: Path) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    options = ["--root", str(places_root), "--split", "val", "--rendered", "0"]
    assert main(["calibrate", str(weights_folder), "-o", str(first), *options]) == 0
    assert main(["calibrate", str(weights_folder), "-o", str(again), *options]) == 0
    assert (first / native.CONFIG).read_bytes() == (again / native.CONFIG).read_bytes()
    assert main(["calibrate", str(first), "-o", str(first), *options]) == 0
    assert sorted(path.name for path in first.iterdir()) == sorted(native.FILES)


def test_rendered_scenes_alone(weights_folder: Path, tmp_path: Path) -> None:
    assert main(["calibrate", str(weights_folder), "-o", str(tmp_path / "new"), "--rendered", "6"]) == 0
    assert native.load(tmp_path / "new").sha256 == native.load(weights_folder).sha256


def test_weights_that_are_not_a_folder_of_ours_are_refused(weights_folder: Path, tmp_path: Path) -> None:
    segmenter = Segmenter(native.load(weights_folder))
    with pytest.raises(WeightsError, match="rs2sam2 convert"):
        segmenter.check_calibrated(tmp_path / "new")
    with pytest.raises(WeightsError, match="rs2sam2 convert"):
        segmenter.save_calibrated(tmp_path / "new", segmenter.decision, {})


def test_other_weights_are_replaced_only_on_request_and_before_any_work(
    weights_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / native.WEIGHTS
    other.write_bytes(b"other weights")
    arguments = ["calibrate", str(weights_folder), "-o", str(tmp_path), "--rendered", "6"]
    with monkeypatch.context() as patched:
        patched.setattr(Segmenter, "answers", lambda *_: pytest.fail("asked before the refusal"))
        assert main(arguments) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert other.read_bytes() == b"other weights"
    assert main([*arguments, "--overwrite"]) == 0
    assert native.load(tmp_path).sha256 == native.load(weights_folder).sha256


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{weights}", "--rendered", "0"], "nothing to calibrate on"),
        (["{tmp}/nowhere", "--rendered", "4"], "no weights there"),
        (["{weights}", "--root", "{tmp}/nowhere"], "nowhere"),
    ],
)
def test_refusals_are_one_line(
    weights_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    filled = [part.format(weights=weights_folder, tmp=tmp_path) for part in arguments]
    assert main(["calibrate", *filled, "-o", str(tmp_path / "new")]) == 2
    complaint = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in complaint and complaint.startswith("rs2sam2: ")
    assert not (tmp_path / "new").exists()
