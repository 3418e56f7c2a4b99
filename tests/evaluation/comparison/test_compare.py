"""`rs2sam2 compare`: paired differences of two measurements, and what it refuses to compare."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from rs2sam2.cli import main
from rs2sam2.data.registry import open_dataset


@pytest.fixture
def measured(places_root, tmp_path):
    """Folders: "right" with the truth, "shifted" with every mask moved by two columns but one, which is right."""
    root = places_root / "refer"
    for name in ("right", "shifted"):
        (tmp_path / f"{name}_masks").mkdir()
        for number, sample in enumerate(open_dataset("rrsisd", root, "val")):
            mask = np.roll(sample.mask, 2, axis=1) if name == "shifted" and number else sample.mask
            Image.fromarray(mask).save(tmp_path / f"{name}_masks" / f"{sample.sample_id}.png")
        options = ["--predictions", str(tmp_path / f"{name}_masks"), "-o", str(tmp_path / name)]
        assert main(["evaluate", "--data", "rrsisd", "--root", str(root), *options]) == 0
    return tmp_path


def compare(folder, first, second, *more):
    return main(["compare", str(folder / first), str(folder / second), "-o", str(folder / "out"), *more])


def result(folder):
    return json.loads((folder / "out/comparison.json").read_text())


def test_the_better_system_is_better(measured, capsys):
    assert compare(measured, "shifted", "right") == 0
    report = result(measured)
    figures = [report[side]["figures"]["native"]["mean_iou"]["value"] for side in ("first", "second")]
    gap = report["differences"]["native"]["mean_iou"]
    assert figures[1] == 1
    assert gap["value"] == pytest.approx(1 - figures[0], abs=1e-6)
    assert 0 < gap["low"] <= gap["value"] <= gap["high"]
    assert report["samples"]["second_better"] == 11
    assert (report["samples"]["first_better"], report["samples"]["alike"]) == (0, 1)
    assert set(report["slices"]["kind"]) == {"position", "colour"}
    page = (measured / "out/comparison.html").read_text()
    assert page.count("<img") == 11  # nowhere is the first better
    assert "right_masks (right) is better" in page
    assert "shifted_masks (shifted) is better" not in page
    assert "difference" in capsys.readouterr().out


def test_a_difference_changes_sign_with_the_order(measured):
    assert compare(measured, "shifted", "right") == 0
    forward = result(measured)["differences"]["native"]
    assert compare(measured, "right", "shifted", "--overwrite") == 0
    for name, back in result(measured)["differences"]["native"].items():
        if back["value"] is not None:
            assert back["value"] == -forward[name]["value"]
            assert back["low"] == pytest.approx(-forward[name]["high"])


def test_a_system_against_itself(measured):
    assert compare(measured, "shifted", "shifted") == 0
    assert result(measured)["differences"]["native"]["mean_iou"] == {"value": 0, "low": 0, "high": 0}


def test_refusals(measured, places_root, capsys):
    def said():
        return capsys.readouterr().err.splitlines()[-1]

    assert compare(measured, "right", "right_masks") == 2
    assert "metrics.json" in said()
    root, masks = places_root / "refer", measured / "right_masks"
    options = ["--root", str(root), "--predictions", str(masks), "-o", str(measured / "one_place"), "--place", "(p)"]
    assert main(["evaluate", "--data", "rrsisd", *options]) == 0
    assert compare(measured, "right", "one_place") == 2
    assert "differ in place" in said()
    assert compare(measured, "right", "shifted", "--root", str(measured / "nowhere")) == 2
    assert "--root" in said()
    shutil.rmtree(measured / "shifted/masks")
    assert compare(measured, "right", "shifted") == 2
    assert "cannot be read" in said()
    assert not (measured / "out").exists()
