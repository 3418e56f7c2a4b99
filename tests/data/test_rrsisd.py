import json
import os
import pickle

import numpy as np
import pytest

from rs2sam2.data.coco_masks import decode_segmentation
from rs2sam2.data.rrsisd import RRSISD, no_target
from rs2sam2.errors import DataError, ImageError


class Command:
    def __init__(self, line):
        self.line = line

    def __reduce__(self):
        return os.system, (self.line,)


def test_every_ref_of_an_image_survives(refer_root):
    samples = list(RRSISD(refer_root, "train"))
    assert [sample.sentence for sample in samples] == [
        "The red-roofed building",
        "the building at the top left",
        "the blue-roofed building",
        "the building on the left",
    ]
    assert [sample.name for sample in samples].count("m1.jpg") == 3
    assert [(sample.ref_id, sample.sent_id) for sample in samples] == [(1, 10), (1, 11), (2, 20), (3, 30)]
    assert not (samples[0].mask & samples[2].mask).any()


def test_pixels_and_masks_of_rle_and_polygons(refer_root):
    data = RRSISD(refer_root, "train")
    first, last = data[0], data[len(data) - 1]
    assert first.kind == "colour"
    assert first.image.shape == (64, 64, 3) and first.image.dtype == np.uint8
    red, green, _ = first.image[first.mask].mean(0)
    assert red > 170 and green < 80
    assert last.mask.shape == (48, 48)
    assert last.mask[10, 8] and not last.mask[10, 20] and not last.mask[30, 8]


def test_groups_and_empty_masks(refer_root):
    (group,) = RRSISD(refer_root, "train", split_by="group")
    assert group.mask.sum() == 400 + 28 * 26
    (empty,) = RRSISD(refer_root, "val")
    assert empty.mask.shape == (64, 64) and not empty.mask.any()


def test_no_target(refer_root):
    assert [sample.sentence for sample in no_target(refer_root.parent)] == ["the ship", "the golf course"]
    (sample,) = no_target(refer_root.parent, "train")
    assert sample.kind == "absent object" and sample.mask.shape == sample.image.shape[:2] and not sample.mask.any()


def test_a_pickle_that_runs_code_is_refused(refer_root, tmp_path):
    trace = tmp_path / "trace"
    (refer_root / "rrsisd/refs(unc).p").write_bytes(pickle.dumps([Command(f"touch {trace}")]))
    with pytest.raises(DataError, match=r"refs\(unc\)\.p.*posix\.system.*refused"):
        RRSISD(refer_root, "train")
    assert not trace.exists()


@pytest.mark.parametrize("harmless", [np.float64(1), {1, 2}, frozenset("a"), complex(1, 2)])
def test_only_plain_values_are_read(refer_root, harmless):
    path = refer_root / "rrsisd/refs(unc).p"
    path.write_bytes(pickle.dumps(harmless, protocol=2))
    with pytest.raises(DataError, match=r"refs\(unc\)\.p"):
        RRSISD(refer_root, "train")


@pytest.mark.parametrize("content", [b"", b"no pickle", b"\x80\x05\x95"])
def test_damaged_pickles(refer_root, content):
    (refer_root / "rrsisd/refs(unc).p").write_bytes(content)
    with pytest.raises(DataError, match="not a readable pickle"):
        RRSISD(refer_root, "train")


def test_what_is_missing_is_named(refer_root, tmp_path):
    with pytest.raises(DataError, match=r"refs\(umd\)\.p: cannot be read"):
        RRSISD(refer_root, "train", split_by="umd")
    with pytest.raises(DataError, match=r"no sentences in split 'test'; it has train, val"):
        RRSISD(refer_root, "test")
    with pytest.raises(DataError, match=r"no_target\.json"):
        no_target(tmp_path / "elsewhere")
    instances = refer_root / "rrsisd/instances.json"
    instances.write_text(json.dumps({"images": [], "annotations": []}))
    with pytest.raises(DataError, match="lacks what the layout asks for"):
        RRSISD(refer_root, "train")
    instances.write_text("{")
    with pytest.raises(DataError, match="not readable as JSON"):
        RRSISD(refer_root, "train")


def test_a_missing_image_is_an_image_error(refer_root):
    sample = RRSISD(refer_root, "train")[0]
    sample.path.unlink()
    with pytest.raises(ImageError, match=r"m1\.jpg"):
        _ = sample.image


@pytest.mark.parametrize("segmentation", ["text", [[1, 2]], [{"size": [4, 4]}], {"counts": 3, "size": [1, 1]}])
def test_segmentations_that_cannot_be_decoded(segmentation):
    with pytest.raises(DataError, match="segmentation"):
        decode_segmentation(segmentation, 4, 4)


@pytest.mark.parametrize("counts", [[2, 2, 2], "222", b"222"], ids=["runs", "text", "bytes"])
def test_rle_as_runs_and_as_text(counts):
    mask = decode_segmentation({"size": [2, 3], "counts": counts}, 2, 3)
    assert mask.tolist() == [[False, True, False], [False, True, False]]


def test_the_whole_sample_set(shared):
    root = shared / "data/oam_buildings/refer"
    assert len(RRSISD(root, "train")) == 614
    assert len(RRSISD(root, "val")) == 186
    assert len(RRSISD(root, "train", split_by="group")) == 90
    assert len(no_target(root.parent, "train")) == 205
