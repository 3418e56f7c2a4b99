"""The statistics: paired differences, what counts as one, and the table that shows them."""

import json

import pytest
from tests.ablation.scores import plan, write_scores

from rs2sam2.ablation.page import NUMBERS, PAGE, page
from rs2sam2.ablation.results import results, verdict
from rs2sam2.errors import DataError
from rs2sam2.evaluation.provenance import run_record

BASE = [10, 20, 30, 40, 50, 55, 60, 70, 80, 90]


def measured(tmp_path, found, **paper):
    """Results of rows whose two seeds found so much: name -> (first seed, second seed)."""
    made = plan(tmp_path, **paper)
    for run in made.runs:
        write_scores(run, found[run.row.name][run.seed - 1])
    return results(made, run_record("ablate", [], 0, "cpu"), seed=0)


def points(one):
    return round(100 * one["mean_iou"]["value"], 3)


def test_a_steady_difference_is_one_however_much_questions_differ(tmp_path):
    worse = [value - 5 for value in BASE]
    found = measured(tmp_path, {"full": (BASE, BASE), "row": (worse, worse)}, full=70, row=60)
    for part in ("real", "rendered"):
        difference = found["rows"]["row"]["differences"][part]
        assert difference["verdict"] == "worse"
        pooled = difference["pooled"]["mean_iou"]
        assert [round(pooled[name], 6) for name in ("value", "low", "high")] == [-0.05] * 3
    own = found["rows"]["full"]["runs"]["1"]["real"]["mean_iou"]
    assert own["low"] < own["value"] - 0.01, "unpaired, the interval is wider than the difference"


def test_a_difference_in_one_place_alone_is_not_distinguishable(tmp_path):
    one = [80, *BASE[1:]]
    found = measured(tmp_path, {"full": (BASE, BASE), "row": (one, one)}, full=70, row=60)
    difference = found["rows"]["row"]["differences"]["real"]
    assert points(difference["pooled"]) == 7
    assert difference["verdict"] == "not distinguishable"


def test_seeds_are_compared_each_with_its_own_and_pooled(tmp_path):
    up, down = [value + 9 for value in BASE], [value - 1 for value in BASE]
    found = measured(tmp_path, {"full": (BASE, down), "row": (up, BASE)}, full=70, row=60)
    difference = found["rows"]["row"]["differences"]["real"]
    assert {seed: points(one) for seed, one in difference["seeds"].items()} == {"1": 9, "2": 1}
    assert points(difference["pooled"]) == 5
    assert difference["verdict"] == "better"
    assert points(found["noise"]["real"]) == -1


def test_seeds_that_disagree_show_nothing(tmp_path):
    up, down = [value + 9 for value in BASE], [value - 1 for value in BASE]
    found = measured(tmp_path, {"full": (BASE, BASE), "row": (up, down)}, full=70, row=60)
    difference = found["rows"]["row"]["differences"]["real"]
    assert difference["pooled"]["mean_iou"]["low"] > 0
    assert difference["verdict"] == "not distinguishable"


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.02, "better"),
        (-0.02, -0.01, "worse"),
        (-0.01, 0.01, "not distinguishable"),
        (0.0, 0.02, "not distinguishable"),
        (None, None, "not distinguishable"),
    ],
)
def test_verdict(low, high, said):
    value = None if low is None else (low + high) / 2
    assert verdict({"value": value, "low": low, "high": high}, [{"value": value}]) == said


def test_figures_so_far(tmp_path):
    made = plan(tmp_path, full=70, row=60)
    with pytest.raises(DataError, match="no run has finished"):
        results(made, {}, 0)
    first = made.runs[0]
    write_scores(first, BASE)
    found = results(made, run_record("ablate", [], 0, "cpu"), 0)
    assert found["noise"] is None and found["rows"]["row"]["differences"] == {}
    assert f"| {first.row.says} | 70.00 | 75.00 |  | 50.5 |" in page(found)


def test_the_documentation_s_page_is_made_from_its_figures(root):
    numbers, text = root / "docs" / NUMBERS, root / "docs" / PAGE
    assert numbers.exists() == text.exists()
    if numbers.exists():
        assert text.read_text() == page(json.loads(numbers.read_text()))


def test_rows_of_one_s_own_need_no_paper(tmp_path):
    own = dict.fromkeys(("full", "row"), (BASE, BASE))
    found = measured(tmp_path, own, full=70, row=60)
    for row in found["rows"].values():
        row["paper"] = {}
    assert "| row |  |  |  | 50.5 | +0.0 (0.0 to 0.0) | not distinguishable |" in page(found)


def test_runs_that_were_asked_different_things_are_refused(tmp_path):
    made = plan(tmp_path, full=70, row=60)
    write_scores(made.runs[0], BASE, "old")
    write_scores(made.runs[1], BASE, "new")
    with pytest.raises(DataError, match="asked different real questions"):
        results(made, {}, 0)


def test_page_keeps_the_paper_s_figures_in_columns_of_their_own(tmp_path):
    up, down = [value + 9 for value in BASE], [value - 5 for value in BASE]
    found = measured(
        tmp_path, {"full": (BASE, BASE), "up": (up, up), "down": (down, down)}, full=73.9, up=60.25, down=38.63
    )
    text = page(json.loads(json.dumps(found)))
    lines = text.splitlines()
    heading = next(line for line in lines if line.startswith("| row | paper mIoU | paper oIoU | paper mIoU, diff"))
    names = [cell.strip() for cell in heading.split("|")[1:-1]]
    cells = {
        row: dict(zip(names, map(str.strip, line.split("|")[1:-1]), strict=True))
        for row in ("up", "down", "full")
        for line in [next(line for line in lines if line.startswith(f"| {row} |"))]
    }
    assert cells["up"]["paper mIoU"] == "60.25" and cells["up"]["paper mIoU, difference"] == "-13.65"
    assert cells["up"]["real difference (95 %)"] == "+9.0 (9.0 to 9.0)"
    assert cells["up"]["real verdict"] == "better, unlike in the paper"
    assert cells["down"]["rendered verdict"] == "worse"
    assert cells["full"]["real mIoU"] == "50.5" and cells["full"]["real verdict"] == ""
    assert "| full | 2 against 1 | +0.0 | 0.0 to 0.0 |" in text
