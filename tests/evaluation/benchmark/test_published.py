"""Figures of papers: as printed, with their source, and only beside the split that they are of."""

import json
from importlib.resources import files

import pytest

from rs2sam2.data.registry import find_dataset
from rs2sam2.evaluation.benchmark.published import published
from rs2sam2.evaluation.benchmark.report_tables import published_tables
from rs2sam2.evaluation.figures import PAPER_FIGURES

SETS = ("refsegrs", "rrsisd", "risbench")
NAMES = [figure.name for figure in PAPER_FIGURES]


@pytest.mark.parametrize("data", SETS)
def test_files_are_whole(data):
    content = json.loads((files("rs2sam2.evaluation.benchmark.published") / f"{data}.json").read_text())
    keys = [(row["method"], row["split"]) for row in content["rows"]]
    assert len(set(keys)) == len(keys) > 0
    assert {row["source"] for row in content["rows"]} == set(content["sources"])
    assert all(source.startswith("reported ") for source in content["sources"].values())
    for row in content["rows"]:
        assert set(row["percent"]) <= set(NAMES)
        assert "mean_iou" in row["percent"]
        assert all(0 < value < 100 for value in row["percent"].values())
        precisions = [row["percent"][name] for name in NAMES if name.startswith("precision") and name in row["percent"]]
        assert precisions == sorted(precisions, reverse=True)


@pytest.mark.parametrize(
    ("data", "split", "samples", "mean", "overall"),
    [
        ("refsegrs", "val", 413, 85.21, 88.03),
        ("refsegrs", "test", 1817, 73.90, 80.87),
        ("rrsisd", "val", 1740, 68.81, 80.16),
        ("rrsisd", "test", 3481, 66.72, 78.99),
    ],
)
def test_the_papers_own_row(data, split, samples, mean, overall):
    found = published(data, split, samples)
    assert found["reason"] is None
    (own,) = [row for row in found["rows"] if row["method"] == "RS2-SAM 2"]
    assert (own["percent"]["mean_iou"], own["percent"]["overall_iou"]) == (mean, overall)
    assert "AAAI 2026, Table" in own["source"]


def test_other_data_in_the_same_layout_is_not_compared():
    found = published("rrsisd", "val", 186)
    assert found["rows"] == [] and found["other_data"]
    assert "another set of data" in found["reason"]


@pytest.mark.parametrize(("data", "split", "samples"), [("rrsisd", "train", 12181), ("nwpu-refer", "test", 5)])
def test_nothing_known(data, split, samples):
    found = published(data, split, samples)
    assert found["rows"] == [] and not found["other_data"]
    assert "no figures" in found["reason"]


def test_reported_and_measured_never_share_a_column():
    figures = {name: {"value": 0.5, "low": None, "high": None} for name in NAMES}
    report = {
        "published": published("rrsisd", "test", 3481),
        "figures": {"paper_protocol": figures},
        "system": {"name": "ours"},
    }
    reported, measured = published_tables(report)
    assert "ours" not in {row[0] for row in reported.rows}
    assert measured.rows == [("ours", *["50.0"] * 7)]
    assert {row[-1] for row in reported.rows} == {"[1]", "[2]", "[3]", "[4]"}
    assert "[1] reported by the paper: Rong" in reported.note and "NeurIPS 2026" in reported.note
    assert "not known to us: see that" not in reported.note


def test_later_methods_have_sources_of_their_own():
    sizes = {data: find_dataset(data).published.get("test", 1) for data in SETS}
    rows = [row for data, samples in sizes.items() for row in published(data, "test", samples)["rows"]]
    later = {row["method"]: row["source"] for row in rows if "AAAI 2026" not in row["source"]}
    assert set(later) == {"EviSAM3", "DiCoR", "RSRefSeg 2", "SegEarth-R2", "RMSIN"}
    assert len(set(later.values())) == 5


def test_a_split_of_unknown_size_is_compared_with_a_warning():
    found = published("risbench", "test", 77)
    assert found["rows"] and not found["checked"] and not found["other_data"]
    assert published("rrsisd", "test", 3481)["checked"]
    figures = {name: {"value": 0.5, "low": None, "high": None} for name in NAMES}
    report = {"published": found, "figures": {"paper_protocol": figures}, "system": {"name": "ours"}}
    assert "not known to us: see that yours is the same" in next(published_tables(report)).note
