"""Measurements in the documentation: copied as they are, and rendered from the copies alone."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from rs2sam2.errors import DataError
from rs2sam2.evaluation import publish
from rs2sam2.evaluation.publish import measured_page

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture
def measured(with_oracle, evaluate, places_root, tmp_path):
    """A single-object split, and one with groups and absent things."""
    assert evaluate("rrsisd", places_root / "refer", tmp_path / "single") == 0
    assert evaluate("oam-ref", places_root, tmp_path / "all", "--place", "^(p|x)") == 0
    (tmp_path / "docs/numbers").mkdir(parents=True)
    return tmp_path


def command(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["publish", *map(str, words)])
    return publish.main()


def test_real_figures_of_groups_and_absent_things(measured):
    report = json.loads((measured / "all/metrics.json").read_text())
    assert report["data"]["samples"] == 12 + 4 + 6 and report["data"]["samples_that_mean_nothing"] == 6
    native = report["figures"]["native"]
    for name in ("generalised_mean_iou", "target_accuracy", "no_target_accuracy"):
        assert native[name]["value"] == 1
    assert report["figures"]["paper_protocol"]["mean_iou"]["value"] == pytest.approx(16 / 22)
    assert {"group all", "absent object", "absent colour"} < set(report["slices"]["kind"])
    assert len(report["slices"]["place"]) == 1 and len(report["slices"]["picture"]) == 4


def test_copies_and_page(measured, monkeypatch, capsys):
    docs = measured / "docs"
    assert command(monkeypatch, measured / "single", measured / "all", "--docs", docs) == 0
    assert capsys.readouterr().out == f"wrote {docs / 'measured.md'}\n"
    copies = sorted((docs / "numbers").iterdir())
    assert [path.name for path in copies] == ["measured_all.json", "measured_single.json"]
    assert copies[0].read_bytes() == (measured / "all/metrics.json").read_bytes()
    page = (docs / "measured.md").read_text()
    assert page == measured_page(docs)
    assert page.count("\n## oracle on ") == 2 and page.count("\n# ") == 0
    assert "### By kind of sentence" in page and "[measured_all.json](numbers/measured_all.json)" in page
    shutil.rmtree(measured / "single")
    copies[1].write_text(
        copies[1].read_text().replace('"mean_iou": {\n    "value": 1.0', '"mean_iou": {\n    "value": 0.123')
    )
    assert "| mean_iou | 12.3 |" in measured_page(docs), "the page is made from the copies"


def test_what_is_not_finished_is_not_published(measured, monkeypatch, capsys):
    (measured / "single/metrics.json").unlink()
    assert command(monkeypatch, measured / "single", "--docs", measured / "docs") == 2
    assert "make it with rs2sam2 evaluate" in capsys.readouterr().err
    assert not (measured / "docs/measured.md").exists()
    (measured / "docs/numbers/measured_x.json").write_text("{}")
    with pytest.raises(DataError, match="measured_x"):
        measured_page(measured / "docs")


def test_the_page_of_the_documentation_is_made_from_its_numbers():
    assert (DOCS / "measured.md").read_text() == measured_page(DOCS)
