import json
import re

import numpy as np
import pytest

from rs2sam2.data.real_scenes import NEVER_SHOWN, load_scenes
from rs2sam2.data.roof_colours import COLOUR_NAMES, roof_colours
from rs2sam2.data.rrsisd import RRSISD
from rs2sam2.errors import DataError

WORDS = {
    "red": "red",
    "blue": "blue",
    "white": "white",
    "orange": "orange",
    "rusty": "rusty brown",
    "dark": "dark gray",
}


def test_the_same_ground_is_handed_out_once(refer_root):
    whole, window = load_scenes(refer_root, "train")
    assert whole.image.shape == (64, 64, 3) and window.image.shape == (48, 48, 3)
    assert whole.absent == NEVER_SHOWN
    assert len(load_scenes(refer_root, "val")) == 1


def test_things_have_outlines_colours_and_whole_areas(refer_root):
    whole, _ = load_scenes(refer_root, "train")
    blue, red = whole.things
    assert (blue.colours, red.colours) == ({"blue"}, {"red"})
    assert blue.full_area == pytest.approx(2 * 728) and red.full_area == pytest.approx(400)
    assert whole.areas().tolist() == [728, 400]
    assert red.referable
    assert blue.referable, "another image shows it as a clear roof"


def test_splits_that_are_not_there(refer_root):
    with pytest.raises(DataError, match="no images in split 'test'"):
        load_scenes(refer_root, "test")
    path = refer_root / "rrsisd/instances.json"
    path.write_text(json.dumps({"images": [{"id": 1, "split": "train"}], "annotations": []}))
    with pytest.raises(DataError, match="lacks what the layout asks for"):
        load_scenes(refer_root, "train")


@pytest.mark.parametrize(
    ("pixel", "name"),
    [
        ((240, 243, 240), "white"),
        ((48, 112, 178), "blue"),
        ((186, 70, 82), "red"),
        ((222, 138, 92), "orange"),
        ((146, 102, 80), "rusty brown"),
        ((70, 72, 78), "dark gray"),
    ],
)
def test_plain_roofs_have_one_certain_colour(pixel, name):
    image = np.full((40, 40, 3), (90, 120, 60), dtype=np.uint8)
    mask = np.zeros((40, 40), dtype=bool)
    mask[8:32, 6:30] = True
    image[mask] = pixel
    certain, possible = roof_colours(image, mask)
    assert certain == {name}
    assert certain <= possible <= COLOUR_NAMES


def test_two_coloured_roofs_have_none():
    image = np.full((40, 40, 3), 245, dtype=np.uint8)
    image[:20] = (48, 112, 178)
    certain, possible = roof_colours(image, np.ones((40, 40), dtype=bool))
    assert not certain
    assert {"white", "blue"} <= possible
    assert roof_colours(image, np.zeros((40, 40), dtype=bool)) == (frozenset(), frozenset())


@pytest.mark.slow
def test_colours_agree_with_the_sentences_of_the_training_split(shared):
    certain = possible = total = 0
    for sample in RRSISD(shared / "data/oam_buildings/refer", "train"):
        if sample.kind is None or "colour" not in sample.kind:
            continue
        name = next(name for word, name in WORDS.items() if re.search(rf"\b{word}", sample.sentence))
        sure, maybe = roof_colours(sample.image, sample.mask)
        total += 1
        certain += name in sure
        possible += name in maybe
    assert total == 102
    assert certain >= 97, f"{certain} of {total}"
    assert possible == total
