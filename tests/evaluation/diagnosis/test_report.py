"""The whole run, with answers that are known."""

import io
import json

import pytest
from PIL import Image
from rich.console import Console

from rs2sam2.errors import DataError
from rs2sam2.evaluation.diagnosis.pictures import ANSWER, TRUTH, contact_sheet
from rs2sam2.evaluation.diagnosis.render import markdown, print_report
from rs2sam2.evaluation.diagnosis.report import FORMAT, measure
from rs2sam2.evaluation.provenance import run_record
from rs2sam2.evaluation.report_file import read_report


def report_of(measured):
    weights = {"name": "oracle", "sha256": "ab" * 32, "license": "Apache-2.0"}
    return {
        "format": FORMAT,
        "run": run_record("diagnose", ["--seed", "1"], 1, "cpu"),
        "weights": weights,
        **measured.sections,
    }


def test_an_oracle_gets_everything(places_root, oracle):
    sections = measure(oracle, places_root, "val", 0, seed=1).sections
    assert sections["single"]["count"] == 12
    for part in (sections["single"], sections["group"]):
        for name in ("mean_iou", "overall_iou", "precision_at_0.9"):
            assert part[name]["value"] == 1
    assert sections["swapped"]["drop"] == {"value": 1, "low": 1, "high": 1}
    for part in (sections["presence"]["real"], sections["no_target"]):
        assert part["balanced_accuracy"]["value"] == 1
    assert sections["presence"]["real"]["both_right"] == 1
    assert sections["presence"]["real"]["words_only_balanced_accuracy"] == 0.5
    assert sections["calibration"]["single"]["expected_calibration_error_of_score_against_iou"] == 0
    assert set(sections["single"]["by_area"]) == {"north", "south"}


def test_who_does_not_listen_loses_nothing_by_a_swap(places_root, deaf):
    sections = measure(deaf, places_root, "val", 0, seed=1).sections
    own = sections["swapped"]["mean_iou_own_sentence"]["value"]
    assert sections["swapped"]["drop"]["value"] == 0
    assert own == sections["baselines"]["always the largest building"]["mean_iou"]["value"]
    assert sections["presence"]["real"]["balanced_accuracy"]["value"] == 0.5
    assert sections["no_target"]["target_accuracy"]["value"] == 1
    wrong = sections["calibration"]["single and no target"]["expected_calibration_error_of_score_against_iou"]
    assert wrong == pytest.approx(0.72 - 6 / 18, abs=1e-6)


def test_rendered_scenes_alone(oracle):
    sections = measure(oracle, None, "val", 3, seed=1).sections
    assert "single" not in sections
    assert sections["rendered"]["single"]["mean_iou"]["value"] == 0
    assert sections["rendered"]["single"]["count"] > 0


@pytest.mark.parametrize(("rendered", "said"), [(0, "nothing to measure"), (1, "two scenes")])
def test_too_little_to_measure(oracle, rendered, said):
    with pytest.raises(DataError, match=said):
        measure(oracle, None, "val", rendered, seed=1)


def test_a_report_survives_json_and_every_figure_on_the_page_comes_from_it(places_root, oracle, tmp_path):
    report = report_of(measure(oracle, places_root, "val", 4, seed=1))
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(report, allow_nan=False))
    page = markdown(read_report(path, FORMAT, "diagnose"), path.name)
    assert page == markdown(report, path.name)
    assert report["weights"]["sha256"] in page
    assert report["run"]["command"] in page
    report["single"]["mean_iou"]["value"] = 0.12345
    assert "| 12.3 |" in markdown(report, path.name)
    assert "| 12.3 |" not in page
    widths = {line.count("|") for line in page.partition("## ")[2].splitlines() if line.startswith("|")}
    assert min(widths) >= 4


def test_tables_fit_a_terminal(places_root, oracle):
    console = Console(record=True, width=160, file=io.StringIO())
    print_report(report_of(measure(oracle, places_root, "val", 0, seed=1)), console)
    text = console.export_text()
    assert "always the largest building" in text
    assert "Pr@0.9" in text


@pytest.mark.parametrize("content", ["", "[]", '{"format": 0}'])
def test_a_file_that_is_no_report_is_refused(tmp_path, content):
    path = tmp_path / "metrics.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"metrics\.json"):
        read_report(path, FORMAT, "diagnose")


def test_a_report_with_holes_is_refused(tmp_path):
    with pytest.raises(DataError, match="lacks"):
        markdown({"format": FORMAT}, "metrics.json")


def test_contact_sheet_shows_truth_and_answer(places_root, deaf):
    measured = measure(deaf, places_root, "val", 0, seed=1)
    sheet = contact_sheet(measured.cases, measured.real.open, each=3)
    assert isinstance(sheet, Image.Image)
    inks = {ink for _, ink in sheet.getcolors(sheet.width * sheet.height)}
    assert {TRUTH, ANSWER} <= inks


@pytest.mark.slow
def test_the_real_split_is_the_one_that_was_described(shared, oracle):
    sections = measure(oracle, shared / "data/oam_buildings", "val", 0, seed=1).sections
    assert (sections["single"]["count"], sections["group"]["count"], sections["swapped"]["count"]) == (186, 20, 161)
    marks = {name: round(100 * part["mean_iou"]["value"]) for name, part in sections["baselines"].items()}
    assert marks == {"mark everything": 5, "all buildings": 22, "always the largest building": 37}
    assert sections["presence"]["real"]["pairs"] >= 40
    assert sections["presence"]["real"]["words_only_balanced_accuracy"] == 0.5
    assert sections["no_target"]["words_only_balanced_accuracy"] > 0.9
