"""The four data sets as they lie on disk, with the traps of each."""

import json
import os
import pickle

import numpy as np
import pytest
from PIL import Image
from torch.utils.data import DataLoader, default_collate

from rs2sam2.data.nwpu_refer import NWPURefer
from rs2sam2.data.oam_ref import OAMRef
from rs2sam2.data.refsegrs import RefSegRS
from rs2sam2.data.registry import DATASETS, find_dataset, open_dataset
from rs2sam2.data.risbench import RISBench
from rs2sam2.data.rrsisd import RRSISD
from rs2sam2.data.sample import MaskSizeWarning
from rs2sam2.errors import DataError, ImageError


def test_refsegrs_lines(refsegrs_root):
    data = RefSegRS(refsegrs_root, "train")
    assert [(s.name, s.sentence, s.sample_id) for s in data] == [
        ("7.tif", "the red roof", "7-1"),
        ("8.tif", "every building", "8-1"),
        ("7.tif", "a house\u2028with a line", "7-2"),
    ]
    assert RefSegRS.splits(refsegrs_root) == ["train", "val"]


def test_refsegrs_masks_begin_above_50(refsegrs_root):
    for split in ("train", "val"):
        sample = RefSegRS(refsegrs_root, split)[0]
        assert sample.mask.sum() == 400 and sample.mask[4, 4]
        assert sample.image[sample.mask].mean(0).round().tolist() == [200, 40, 40]


def test_risbench_names_have_suffixes_and_masks_small_values(risbench_root):
    assert RISBench.splits(risbench_root) == ["train", "val", "test"]
    (sample,) = RISBench(risbench_root, "test")
    assert (sample.name, sample.sentence, sample.sample_id) == ("P02.png", "The red square.", "P02-1")
    assert sample.mask.sum() == 400


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "LA", "I;16"])
def test_masks_in_every_mode(risbench_root, mode):
    """An opaque alpha channel is no target."""
    path = risbench_root / "mask/P00.png"
    with Image.open(path) as image:
        shown = Image.fromarray(np.array(image) * np.uint8(255))
    shown.convert("I").convert("I;16").save(path) if mode == "I;16" else shown.convert(mode).save(path)
    assert RISBench(risbench_root, "train")[0].mask.sum() == 400


def test_nwpu_things_several_and_none(nwpu_root):
    first, second = NWPURefer(nwpu_root, "train")
    assert first.sentence == "the red roof" and second.sentence == "\u7ea2\u8272\u7684\u5c4b\u9876"
    assert (first.category, first.kind) == ("roof", "colour")
    both, none = NWPURefer(nwpu_root, "test")
    assert both.mask.sum() > first.mask.sum() > 0
    assert both.present and not none.present
    assert none.mask.shape == none.image.shape[:2] == (80, 64)
    assert NWPURefer.splits(nwpu_root) == ["train", "test"]
    assert len(NWPURefer(nwpu_root, "test_easy")) == 1


def test_nwpu_under_the_older_names(nwpu_root):
    (nwpu_root / "new_refs(unc).p").replace(nwpu_root / "refs(unc).p")
    (nwpu_root / "new_instances.json").replace(nwpu_root / "instances.json")
    assert len(NWPURefer(nwpu_root, "train")) == 2


def test_a_name_that_only_holds_val_is_not_val(nwpu_root):
    path = nwpu_root / "new_refs(unc).p"
    refs = pickle.loads(path.read_bytes())
    refs[0]["split"] = "trainval"
    path.write_bytes(pickle.dumps(refs))
    assert NWPURefer.splits(nwpu_root) == ["test", "trainval"]
    with pytest.raises(DataError, match="no sentences in split 'val'; it has test, test_easy, trainval"):
        NWPURefer(nwpu_root, "val")


def test_oam_ref_things_groups_and_nothing(refer_root):
    data = OAMRef(refer_root.parent, "train")
    assert [(s.name, s.sentence, s.present) for s in data][3:] == [
        ("m3.jpg", "the building on the left", True),
        ("m1.jpg", "all buildings", True),
        ("m1.jpg", "the ship", False),
    ]
    assert data[4].mask.sum() > data[0].mask.sum() and data[5].mask.shape == data[5].image.shape[:2]
    assert OAMRef.splits(refer_root.parent) == ["train", "val"]
    assert [s.kind for s in OAMRef(refer_root.parent, "val")] == ["only", "absent object"], "no groups in this split"


def test_oam_ref_without_its_further_files(refer_root):
    (refer_root / "rrsisd/refs(group).p").unlink()
    (refer_root.parent / "no_target.json").unlink()
    assert [*OAMRef(refer_root.parent, "train")] == [*RRSISD(refer_root, "train")]
    with pytest.raises(DataError, match="no sentences in split 'test'; it has train, val"):
        OAMRef(refer_root.parent, "test")
    with pytest.raises(DataError, match="cannot be read"):
        OAMRef(refer_root, "train")


def test_samples_are_dictionaries(nwpu_root, risbench_root):
    sample = NWPURefer(nwpu_root, "train")[0]
    assert list(sample) == ["image", "mask", "sentence", "name", "sample_id", "present", "kind", "category"]
    assert len(sample) == 8 and "image" in sample and "path" not in sample
    assert dict(sample)["image"] is sample.image
    with pytest.raises(KeyError):
        sample["path"]
    plain = RISBench(risbench_root, "train")[0]
    assert list(plain) == ["image", "mask", "sentence", "name", "sample_id", "present"]
    assert plain["present"] is True and plain.kind is None


def test_they_go_through_torch_s_loader(risbench_root):
    data = RISBench(risbench_root, "train")
    (batch,) = DataLoader(data, batch_size=4)
    assert (
        batch["image"].shape == (1, 64, 64, 3)
        and batch["mask"].sum() == 400
        and batch["sentence"] == ["The red square."]
    )
    assert default_collate([data[0], data[0]])["sample_id"] == ["P00-1", "P00-1"]
    assert pickle.loads(pickle.dumps(data))[0] == data[0]


def test_a_data_set_keeps_no_pixels(risbench_root):
    data = RISBench(risbench_root, "train")
    first = data[0]
    assert first.image is first.image
    assert "image" not in data[0].__dict__ and data[0] == first
    assert data[-1] == first
    with pytest.raises(IndexError):
        data[1]
    assert [sample.sample_id for sample in data] == ["P00-1"]


@pytest.mark.parametrize(("height", "width"), [(65, 64), (64, 51), (128, 64)])
def test_masks_of_another_size_are_stretched_and_that_is_said_once(refer_root, height, width):
    data = RRSISD(refer_root, "train")
    Image.fromarray(np.zeros((height, width, 3), dtype=np.uint8)).save(data[0].path)
    with pytest.warns(MaskSizeWarning, match="stretched") as caught:
        masks = [data[0].mask, data[2].mask]
    assert len({str(warning.message) for warning in caught}) == 1, "one text, so that Python shows it once"
    assert all(mask.shape == (height, width) for mask in masks)
    assert data[0].stored_mask.shape == (64, 64)
    share = masks[0].mean() / data[0].stored_mask.mean()
    assert share == pytest.approx(1, abs=0.1)
    corner = masks[0][: height // 16, : width // 16]
    assert not corner.any() and masks[0][height // 4, width // 4]


@pytest.mark.parametrize("wrong", ["../../etc/passwd", "/etc/passwd", "a/../../b", "", "x\0y"])
def test_annotations_cannot_leave_their_folder(refer_root, refsegrs_root, wrong):
    path = refer_root / "rrsisd/instances.json"
    instances = json.loads(path.read_text())
    instances["images"][0]["file_name"] = wrong
    path.write_text(json.dumps(instances))
    with pytest.raises(DataError, match="no file of this folder"):
        RRSISD(refer_root, "train")
    if wrong.startswith((".", "/")):
        (refsegrs_root / "output_phrase_train.txt").write_text(f"{wrong} the roof\n")
        with pytest.raises(DataError, match="no file of this folder"):
            RefSegRS(refsegrs_root, "train")


def test_sample_ids_can_name_files(refer_root):
    path = refer_root / "rrsisd/refs(unc).p"
    refs = pickle.loads(path.read_bytes())
    refs[0]["ref_id"], refs[0]["sentences"][0]["sent_id"] = "../up", "a b/\u8239"
    path.write_bytes(pickle.dumps(refs))
    assert RRSISD(refer_root, "train")[0].sample_id == "_up-a_b__"


@pytest.mark.parametrize("value", [7, ["the roof"], {"the": "roof"}, True])
@pytest.mark.parametrize("field", ["raw", "kind"])
def test_what_is_no_text_is_refused(refer_root, field, value):
    path = refer_root / "rrsisd/refs(unc).p"
    refs = pickle.loads(path.read_bytes())
    refs[0]["sentences"][0] |= {"sent": "the roof", field: value}
    path.write_bytes(pickle.dumps(refs))
    with pytest.raises(DataError, match="is no text"):
        RRSISD(refer_root, "train")


def test_absent_sentences_are_text(refer_root):
    path = refer_root.parent / "no_target.json"
    entries = json.loads(path.read_text())
    path.write_text(json.dumps([{**entries[0], "sentence": ["the ship"]}]))
    with pytest.raises(DataError, match=r"no_target\.json: .*is no text"):
        OAMRef(refer_root.parent, "train")


def test_lists_that_share_themselves_are_bounded(refer_root, monkeypatch):
    path = refer_root / "rrsisd/refs(unc).p"
    refs = pickle.loads(path.read_bytes())[:1] * 40
    for ref in refs:
        ref["sentences"] = refs[0]["sentences"][:1] * 60
    path.write_bytes(pickle.dumps(refs))
    monkeypatch.setattr("rs2sam2.data.refer.MOST_SENTENCES", 1000)
    with pytest.raises(DataError, match="more than 1000 sentences"):
        RRSISD(refer_root, "train")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"7\n", "line 1 names '7' and says nothing"),
        (b"7 the roof\n\xff\xfe\n", "not UTF-8"),
        (b"\n \n", "no sentences in split 'train'"),
    ],
)
def test_lines_that_cannot_be_read(refsegrs_root, content, reason):
    (refsegrs_root / "output_phrase_train.txt").write_bytes(content)
    with pytest.raises(DataError, match=reason):
        RefSegRS(refsegrs_root, "train")


def test_splits_that_are_not_there(refsegrs_root, nwpu_root, tmp_path):
    with pytest.raises(DataError, match="no sentences in split 'test'; it has train, val"):
        RefSegRS(refsegrs_root, "test")
    with pytest.raises(DataError, match="it has none"):
        RefSegRS(tmp_path / "elsewhere", "train")
    with pytest.raises(DataError, match="no file of this folder"):
        RefSegRS(refsegrs_root, "/../../val")
    with pytest.raises(DataError, match="cannot be read"):
        NWPURefer(tmp_path, "train")


@pytest.mark.parametrize("damage", ["truncated", "no image", "missing", "postscript", "bomb", "folder", "pipe"])
def test_images_that_cannot_be_read(risbench_root, damage, monkeypatch):
    path = risbench_root / "img_rgb/P00.png"
    if damage in {"missing", "folder", "pipe"}:
        path.unlink()
        {"folder": os.mkdir, "pipe": os.mkfifo}.get(damage, lambda _: None)(path)
    elif damage == "bomb":
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    else:
        content = {"truncated": path.read_bytes()[:100], "no image": b"<html>", "postscript": b"%!PS-Adobe-3.0 EPSF"}
        path.write_bytes(content[damage])
    with pytest.raises(ImageError, match=r"P00\.png: cannot be read as an image"):
        _ = RISBench(risbench_root, "train")[0].image


def test_missing_masks(risbench_root):
    (risbench_root / "mask/P00.png").unlink()
    with pytest.raises(ImageError, match=r"mask/P00\.png: .*No such file"):
        _ = RISBench(risbench_root, "train")[0].mask


def test_names(risbench_root):
    assert [reader.name for reader in DATASETS] == ["refsegrs", "rrsisd", "risbench", "nwpu-refer", "oam-ref"]
    assert find_dataset("RRSIS-D") is RRSISD and find_dataset("NWPU Refer") is NWPURefer
    assert find_dataset("OAM-Ref") is OAMRef
    assert isinstance(open_dataset("RISBench", risbench_root, "val"), RISBench)
    with pytest.raises(DataError, match="no data set named 'coco': choose one of refsegrs, rrsisd"):
        find_dataset("coco")


@pytest.mark.parametrize("reader", DATASETS, ids=lambda reader: reader.name)
def test_every_reader_documents_its_set(reader):
    for part in ("Source:", "Licence:", "Size:", "Classes:", "Format, under `root`:", "Citation:", "Raises:"):
        assert part in reader.__doc__
    total = sum(reader.published.values())
    assert not total or f"{total:,}".replace(",", " ") in reader.__doc__
    for count in reader.published.values():
        assert f"{count:,}".replace(",", " ") in reader.__doc__


@pytest.mark.parametrize(
    "sentence", ["the red roof", "a very long sentence " * 30, "\u7ea2\u8272\u7684\u5c4b\u9876" * 40, ""]
)
def test_plot(risbench_root, sentence):
    data = RISBench(risbench_root, "train")
    sample = data[0]
    picture = data.plot({**sample, "sentence": sentence})
    assert picture.mode == "RGB" and picture.width == 512 and picture.height > 512
    pixels = np.array(picture)
    ink = (pixels[:512] == (255, 64, 160)).all(-1)
    rows, columns = np.nonzero(ink)
    assert 25 <= rows.min() <= 32 and 25 <= columns.min() <= 32 and 190 <= rows.max() <= 200
    assert not ink[40:180, 40:180].any(), "the thing itself stays to be seen"
    caption = pixels[512:]
    assert (caption < 100).any() == bool(sentence)
    assert (caption[:, -4:] > 200).all(), "words end before the border"
    empty = data.plot({**sample, "mask": np.zeros_like(sample.mask)})
    assert not (np.array(empty)[:512] == (255, 64, 160)).all(-1).any()
    assert (np.array(empty)[512:] < 100).any(), "an empty mask is said in words"


def test_real_imagery_in_both_layouts(shared):
    root = shared / "data/oam_buildings"
    for reader, folder, counts in ((RRSISD, "refer", (614, 186)), (RefSegRS, "refsegrs", (142, 38))):
        assert reader.splits(root / folder) == ["train", "val"]
        for split, count in zip(("train", "val"), counts, strict=True):
            data = reader(root / folder, split)
            assert len(data) == len({sample.sample_id for sample in data}) == count
        sample = data[len(data) // 2]
        assert sample.present and sample.mask.shape == sample.image.shape[:2]
        assert data.plot(sample).width == max(512, sample.image.shape[1])
    for split, counts in {"train": (614 + 90, 205), "val": (186 + 20, 64)}.items():
        present = [sample.present for sample in OAMRef(root, split)]
        assert (sum(present), len(present) - sum(present)) == counts
