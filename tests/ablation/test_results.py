"""The statistics: paired differences, what counts as one, and the table that shows them."""

import json

import pytest
from tests.ablation.scores import plan, write_scores

from rs2sam2.ablation.findings import sentences, verdict, verdict_of
from rs2sam2.ablation.page import NUMBERS, PAGE, page
from rs2sam2.ablation.results import results
from rs2sam2.cli import main
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
        assert verdict_of(found, "row", part) == "worse"
        pooled = difference["pooled"]["mean_iou"]
        assert [round(pooled[name], 6) for name in ("value", "low", "high")] == [-0.05] * 3
    own = found["rows"]["full"]["runs"]["1"]["real"]["mean_iou"]
    assert own["low"] < own["value"] - 0.01, "unpaired, the interval is wider than the difference"


def test_a_difference_in_one_place_alone_is_not_distinguishable(tmp_path):
    one = [80, *BASE[1:]]
    found = measured(tmp_path, {"full": (BASE, BASE), "row": (one, one)}, full=70, row=60)
    difference = found["rows"]["row"]["differences"]["real"]
    assert points(difference["pooled"]) == 7
    assert verdict_of(found, "row", "real") == "not distinguishable"


def test_seeds_are_compared_each_with_its_own_and_pooled(tmp_path):
    up, down = [value + 9 for value in BASE], [value - 1 for value in BASE]
    found = measured(tmp_path, {"full": (BASE, down), "row": (up, BASE)}, full=70, row=60)
    difference = found["rows"]["row"]["differences"]["real"]
    assert {seed: points(one) for seed, one in difference["seeds"].items()} == {"1": 9, "2": 1}
    assert points(difference["pooled"]) == 5
    assert verdict_of(found, "row", "real") == "better"
    assert points(found["noise"]["real"]) == -1


def test_seeds_that_disagree_show_nothing(tmp_path):
    up, down = [value + 9 for value in BASE], [value - 1 for value in BASE]
    found = measured(tmp_path, {"full": (BASE, BASE), "row": (up, down)}, full=70, row=60)
    difference = found["rows"]["row"]["differences"]["real"]
    assert difference["pooled"]["mean_iou"]["low"] > 0
    assert verdict_of(found, "row", "real") == "not distinguishable"


def one(value, low, high):
    return {"value": value, "low": low, "high": high}


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
    assert verdict(one(value, low, high), [{"value": value}] * 2, None) == said


@pytest.mark.parametrize(("noise", "said"), [(-0.03, "worse"), (0.05, "not distinguishable")])
def test_one_seed_has_to_show_more_than_another_seed_changes(noise, said):
    difference = one(-0.04, -0.05, -0.03)
    assert verdict(difference, [difference], one(noise, -1, 1)) == said
    assert verdict(difference, [difference] * 2, one(noise, -1, 1)) == "worse"


def test_findings_say_verdicts_and_the_order(tmp_path):
    up, down = [value + 9 for value in BASE], [value - 5 for value in BASE]
    made = measured(tmp_path, {"full": (BASE, BASE), "up": (up, up), "down": (down, down)}, full=70, up=60, down=65)
    found = [*sentences(made)]
    assert found[0] == (
        "On real questions, against the full model: better: *up*; worse: *down*; not distinguishable: none."
    )
    assert found[2] == (
        "Table 3, by mIoU. The paper: *up* < *down* < *full*; real: *down* < *full* < *up*; "
        "rendered: *down* < *full* < *up*."
    )
    assert len(found) == 3 and all(f"- {one}" in page(made) for one in found)


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


def test_the_page_is_written_again_without_training(tmp_path, capsys):
    found = measured(tmp_path, {"full": (BASE, BASE), "row": (BASE, BASE)}, full=70, row=60)
    (tmp_path / "docs/numbers").mkdir(parents=True)
    (tmp_path / "docs" / NUMBERS).write_text(json.dumps(found))
    assert main(["ablate", "--render", str(tmp_path / "docs")]) == 0
    assert (tmp_path / "docs" / PAGE).read_text() == page(found)
    assert main(["ablate", "--render", str(tmp_path)]) == 2
    assert main(["ablate"]) == 2
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["rs2sam2"] * 2


def test_effort_is_added_up(tmp_path):
    text = page(measured(tmp_path, {"full": (BASE, BASE), "row": (BASE, BASE)}, full=70, row=60))
    assert "4 of 10 optimisation steps each; training one took 12.0 to 12.0 minutes (11.0 to 11.0 of one core)" in text
    assert "0.8 h, and 0.7 h of a core" in text


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
