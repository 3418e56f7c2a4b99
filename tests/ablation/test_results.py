"""The statistics: paired differences, what counts as one, and the table that shows them."""

import json

import pytest
from tests.ablation.scores import plan, write_scores

from rs2sam2.ablation.findings import sentences, verdict, verdict_of
from rs2sam2.ablation.page import files, page
from rs2sam2.ablation.parts import CLICKS
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
    own = found["rows"]["full"]["runs"]["1"]["parts"]["real"]["mean_iou"]
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
        "Real questions, by mIoU, against *full*: better: *up*; worse: *down*; not distinguishable: none."
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


def test_the_documentation_s_pages_are_made_from_their_figures(root):
    numbers = [*(root / "docs/numbers").glob("ablation*.json")]
    assert numbers
    for path in numbers:
        report = json.loads(path.read_text())
        page_file, numbers_file = files(report["name"])
        assert root / "docs" / numbers_file == path
        assert (root / "docs" / page_file).read_text() == page(report)


def test_the_pages_are_written_again_without_training(tmp_path, capsys):
    found = measured(tmp_path, {"full": (BASE, BASE), "row": (BASE, BASE)}, full=70, row=60)
    (tmp_path / "docs/numbers").mkdir(parents=True)
    for name in ("ablation", "ablation_own"):
        (tmp_path / "docs" / files(name)[1]).write_text(json.dumps({**found, "name": name}))
    assert main(["ablate", "--render", str(tmp_path / "docs")]) == 0
    for name in ("ablation", "ablation_own"):
        text = (tmp_path / "docs" / files(name)[0]).read_text()
        assert text == page({**found, "name": name}) and f"numbers/{name}.json" in text
    capsys.readouterr()
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
    text = page(found)
    assert "| row | 50.5 | +0.0 (0.0 to 0.0) | not distinguishable |" in text
    assert "reported by the paper" not in text and "paper mIoU" not in text


def test_presence_and_clicks_are_compared_by_figures_of_their_own(tmp_path):
    own, pairs = plan(tmp_path, full=70, row=60), 20
    for run in own.runs:
        full = run.row.name == "full"
        presence = {
            "sha256": "asked",
            "units": [f"place {number // 2}" for number in range(2 * pairs)],
            "there": [True, False] * pairs,
            "right": [True, full] * pairs,  # without what `full` has, it says that everything is there
            "ranked": [full] * 2 * pairs,
            "ranked_early": [True] * 2 * pairs,
        }
        clicks = {"sha256": "asked", "units": presence["units"]}
        for count in range(CLICKS + 1):
            clicks |= {f"intersection_{count}": [40 + (10 * count if full else 0)] * 2 * pairs}
            clicks |= {f"union_{count}": [100] * 2 * pairs}
        write_scores(run, BASE, rendered_pairs=presence, rendered_clicks=clicks)
    found = results(own, run_record("ablate", [], 0, "cpu"), seed=0)
    row = found["rows"]["row"]["runs"]["1"]["parts"]
    assert row["rendered_pairs"]["balanced_accuracy"]["value"] == 0.5
    assert row["rendered_pairs"]["ranked_right"]["value"] == 0
    assert found["rows"]["full"]["runs"]["1"]["parts"]["rendered_clicks"]["mean_iou_after_3"]["value"] == pytest.approx(
        0.7
    )
    assert verdict_of(found, "row", "rendered") == "not distinguishable"
    assert verdict_of(found, "row", "rendered_pairs") == verdict_of(found, "row", "rendered_clicks") == "worse"
    text = page(found)
    assert "| row | 50.0 | 0.0 | 100.0 | -100.0 (-100.0 to -100.0) | worse |" in text
    assert "| row | 40.0 | 40.0 | 40.0 | 40.0 | -30.0 (-30.0 to -30.0) | worse |" in text


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
