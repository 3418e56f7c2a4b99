"""A data set of four tiny places made by code, and segmenters whose answers are known."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.segmentation import Segmentation, Weights

SIDE = 64
RED, BLUE, GROUND = (200, 40, 45), (40, 90, 200), (110, 125, 80)
LEFT, RIGHT = (4, 20, 24, 40), (44, 24, 60, 36)
# Place -> area and the colour of its left and right roof.
PLACES = {
    "p0": ("north", RED, BLUE),
    "p1": ("north", RED, RED),
    "p2": ("south", BLUE, BLUE),
    "p3": ("south", BLUE, RED),
}
WEIGHTS = Weights("oracle", "ab" * 32, "Apache-2.0")
Oracle = Callable[[RasterImage, list[str]], list[Segmentation]]


def polygon(box):
    left, upper, right, lower = box
    return [[left, upper, right, upper, right, lower, left, lower]]


@pytest.fixture(scope="session")
def places_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OAM-Ref in small: each place has two roofs, a sentence for each, one for both, and one about nothing."""
    root = tmp_path_factory.mktemp("places")
    pictures, notes = root / "refer/images/rrsisd/JPEGImages", root / "refer/rrsisd"
    pictures.mkdir(parents=True)
    notes.mkdir(parents=True)
    images, annotations, single, group, absent = [], [], [], [], []
    for number, (place, (area, *colours)) in enumerate(PLACES.items(), start=1):
        pixels = np.full((SIDE, SIDE, 3), GROUND, dtype=np.uint8)
        name = f"{place}.jpg"
        common = {"image_id": number, "category_id": 1, "split": "val", "file_name": name}
        for side, (word, box, colour) in enumerate(zip(("leftmost", "rightmost"), (LEFT, RIGHT), colours, strict=True)):
            left, upper, right, lower = box
            pixels[upper:lower, left:right] = colour
            ann_id = 10 * number + side
            annotations.append(
                {
                    "id": ann_id,
                    "image_id": number,
                    "category_id": 1,
                    "source_id": ann_id,
                    "segmentation": polygon(box),
                    "area": (right - left) * (lower - upper),
                    "visible": 1.0,
                    "truncated": False,
                    "referable": True,
                }
            )
            paint = "red" if colour == RED else "blue"
            sentences = [(f"the {word} building", "position")]
            if colours.count(colour) == 1:
                sentences.append((f"the {paint}-roofed building", "colour"))
            single.append({**common, "ref_id": ann_id, "ann_id": ann_id, "sentences": said(ann_id, sentences)})
        both = 10 * number + 5
        annotations.append(
            {
                "id": both,
                "image_id": number,
                "category_id": 2,
                "segmentation": polygon(LEFT) + polygon(RIGHT),
                "area": 592,
            }
        )
        group.append(
            {**common, "ref_id": both, "ann_id": both, "sentences": said(both, [("all buildings", "group all")])}
        )
        missing = [("the golf course", "absent object")]
        if set(colours) == {RED}:
            missing.append(("the building with a blue roof", "absent colour"))
        if set(colours) == {BLUE}:
            missing.append(("the red-roofed building", "absent colour"))
        absent += [
            {"image": f"refer/images/rrsisd/JPEGImages/{name}", "split": "val", "sentence": text, "kind": kind}
            for text, kind in missing
        ]
        Image.fromarray(pixels).save(pictures / name, quality=95)
        images.append(
            {
                "id": number,
                "file_name": name,
                "width": SIDE,
                "height": SIDE,
                "split": "val",
                "mosaic": place,
                "area": area,
                "window": [0, 0, SIDE, SIDE],
            }
        )
    (notes / "instances.json").write_text(json.dumps({"images": images, "annotations": annotations}))
    (notes / "refs(unc).p").write_bytes(pickle.dumps(single))
    (notes / "refs(group).p").write_bytes(pickle.dumps(group))
    (root / "no_target.json").write_text(json.dumps(absent))
    return root


def said(ref_id, sentences):
    return [
        {"sent_id": 10 * ref_id + number, "raw": text, "sent": text, "kind": kind}
        for number, (text, kind) in enumerate(sentences)
    ]


def answer(sentence, mask, p_present=1.0, predicted_iou=1.0):
    present = p_present >= 0.5
    return Segmentation(
        expression=sentence,
        mask=mask if present else np.zeros_like(mask),
        probability=mask.astype(np.float32),
        present=present,
        p_present=p_present,
        predicted_iou=predicted_iou,
        weights=WEIGHTS,
    )


class OracleSegmenter:
    """Knows the places and answers by the colours in the two boxes; elsewhere it says that nothing is there."""

    weights = WEIGHTS

    def __call__(self, image, sentences):
        return [self.one(image.pixels, sentence) for sentence in sentences]

    def answers(self, questions):
        return (self.one(image.pixels, sentence) for image, sentence in questions)

    def mask_on_grid(self, answer, height, width):
        return np.asarray(Image.fromarray(answer.mask).resize((width, height), Image.Resampling.NEAREST))

    def one(self, pixels, sentence):
        mask = np.zeros(pixels.shape[:2], dtype=bool)
        if pixels.shape[0] != SIDE:
            return answer(sentence, mask, p_present=0.0, predicted_iou=0.0)
        boxes = {"leftmost": LEFT, "rightmost": RIGHT}
        for name, (left, upper, right, lower) in boxes.items():
            channel = "red" if pixels[upper + 5, left + 5, 0] > 150 else "blue"
            if name in sentence or "all buildings" in sentence or channel in sentence:
                mask[upper:lower, left:right] = True
        found = bool(mask.any())
        return answer(sentence, mask, float(found), float(found))


class DeafSegmenter(OracleSegmenter):
    """Marks the left roof whatever is said."""

    def one(self, pixels, sentence):
        mask = np.zeros(pixels.shape[:2], dtype=bool)
        left, upper, right, lower = LEFT
        mask[upper:lower, left:right] = True
        return answer(sentence, mask, 0.8, 0.9)


@pytest.fixture
def oracle() -> Oracle:
    return OracleSegmenter()


@pytest.fixture
def deaf() -> Oracle:
    return DeafSegmenter()
