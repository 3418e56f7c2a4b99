"""A REFER data set of a few pixels, made by code."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SIDE = 64


def rle(mask):
    runs, counts, value = mask.T.ravel(), [0], False
    for pixel in runs:
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return {"size": list(mask.shape), "counts": counts}


def rectangle(left, upper, right, lower):
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    mask[upper:lower, left:right] = True
    return mask


def ref(ref_id, ann_id, image_id, split, *sentences):
    sents = [
        {"sent_id": 10 * ref_id + n, "raw": text, "sent": text.lower(), "tokens": text.split(), "kind": kind}
        for n, (text, kind) in enumerate(sentences)
    ]
    return {
        "ref_id": ref_id,
        "ann_id": ann_id,
        "image_id": image_id,
        "category_id": 1,
        "file_name": f"m{image_id}.jpg",
        "split": split,
        "sentences": sents,
        "sent_ids": [sent["sent_id"] for sent in sents],
    }


@pytest.fixture
def refer_root(tmp_path: Path) -> Path:
    """The folder `refer` with two mosaics, a window of one and a window of a third; no_target.json lies beside it."""
    root = tmp_path / "refer"
    pixels = np.full((SIDE, SIDE, 3), (90, 110, 70), dtype=np.uint8)
    red, blue = rectangle(4, 4, 24, 24), rectangle(36, 30, 64, 56)
    pixels[red], pixels[blue] = (190, 60, 70), (40, 110, 190)
    (root / "images/rrsisd/JPEGImages").mkdir(parents=True)
    (root / "rrsisd").mkdir()
    mosaics = {
        1: ("a", [0, 0, SIDE, SIDE]),
        2: ("a", [0, 0, 32, 32]),
        3: ("b", [16, 0, 48, 48]),
        4: ("c", [0, 0, SIDE, SIDE]),
    }
    images = []
    for number, (mosaic, window) in mosaics.items():
        left, upper, width, height = window
        Image.fromarray(pixels[upper : upper + height, left : left + width]).save(
            root / f"images/rrsisd/JPEGImages/m{number}.jpg", quality=95
        )
        split = "val" if number == 4 else "train"
        images.append(
            {
                "id": number,
                "file_name": f"m{number}.jpg",
                "width": width,
                "height": height,
                "mosaic": mosaic,
                "window": window,
                "split": split,
            }
        )
    common = {"category_id": 1, "image_id": 1, "iscrowd": 0}
    annotations = [
        {
            **common,
            "id": 1,
            "segmentation": [rle(red)],
            "area": 400,
            "visible": 1.0,
            "truncated": False,
            "referable": True,
        },
        {
            **common,
            "id": 2,
            "segmentation": [rle(blue)],
            "area": 728,
            "visible": 0.5,
            "truncated": True,
            "referable": False,
        },
        {
            **common,
            "id": 3,
            "image_id": 3,
            "segmentation": [[2, 2, 12, 2, 12, 22, 2, 22]],
            "area": 200,
            "visible": 1.0,
            "truncated": False,
            "referable": True,
        },
        {**common, "id": 4, "category_id": 2, "segmentation": [rle(red), rle(blue)]},
        {
            **common,
            "id": 5,
            "image_id": 4,
            "segmentation": [],
            "area": 0,
            "visible": 1.0,
            "truncated": True,
            "referable": True,
        },
    ]
    for annotation in annotations:
        annotation["source_id"] = 2 if annotation["id"] == 5 else annotation["id"]
    refs = [
        ref(1, 1, 1, "train", ("The red-roofed building ", "colour"), ("the building at the top left", "position")),
        ref(2, 2, 1, "train", ("the blue-roofed building", "colour")),
        ref(3, 3, 3, "train", ("the building on the left", "position")),
        ref(4, 5, 4, "val", ("the building", "only")),
    ]
    (root / "rrsisd/refs(unc).p").write_bytes(pickle.dumps(refs))
    (root / "rrsisd/refs(group).p").write_bytes(pickle.dumps([ref(9, 4, 1, "train", ("all buildings", "group all"))]))
    (root / "rrsisd/instances.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    (tmp_path / "no_target.json").write_text(
        json.dumps(
            [
                {
                    "image": "refer/images/rrsisd/JPEGImages/m1.jpg",
                    "split": "train",
                    "sentence": "the ship",
                    "kind": "absent object",
                },
                {
                    "image": "refer/images/rrsisd/JPEGImages/m4.jpg",
                    "split": "val",
                    "sentence": "the golf course",
                    "kind": "absent object",
                },
            ]
        )
    )
    return root


def write_image(path, height=SIDE, width=SIDE, shade=90):
    """A picture with a red square at its upper left; JPEG, PNG or TIFF by its suffix."""
    pixels = np.full((height, width, 3), shade, dtype=np.uint8)
    pixels[4:24, 4:24] = (200, 40, 40)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_mask(path, mask, on=255, off=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.where(mask, on, off).astype(np.uint8)).save(path)


@pytest.fixture
def refsegrs_root(tmp_path: Path) -> Path:
    """Two images in train, one of them with two sentences; one in val, whose mask has grey values."""
    root = tmp_path / "refsegrs"
    square = rectangle(4, 4, 24, 24)
    for name, shade in (("7", 90), ("8", 100), ("9", 110)):
        write_image(root / f"images/{name}.tif", shade=shade)
        write_mask(root / f"masks/{name}.tif", square)
    # 50 is not yet the target.
    write_mask(root / "masks/9.tif", square, on=51, off=50)
    (root / "output_phrase_train.txt").write_bytes(
        "\ufeff7 the red roof  \r\n8 every building\t\r\n\r\n7 a house\u2028with a line \r\n".encode()
    )
    (root / "output_phrase_val.txt").write_text("9 the red roof\n")
    return root


@pytest.fixture
def risbench_root(tmp_path: Path) -> Path:
    """One image a split, JPEG with a PNG's worth of mask: values of 1, and a palette whose first entries are black."""
    root = tmp_path / "risbench"
    for number, split in enumerate(("train", "val", "test")):
        name = f"P0{number}.png"
        write_image(root / "img_rgb" / name, shade=60 + number)
        mask = Image.fromarray(rectangle(4, 4, 24, 24).astype(np.uint8)).convert("P")
        mask.putpalette([0] * 768)
        (root / "mask").mkdir(exist_ok=True)
        mask.save(root / "mask" / name)
        (root / f"output_phrase_{split}.txt").write_text(f"{name} The red square. \n")
    return root


@pytest.fixture
def nwpu_root(tmp_path: Path) -> Path:
    """NWPU-Refer: one thing (polygon), several (one segmentation of two parts), nothing; English and Chinese."""
    root = tmp_path / "nwpu"
    for number in range(1, 4):
        write_image(root / f"image/image/n{number}.jpg", height=80, width=SIDE, shade=50 + 10 * number)
    box = [4, 4, 24, 4, 24, 24, 4, 24]
    segmentations = {1: [box], 2: [box, [40, 50, 60, 50, 60, 70]], 3: []}
    instances = {
        "images": [{"id": n, "file_name": f"n{n}.jpg", "height": 80, "width": SIDE} for n in segmentations],
        "annotations": [{"id": n, "image_id": n, "segmentation": s} for n, s in segmentations.items()],
        "categories": [{"id": 1, "name": "roof"}],
    }
    refs = [
        ref(1, 1, 1, "train", ("the red roof", "colour"), ("\u7ea2\u8272\u7684\u5c4b\u9876", "colour")),
        ref(2, 2, 2, "test_easy", ("both roofs", "all")),
        ref(3, 3, 3, "test", ("the ship", "none")),
    ]
    (root / "new_instances.json").write_text(json.dumps(instances))
    (root / "new_refs(unc).p").write_bytes(pickle.dumps(refs, protocol=2))
    # What an older download left behind must not be read.
    (root / "refs(unc).p").write_bytes(pickle.dumps([]))
    return root
