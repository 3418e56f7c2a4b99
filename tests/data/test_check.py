"""`rs2sam2 data check`: every fault is found where it is put, and nothing else."""

import json
import pickle

import numpy as np
import pytest
from PIL import Image
from tests.data.conftest import SIDE, write_image, write_mask

from rs2sam2.cli import main


def report(capsys, name, root, code):
    assert main(["data", "check", name, str(root), "--json"]) == code
    values = json.loads(capsys.readouterr().out)
    assert values["format"] == "rs2sam2.data-check/1"
    assert values["ok"] is (code == 0)
    found = {finding["kind"]: finding for finding in values["findings"]}
    assert all(finding["count"] == len(finding["examples"]) > 0 for finding in found.values())
    return values, {kind: finding["examples"] for kind, finding in found.items() if finding["level"] == "error"}


def change_refs(root, change):
    path = root / "rrsisd/refs(unc).p"
    refs = pickle.loads(path.read_bytes())
    change(refs)
    path.write_bytes(pickle.dumps(refs))


@pytest.fixture
def clean(refsegrs_root):
    """One image, one sentence a split."""
    for name in ("7", "9"):
        write_image(refsegrs_root / f"images/{name}.tif", shade=int(name))
    (refsegrs_root / "output_phrase_train.txt").write_text("7 the red roof\n")
    return refsegrs_root


def test_another_set_in_the_layout_is_a_warning(clean, capsys):
    values, errors = report(capsys, "RefSegRS", clean, 0)
    assert errors == {}
    (warning,) = values["findings"]
    assert warning["level"] == "warning" and warning["kind"] == "not the published set"
    assert warning["examples"][0] == "train: 1 sentences, published are 2172"
    assert values["splits"]["train"] == {"sentences": 1, "images": 1, "no_object": 0, "published": 2172}
    assert values["splits"]["test"]["sentences"] == 0


def test_published_counts_need_no_warning(clean, capsys, monkeypatch):
    monkeypatch.setattr("rs2sam2.data.refsegrs.RefSegRS.published", {"train": 1, "val": 1})
    values, _ = report(capsys, "refsegrs", clean, 0)
    assert values["findings"] == []


def test_missing_and_damaged_files(refsegrs_root, capsys):
    (refsegrs_root / "images/7.tif").unlink()
    (refsegrs_root / "masks/8.tif").unlink()
    image = refsegrs_root / "images/9.tif"
    image.write_bytes(image.read_bytes()[:400])
    (refsegrs_root / "masks/9.tif").write_bytes(b"")
    _, errors = report(capsys, "refsegrs", refsegrs_root, 1)
    assert set(errors) == {"image missing", "image damaged", "mask missing", "mask damaged"}
    assert errors["image missing"][0].endswith("images/7.tif")
    assert "masks/8.tif" in errors["mask missing"][0] and "8-1" in errors["mask missing"][0]
    assert "images/9.tif" in errors["image damaged"][0] and "masks/9.tif" in errors["mask damaged"][0]


def test_sizes_and_empty_masks(clean, capsys):
    write_image(clean / "images/7.tif", height=SIDE + 1)
    write_mask(clean / "masks/9.tif", np.zeros((SIDE, SIDE), dtype=bool))
    values, errors = report(capsys, "refsegrs", clean, 1)
    assert errors == {
        "image and mask differ in size": ["train: 7.tif, 7-1: image 64x65, mask 64x64"],
        "mask empty": ["val: 9.tif, 9-1"],
    }
    assert values["splits"]["val"]["no_object"] == 1


def test_images_in_several_splits_by_name_and_by_content(clean, capsys):
    (clean / "output_phrase_val.txt").write_text("7 a house\n9 the roof\n8 the roof\n")
    (clean / "images/8.tif").write_bytes((clean / "images/7.tif").read_bytes())
    _, errors = report(capsys, "refsegrs", clean, 1)
    assert set(errors) == {"image in several splits"}
    by_name, by_content = errors["image in several splits"]
    assert by_name == "7.tif: train, val"
    assert by_content.endswith("train 7.tif, val 7.tif, val 8.tif")


def test_copies_within_a_split_are_nobody_s_business(clean, capsys):
    (clean / "output_phrase_train.txt").write_text("7 the red roof\n8 the red roof\n")
    (clean / "images/8.tif").write_bytes((clean / "images/7.tif").read_bytes())
    assert report(capsys, "refsegrs", clean, 0)[1] == {}


def test_sentences_twice_blank_or_too_long(clean, capsys):
    many = "roof " * 200
    lines = ["7 the red roof", "7  The red  roof ", "7 the roof", "7 ...", f"7 {many}"]
    (clean / "output_phrase_train.txt").write_text("\n".join(lines))
    values, errors = report(capsys, "refsegrs", clean, 1)
    assert errors == {
        "expression duplicated": ["train: 7.tif, 7-1, 7-2: 'the red roof'"],
        "sentence blank": ["train: 7.tif, 7-4: '...'"],
    }
    warnings = {finding["kind"]: finding["examples"] for finding in values["findings"]}
    (long,) = warnings["sentence too long for the model"]
    assert long.startswith("train: 7.tif, 7-5: ") and "the model reads 64" in long


def test_refer_layout_is_checked_too(refer_root, capsys):
    values, errors = report(capsys, "rrsisd", refer_root, 1)
    assert values["splits"]["train"]["sentences"] == 4 and values["splits"]["train"]["images"] == 2
    # Both mosaics of the fake show the same ground, and the sentence about the second means nothing.
    assert errors["mask empty"] == ["val: m4.jpg, 4-40"]
    assert errors["image in several splits"][0].endswith("train m1.jpg, val m4.jpg")
    assert len(errors) == 2


def test_ids_twice_and_masks_that_cannot_be_decoded(refer_root, capsys):
    def change(refs):
        refs[1]["ref_id"], refs[1]["sentences"][0]["sent_id"] = 1, 10

    change_refs(refer_root, change)
    path = refer_root / "rrsisd/instances.json"
    instances = json.loads(path.read_text())
    instances["annotations"][2]["segmentation"] = [{"size": [48, 48], "counts": "2"}]
    path.write_text(json.dumps(instances))
    _, errors = report(capsys, "rrsisd", refer_root, 1)
    assert errors["sample id duplicated"] == ["train: 1-10, 2 times"]
    assert "runs of 2 pixels for 48 x 48" in errors["mask damaged"][0]


def test_sentences_about_nothing_belong_to_nwpu(nwpu_root, capsys):
    values, errors = report(capsys, "nwpu-refer", nwpu_root, 0)
    assert errors == {} and values["findings"] == []
    assert values["splits"]["test"] == {"sentences": 2, "images": 2, "no_object": 1, "published": None}


def test_annotations_that_cannot_be_read_are_a_fault_of_the_set(refer_root, refsegrs_root, capsys):
    (refsegrs_root / "output_phrase_val.txt").write_text("9\n")
    _, errors = report(capsys, "refsegrs", refsegrs_root, 1)
    assert "line 1 names '9'" in errors["annotations unreadable"][0]
    (refer_root / "rrsisd/refs(unc).p").write_bytes(b"no pickle")
    _, errors = report(capsys, "rrsisd", refer_root, 1)
    assert "not a readable pickle" in errors["annotations unreadable"][0]


def test_a_table_for_people(clean, capsys):
    write_mask(clean / "masks/7.tif", np.zeros((SIDE, SIDE), dtype=bool))
    assert main(["data", "check", "refsegrs", str(clean)]) == 1
    out, err = capsys.readouterr()
    assert "mask empty" in out and "train: 7.tif, 7-1" in out and "2172" in out
    assert out.rstrip().endswith("something is wrong")
    assert err == ""
    write_mask(clean / "masks/7.tif", np.ones((SIDE, SIDE), dtype=bool))
    assert main(["data", "check", "refsegrs", str(clean)]) == 0
    assert capsys.readouterr().out.rstrip().endswith("nothing is wrong")


def test_names_of_files_are_text_and_no_markup(clean, capsys):
    Image.fromarray(np.zeros((SIDE, SIDE), dtype=np.uint8)).save(clean / "masks/[bold]x.tif")
    write_image(clean / "images/[bold]x.tif", shade=3)
    (clean / "output_phrase_train.txt").write_text("[bold]x the roof [/nothing]\n")
    assert main(["data", "check", "refsegrs", str(clean)]) == 1
    assert "[bold]x.tif" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["coco", "."], "no data set named 'coco'"),
        (["refsegrs", "{tmp}/elsewhere"], "there is no such folder"),
        (["refsegrs", "{tmp}"], "nothing of refsegrs here"),
        (["rrsisd", "{tmp}"], "cannot be read"),
        (["rrsisd"], "Missing argument"),
        (["rrsisd", "{tmp}", "--weights", "{tmp}"], "no weights there"),
    ],
)
def test_bad_usage(tmp_path, capsys, arguments, said):
    assert main(["data", "check", *(argument.format(tmp=tmp_path) for argument in arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and said in err


def test_data_alone_shows_help(capsys):
    assert main(["data"]) == 0
    assert "check" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(("name", "folder", "sentences"), [("rrsisd", "refer", 800), ("refsegrs", "refsegrs", 180)])
def test_real_imagery_has_no_faults(shared, capsys, name, folder, sentences):
    values, errors = report(capsys, name, shared / "data/oam_buildings" / folder, 0)
    assert errors == {}
    assert [finding["kind"] for finding in values["findings"]] == ["not the published set"]
    assert sum(split["sentences"] for split in values["splits"].values()) == sentences
