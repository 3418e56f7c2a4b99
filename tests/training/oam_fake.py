"""A data set of four pictures in the layout of OAM-Ref, made by code."""

import json
import pickle
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as coco


def write_oam(root: Path, *splits: str) -> Path:
    """Write `refer` and `no_target.json` under `root`: plain ground with two bright roofs in each picture.

    The pictures take turns in going into the splits; all go into "train" if none is named.
    """
    pictures, notes = root / "refer" / "images" / "rrsisd" / "JPEGImages", root / "refer" / "rrsisd"
    pictures.mkdir(parents=True)
    notes.mkdir(parents=True)
    images, annotations, refs, absent = [], [], [], []
    for number in range(4):
        rng = np.random.default_rng(number)
        split = (splits or ("train",))[number % max(1, len(splits))]
        pixels = rng.integers(60, 90, (384, 384, 3)).astype(np.uint8)
        name = f"place_{number}.jpg"
        for side, (x, size) in enumerate(((40, 90), (250, 50))):
            mask = np.zeros((384, 384), dtype=np.uint8)
            mask[100 : 100 + size, x : x + size] = 1
            pixels[mask > 0] = (200, 40 + 100 * side, 40)
            rle = coco.encode(np.asfortranarray(mask))
            annotation_id = 2 * number + side + 1
            annotations.append(
                {
                    "id": annotation_id,
                    "image_id": number,
                    "category_id": 1,
                    "area": int(mask.sum()),
                    "bbox": [x, 100, size, size],
                    "segmentation": [{"size": [384, 384], "counts": rle["counts"].decode()}],
                    "visible": 1.0,
                    "truncated": False,
                    "referable": True,
                    "source_id": annotation_id,
                }
            )
            words = ("the leftmost building", "the rightmost building")[side]
            sentence = {"raw": words, "sent_id": annotation_id, "kind": "position"}
            refs.append(
                {
                    "ref_id": annotation_id,
                    "ann_id": annotation_id,
                    "image_id": number,
                    "file_name": name,
                    "category_id": 1,
                    "split": split,
                    "sentences": [{**sentence, "sent": sentence["raw"]}],
                }
            )
        Image.fromarray(pixels).save(pictures / name, quality=95)
        images.append(
            {
                "id": number,
                "file_name": name,
                "width": 384,
                "height": 384,
                "split": split,
                "mosaic": f"place_{number}",
                "window": [0, 0, 384, 384],
            }
        )
        absent.append(
            {
                "image": f"refer/images/rrsisd/JPEGImages/{name}",
                "split": split,
                "sentence": "the golf course",
                "kind": "absent object",
            }
        )
    (notes / "instances.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    for split_by in ("unc", "group"):
        (notes / f"refs({split_by}).p").write_bytes(pickle.dumps(refs))
    (root / "no_target.json").write_text(json.dumps(absent))
    return root
