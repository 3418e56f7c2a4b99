"""`rs2sam2 evaluate` from outside: figures, resuming, masks of other systems, refusals."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from rs2sam2.data.registry import open_dataset
from rs2sam2.evaluation.benchmark.folder import read_measured
from rs2sam2.evaluation.benchmark.masks import mask_name
from rs2sam2.inference.segmentation import Weights


def metrics(folder):
    return json.loads((folder / "metrics.json").read_text())


def said_by(capsys):
    return capsys.readouterr().err.splitlines()[-1]


def write_masks(folder, root, change=lambda mask, name: mask):
    folder.mkdir()
    for sample in open_dataset("refsegrs", root, "val"):
        mask = change(sample.mask, sample.name)
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / mask_name(sample.sample_id))
    return folder


def test_an_oracle_gets_everything(with_oracle, evaluate, places_root, tmp_path, capsys):
    out = tmp_path / "out"
    assert evaluate("rrsisd", places_root / "refer", out, "--place", "^(p[01])|p") == 2  # some names find nothing
    assert "finds nothing" in said_by(capsys)
    assert evaluate("rrsisd", places_root / "refer", out, "--place", "^(p.)") == 0
    assert sorted(path.name for path in out.iterdir()) == [
        *("masks", "metrics.json", "report.html", "report.md", "samples.parquet")
    ]
    assert "| mean_iou | 100.0 | 100.0 to 100.0 |" in (out / "report.md").read_text()
    report = metrics(out)
    for figures in report["figures"].values():
        assert figures["mean_iou"] == {"value": 1, "low": 1, "high": 1}
        assert figures["precision_at_0.9"]["value"] == 1
    native = report["figures"]["native"]
    assert native["mean_boundary_f1_at_3_px"]["value"] == native["mean_boundary_iou"]["value"] == 1
    assert native["no_target_accuracy"]["value"] is None
    assert report["data"]["samples"] == 12
    assert report["data"]["places"] == report["data"]["pictures"] == 4
    assert set(report["slices"]["kind"]) == {"position", "colour"}
    assert report["system"]["weights_sha256"] == "ab" * 32
    assert report["published"]["reason"].startswith("this split has 12 sentences and the published one 1740")
    assert report["run"]["command"].startswith("rs2sam2 evaluate --data rrsisd")
    assert set(report["definitions"]["native"]) == set(native)
    rows = pq.read_table(out / "samples.parquet").to_pylist()
    assert len({row["sample"] for row in rows}) == 12
    assert {row["iou"] for row in rows} == {1.0}
    assert "mean_iou" in capsys.readouterr().out


def test_masks_of_another_system_are_measured_by_the_same_ruler(with_oracle, evaluate, places_root, tmp_path):
    data = "rrsisd", places_root / "refer"
    assert evaluate(*data, tmp_path / "weights") == 0
    assert evaluate(*data, tmp_path / "masks", "--predictions", tmp_path / "weights/masks") == 0
    weights, masks = metrics(tmp_path / "weights"), metrics(tmp_path / "masks")
    assert masks["figures"] == weights["figures"]
    assert masks["slices"] == weights["slices"]
    assert masks["data"] == weights["data"]
    assert "weights" not in masks["system"]
    assert read_measured(tmp_path / "masks")[1][0].score is None


def test_absent_things_by_hand(evaluate, phrases_root, tmp_path):
    def change(mask, name):
        if name.startswith("t0_0"):  # half of it: IoU 1/2
            mask = mask.copy()
            mask[:, 10:] = False
        if name.startswith("t1_0"):  # refused
            mask = np.zeros_like(mask)
        return mask

    masks = write_masks(tmp_path / "masks", phrases_root, change)
    assert evaluate("refsegrs", phrases_root, tmp_path / "out", "--predictions", masks, "--place", "^(t.)") == 0
    report = metrics(tmp_path / "out")
    native = {name: figure["value"] for name, figure in report["figures"]["native"].items()}
    assert native["mean_iou"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert native["generalised_mean_iou"] == pytest.approx((1 / 2 + 1 + 1 + 0) / 4)
    assert native["overall_iou"] == pytest.approx((50 + 250) / (100 + 250 + 38 * 38))
    assert (native["target_accuracy"], native["no_target_accuracy"]) == (pytest.approx(2 / 3), 1)
    assert report["figures"]["paper_protocol"]["mean_iou"]["value"] == pytest.approx((1 / 2 + 1 + 0 + 0) / 4, abs=5e-3)
    assert report["data"]["samples_that_mean_nothing"] == 1
    assert set(report["slices"]["target_size"]) == {"nothing is meant", "1 to 10 %", "over 10 %"}
    assert report["slices"]["place"]["t1"]["mean_iou"] == 0
    page = (tmp_path / "out/report.html").read_text()
    assert "the &lt;b&gt;large&lt;/b&gt; square &amp; more" in page
    assert "<b>large" not in page


class CutError(Exception):
    """What a kill is to this test."""


@pytest.mark.parametrize("torn", [b"", b'{"picture": "p1.jpg", "samples": [{"sam'])
@pytest.mark.parametrize("kept", [0, 1, 3])
def test_a_run_that_was_cut_goes_on_and_ends_as_an_undisturbed_one(
    with_oracle, evaluate, places_root, tmp_path, monkeypatch, torn, kept
):
    out, data = tmp_path / "out", ("rrsisd", places_root / "refer")
    asked, at_most = [], [99]
    answers = type(with_oracle).answers

    def counting(self, questions):
        asked.append([image.name for image, _ in questions])
        if len(asked) > at_most[0]:
            raise CutError
        return answers(self, questions)

    monkeypatch.setattr(type(with_oracle), "answers", counting)
    assert evaluate(*data, tmp_path / "undisturbed") == 0
    first, second = asked
    assert len(first) == 8 and (set(first), set(second)) == ({"p0.jpg", "p1.jpg", "p2.jpg"}, {"p3.jpg"})
    asked.clear()
    at_most[0] = 1
    with pytest.raises(CutError):
        evaluate(*data, out)
    assert not (out / "metrics.json").exists()
    # The first batch is three pictures; a kill may come before all of them are on the disk.
    header, *finished = (out / "journal.jsonl").read_bytes().splitlines(keepends=True)
    assert len(finished) == 3
    (out / "journal.jsonl").write_bytes(b"".join([header, *finished[:kept], torn]))
    asked.clear()
    at_most[0] = 99
    assert evaluate(*data, out) == 0
    assert asked == ([second] if kept == 3 else [first, second])
    assert (out / "samples.parquet").read_bytes() == (tmp_path / "undisturbed/samples.parquet").read_bytes()
    assert metrics(out)["figures"] == metrics(tmp_path / "undisturbed")["figures"]
    assert not (out / "journal.jsonl").exists()


def test_what_was_begun_with_something_else_is_not_gone_on_with(
    with_oracle, evaluate, places_root, tmp_path, monkeypatch, capsys
):
    out, data = tmp_path / "out", ("rrsisd", places_root / "refer")

    def cut(*_):
        raise CutError

    with monkeypatch.context() as cutting:
        cutting.setattr(type(with_oracle), "answers", cut)
        with pytest.raises(CutError):
            evaluate(*data, out)
    with monkeypatch.context() as other:
        other.setattr(type(with_oracle), "weights", Weights("oracle", "cd" * 32, "MIT"))
        assert evaluate(*data, out) == 2
        assert "begun with weights_sha256" in (said := said_by(capsys)) and "--restart" in said
    assert evaluate(*data, out, "--place", "^(p)") == 2
    assert "begun with questions_sha256" in said_by(capsys)
    assert evaluate(*data, out, "--precision", "float32") == 2
    assert "precision 'auto'" in said_by(capsys)
    (out / "journal.jsonl").write_bytes(b"{}\n[]\n")
    assert evaluate(*data, out) == 2
    assert "damaged" in said_by(capsys)
    assert evaluate(*data, out, "--restart") == 0
    assert evaluate(*data, out) == 2
    assert "finished" in said_by(capsys)
    assert evaluate(*data, out, "--restart") == 0


def test_a_folder_with_other_things_is_left_alone(with_oracle, evaluate, places_root, tmp_path, capsys):
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks/mine.png").write_text("")
    assert evaluate("rrsisd", places_root / "refer", tmp_path, "--restart") == 2
    assert "holds other things" in said_by(capsys)
    assert (tmp_path / "masks/mine.png").exists()


def first_mask(folder):
    return sorted(folder.iterdir())[0]


def colour(path):
    Image.open(path).convert("RGB").save(path)


def shrink(path):
    Image.open(path).resize((10, 10)).save(path)


def damage(path):
    path.write_bytes(path.read_bytes()[:40])


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda path: path.unlink(), "1 of 4 masks are missing"),
        (colour, "has colours"),
        (shrink, "10 x 10 pixels, and the image has 50 x 40"),
        (damage, "cannot be read"),
    ],
    ids=["missing", "colours", "size", "damaged"],
)
def test_masks_that_cannot_be_measured_are_named(evaluate, phrases_root, tmp_path, capsys, harm, said):
    masks = write_masks(tmp_path / "masks", phrases_root)
    path = first_mask(masks)
    harm(path)
    assert evaluate("refsegrs", phrases_root, tmp_path / "out", "--predictions", masks) == 2
    complaint = said_by(capsys)
    assert said in complaint and path.name in complaint
    assert not (tmp_path / "out/metrics.json").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--data", "cityscapes"], "no data set named"),
        (["--root", "nowhere"], "nowhere"),
        (["--split", "test"], "test"),
        (["--place", "("], "not a regular expression"),
        (["--place", "p"], "no group"),
        (["--weights", "nano", "--predictions", "x"], "give one of them"),
        (["--predictions", "nowhere"], "no such folder"),
        (["--precision", "int4"], "int4"),
    ],
)
def test_refusals_are_one_line(with_oracle, evaluate, places_root, tmp_path, capsys, more, said):
    assert evaluate("rrsisd", places_root / "refer", tmp_path / "out", *more) == 2
    complaint = capsys.readouterr().err
    assert said in complaint.splitlines()[-1]
    assert "Traceback" not in complaint
    assert not (tmp_path / "out").exists()
