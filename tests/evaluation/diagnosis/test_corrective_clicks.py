"""The simulated user, and what the report says about corrections."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from rs2sam2.cli import main
from rs2sam2.evaluation.diagnosis.clicks import Click, corrective_click
from rs2sam2.evaluation.diagnosis.report import measure
from rs2sam2.evaluation.diagnosis.tables import tables
from rs2sam2.inference.segmenter import Segmenter

masks = st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape))
)


@given(masks)
def test_a_click_lies_deepest_in_what_is_wrong(pair):
    found, meant = pair
    click = corrective_click(found, meant)
    wrong = found != meant
    if click is None:
        assert not wrong.any()
        return
    row, column = int(click.y), int(click.x)
    assert (click.y - row, click.x - column) == (0.5, 0.5)
    assert wrong[row, column] and click.label == meant[row, column]

    def depth(of, row, column):
        """To the nearest pixel that is right, or is beyond the image."""
        outside = [
            (r, c)
            for r in range(-1, len(of) + 1)
            for c in range(-1, of.shape[1] + 1)
            if not (0 <= r < len(of) and 0 <= c < of.shape[1] and of[r, c])
        ]
        return min(np.hypot(r - row, c - column) for r, c in outside)

    deepest = max(depth(of, r, c) for of in (meant & ~found, found & ~meant) for r, c in np.argwhere(of))
    assert depth(meant & ~found if click.label else found & ~meant, row, column) == pytest.approx(deepest)


def test_the_deeper_of_two_errors_comes_first():
    found, meant = np.zeros((20, 30), bool), np.zeros((20, 30), bool)
    meant[2:7, 2:7], found[10:19, 20:29] = True, True
    assert corrective_click(found, meant) == Click(24.5, 14.5, 0)
    found[:] = False
    assert corrective_click(found, meant) == Click(4.5, 4.5, 1)
    assert corrective_click(meant, meant) is None


@pytest.fixture
def obedient(deaf):
    """Marks the left roof whatever is said; a click sets right what hangs together with it, a box is filled."""

    class Obedient(type(deaf)):
        def see(self, image, sentence):
            return image, sentence

        def correct(self, seen, points=(), labels=(), box=None):
            image, sentence = seen
            answer = self.one(image.pixels, sentence)
            mask = answer.mask.copy()
            brightness = image.pixels.astype(int)
            roofs, _ = ndimage.label(np.abs(brightness - (110, 125, 80)).sum(axis=-1) > 60)
            for (x, y), label in zip(points, labels, strict=True):
                mask[roofs == roofs[int(y), int(x)]] = label
            if box is not None:
                mask[:] = False
                mask[box[1] : box[3], box[0] : box[2]] = True
            return dataclasses.replace(answer, mask=mask, present=bool(mask.any()))

    return Obedient()


def test_two_clicks_set_the_other_roof_right(obedient, places_root):
    sections = measure(obedient, places_root, "val", 0, seed=1, clicks=3).sections
    corrected = sections["clicks"]
    assert list(corrected) == ["real, single object", "real, group"]
    single = corrected["real, single object"]
    assert [after["count"] for after in single["clicks"]] == [12] * 4
    none, one, two, three = (after["mean_iou"]["value"] for after in single["clicks"])
    assert none == sections["single"]["mean_iou"]["value"] == pytest.approx(0.5)
    assert none == one, "the first click takes the larger roof away, where it is not meant"
    assert two > 0.9 and three >= two  # pictures are JPEG: edges are not exact
    assert single["clicks"][0]["gain"]["value"] == 0
    gain = single["clicks"][2]["gain"]
    assert gain["value"] == pytest.approx(two - none) and gain["low"] <= gain["value"] <= gain["high"]
    assert single["box"]["mean_iou"]["value"] == 1
    group = corrected["real, group"]["clicks"]
    assert group[0]["count"] == 4 and group[1]["mean_iou"]["value"] > 0.9


def test_without_clicks_nothing_is_corrected(oracle, places_root):
    assert "clicks" not in measure(oracle, places_root, "val", 0, seed=1).sections


def test_tables(obedient, places_root):
    sections = measure(obedient, places_root, "val", 0, seed=1, clicks=2).sections
    found = {table.title: table for table in tables(sections)}
    table = found["Corrections by hand: real, single object"]
    names = ["words alone", "words and 1 click", "words and 2 clicks", "words and a box"]
    assert [row[0] for row in table.rows] == names
    assert {len(row) for row in table.rows} == {len(table.headings)}
    gain = sections["clicks"]["real, single object"]["clicks"][2]["gain"]["value"]
    assert table.rows[2][4] == f"{100 * gain:.1f}" and table.rows[3][2] == "100.0"


@pytest.mark.slow
def test_the_command_asks_a_real_model(tmp_path, capsys):
    report = tmp_path / "clicks.json"
    assert main(["diagnose", "--rendered", "2", "--clicks", "1", "-o", str(report)]) == 0
    corrected = json.loads(report.read_text())["clicks"]
    for name, figures in corrected.items():
        assert len(figures["clicks"]) == 2, name
        assert figures["clicks"][1]["gain"]["value"] != 0, name
    assert "Corrections by hand: rendered, single object" in capsys.readouterr().out
    segmenter = Segmenter.from_pretrained("nano", "cpu")
    plain = measure(segmenter, None, "val", 2, seed=2026).sections["rendered"]["single"]
    assert corrected["rendered, single object"]["clicks"][0]["mean_iou"]["value"] == pytest.approx(
        plain["mean_iou"]["value"], abs=1e-3
    )
