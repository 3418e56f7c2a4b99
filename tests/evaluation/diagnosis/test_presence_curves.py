"""Curves of P(present): against counting by hand, the page and its picture, and the command."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rs2sam2.cli import main
from rs2sam2.errors import DataError
from rs2sam2.evaluation.diagnosis.predict import Question
from rs2sam2.evaluation.diagnosis.presence import Pair, PresenceQuestion
from rs2sam2.evaluation.diagnosis.presence_curves import curve, figures, separation
from rs2sam2.evaluation.diagnosis.presence_page import page, picture

SCORES = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=12)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=15))
def test_separation_is_what_counting_gives(scores):
    there, absent = (np.array(column, dtype=float) for column in zip(*scores, strict=True))
    found = separation(there, absent)
    wins = [(a > b) + (a == b) / 2 for a in there for b in absent]
    assert found["area_under_curve"] == pytest.approx(sum(wins) / len(wins))
    assert found["ranked_right"] == pytest.approx(np.mean([(a > b) + (a == b) / 2 for a, b in scores]))
    tried = [((there >= cut).mean() + (absent < cut).mean()) / 2 for cut in np.arange(-1, 10)]
    assert found["best_balanced_accuracy"] == pytest.approx(max(tried))


@given(SCORES, SCORES)
def test_a_curve_rises_from_nothing_to_everything_and_its_area_is_the_area(there, absent):
    there, absent = np.array(there), np.array(absent)
    cuts, hits, alarms = curve(there, absent)
    assert (np.diff(cuts) < 0).all() and (np.diff(hits) >= 0).all() and (np.diff(alarms) >= 0).all()
    assert (hits[0], alarms[0], hits[-1], alarms[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(hits, alarms) == pytest.approx(separation(there, absent)["area_under_curve"])


def pairs():
    """Three pairs about cars, of which the model gets the large one right, and three about ships, all right."""
    scores = {"car": [(0.9, 0.2), (0.6, 0.7), (0.3, 0.4)], "ship": [(0.8, 0.1), (0.9, 0.3), (0.7, 0.2)]}
    made, found = [], {}
    for noun, rows in scores.items():
        for number, (there, absent) in enumerate(rows):
            sentence = f"the {noun} {number}"
            yes, no = Question("a", sentence), Question("b", sentence)
            groups, reason = {"class": noun}, ("colour" if number else "place")
            halves = PresenceQuestion(yes, True, "a"), PresenceQuestion(no, False, "b", reason)
            made.append(Pair(*halves, groups, 0.1 / (1 + number)))
            found[yes] = {"object_score": there, "early": there / 2}
            found[no] = {"object_score": absent, "early": absent / 2}
    return made, found


def test_where_it_fails():
    found = figures(*pairs(), "object_score", 0.5)
    assert found["pairs"] == 6 and found["words_only_balanced_accuracy"] == 0.5
    assert found["own"]["target_accuracy"] == found["own"]["no_target_accuracy"] == pytest.approx(5 / 6)
    assert found["sources"]["early"]["area_under_curve"] == found["own"]["area_under_curve"]
    of = found["divisions"]
    assert of["class"]["ship"]["balanced_accuracy"] == 1 and of["class"]["car"]["balanced_accuracy"] == pytest.approx(
        2 / 3
    )
    assert of["class"]["car"]["ranked_right"] == pytest.approx(1 / 3)
    assert {part: one["pairs"] for part, one in of["why absent"].items()} == {"no such colour": 4, "no such place": 2}
    sizes = of["size of the thing"]
    assert [one["pairs"] for one in sizes.values()] == [2] * 3
    assert sizes["largest third"]["balanced_accuracy"] == 1 > sizes["smallest third"]["balanced_accuracy"]


def report():
    weights = {"name": "own", "sha256": "ab", "license": "Apache-2.0"}
    run = {"command": "x", "date": "y", "commit": None, "uncommitted_changes": None, "seed": 1, "versions": {}}
    decision = {"presence": "object_score", "presence_threshold": 0.5}
    sets = {"real": figures(*pairs(), "object_score", 0.5)}
    return {"format": "rs2sam2.presence/1", "run": run, "weights": weights, "decision": decision, "sets": sets}


def test_page_and_picture_come_from_the_report_alone():
    text = page(json.loads(json.dumps(report())), "presence.json")
    assert "| SAM 2's object score | 88.9 | 66.7 | 83.3 | 83.3 |" in text
    assert "the threshold, it is at most 83.3." in text
    assert "| the sentence alone |  |  |  | 50.0 |" in text
    assert "| class: car | 3 |" in text and "| size of the thing: smallest third | 2 |" in text
    drawn = ElementTree.fromstring(picture(report()))
    lines = list(drawn.iter("{http://www.w3.org/2000/svg}polyline"))
    assert len(lines) == 2 + 2 * 2, "chance, and each source, on both sides"
    with pytest.raises(DataError, match="diagnose --presence"):
        page({}, "broken.json")


def test_the_documentation_is_made_from_its_figures(root, tmp_path):
    numbers = root / "docs/numbers/presence.json"
    made, drawn = tmp_path / "presence.md", tmp_path / "presence.svg"
    assert main(["diagnose", "--render", str(numbers), "-o", str(made), "--figure", str(drawn)]) == 0
    assert (root / "docs/presence.md").read_text() == made.read_text()
    assert (root / "docs/images/presence.svg").read_text() == drawn.read_text()


@pytest.mark.slow
def test_the_command(tmp_path, capsys):
    path = tmp_path / "presence.json"
    assert main(["diagnose", "--presence", "--weights", "nano", "--rendered", "8", "-o", str(path)]) == 0
    found = json.loads(path.read_text())["sets"]["rendered"]
    assert {"object_score", "early", "both", "mask"} == found["sources"].keys()
    assert all(len(one["there"]) == len(one["absent"]) == found["pairs"] for one in found["sources"].values())
    assert {"kind", "class", "why absent"} <= found["divisions"].keys()
    assert main(["diagnose", "--presence", "--rendered", "0"]) == 2
    assert "no pairs to ask" in capsys.readouterr().err
