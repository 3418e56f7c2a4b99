"""`rs2sam2 diagnose` from outside: what it writes, what it refuses."""

import json

import pytest

from rs2sam2.cli import main
from rs2sam2.inference.segmenter import Segmenter


@pytest.fixture
def with_oracle(monkeypatch, oracle):
    monkeypatch.setattr(Segmenter, "from_pretrained", lambda *_, **__: oracle)


def test_one_run_writes_report_picture_and_page(with_oracle, places_root, tmp_path, capsys):
    report, picture, page = tmp_path / "metrics.json", tmp_path / "cases.png", tmp_path / "results.md"
    arguments = ["diagnose", "--root", str(places_root), "--rendered", "0", "-o", str(report), "--figure", str(picture)]
    assert main(arguments) == 0
    values = json.loads(report.read_text())
    assert values["single"]["mean_iou"]["value"] == 1
    assert values["run"]["command"].startswith("rs2sam2 diagnose --root")
    assert values["run"]["seed"] == 2026
    assert values["run"]["versions"]["torch"]
    assert values["weights"]["sha256"] == "ab" * 32
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "single object" in capsys.readouterr().out
    assert main(["diagnose", "--render", str(report), "-o", str(page)]) == 0
    assert page.read_text().startswith("# Results")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cases.png", "metrics.json", "results.md"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--root", "{root}", "-o", "{tmp}/metrics.txt"], ".json"),
        (["--root", "{root}", "-o", "{tmp}/missing/metrics.json"], "cannot be written"),
        (["--root", "{root}", "-o", "{tmp}/there.json"], "--overwrite"),
        (["--root", "{root}", "--figure", "{tmp}/cases.gif"], ".png"),
        (["--figure", "{tmp}/cases.png"], "--root"),
        (["--root", "{tmp}/nowhere"], "nowhere"),
        (["--root", "{root}", "--split", "test"], "test"),
        (["--rendered", "0"], "nothing to measure"),
        (["--rendered", "-1"], "--rendered"),
        (["--render", "{tmp}/missing.json", "-o", "{tmp}/page.md"], "missing.json"),
        (["--render", "{tmp}/there.json"], "-o"),
        (["--render", "{tmp}/there.json", "-o", "{tmp}/page.html"], ".md"),
    ],
)
def test_refusals_are_one_line(with_oracle, places_root, tmp_path, capsys, arguments, said):
    (tmp_path / "there.json").write_text("{}")
    filled = [part.format(root=places_root, tmp=tmp_path) for part in arguments]
    assert main(["diagnose", *filled]) == 2
    complaint = capsys.readouterr().err
    assert said in complaint.splitlines()[-1]
    assert complaint.splitlines()[-1].startswith("rs2sam2: ")
    assert "Traceback" not in complaint
    assert [path.name for path in tmp_path.iterdir()] == ["there.json"]


def test_missing_weights_are_named(tmp_path, capsys):
    assert main(["diagnose", "--weights", str(tmp_path), "--rendered", "2"]) == 2
    assert str(tmp_path) in capsys.readouterr().err
