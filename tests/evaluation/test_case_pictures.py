"""Strips of panels: their size, their colours, and masks that leave little to show."""

import io

import numpy as np
import pytest
from PIL import Image

from rs2sam2.evaluation.case_pictures import FOUND, MEANT, RIGHT, case_strip


def drawn(shape, truth, *answers):
    image = np.full((*shape, 3), 120, dtype=np.uint8)
    return Image.open(io.BytesIO(case_strip(image, truth, answers))).convert("RGB")


def box(shape, upper, left, lower, right):
    mask = np.zeros(shape, dtype=bool)
    mask[upper:lower, left:right] = True
    return mask


def share(panel, ink):
    """Of a panel's pixels, how many look tinted or inked like this; JPEG and tint blur colours, hue stays."""
    pixels = np.asarray(panel.convert("HSV"), dtype=int)
    hue = int(np.asarray(Image.new("RGB", (1, 1), ink).convert("HSV"))[0, 0, 0])
    return ((abs(pixels[..., 0] - hue) < 12) & (pixels[..., 1] > 60)).mean()


def panels(strip, count):
    width = (strip.width - (count - 1) * 6) // count
    return [strip.crop((n * (width + 6), 0, n * (width + 6) + width, strip.height)) for n in range(count)]


def test_right_missed_and_wrong_have_their_colours():
    shape = (200, 300)
    truth, answer = box(shape, 50, 50, 110, 110), box(shape, 50, 80, 110, 140)
    whole, meant, found, compared = panels(drawn(shape, truth, answer), 4)
    for ink in (RIGHT, MEANT, FOUND):
        assert share(whole, ink) == 0
        assert share(compared, ink) > 0.05
    assert share(meant, MEANT) > 0.01 > share(meant, FOUND)
    assert share(found, FOUND) > 0.01 > share(found, MEANT)


def test_two_answers_are_each_compared():
    shape = (64, 64)
    truth = box(shape, 10, 10, 40, 40)
    *_, first, second = panels(drawn(shape, truth, truth, np.zeros(shape, dtype=bool)), 4)
    assert share(first, RIGHT) > 0.1 > share(first, MEANT)
    assert share(second, MEANT) > 0.1 > share(second, RIGHT)


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (500, 3), (40, 30)])
@pytest.mark.parametrize("kind", ["empty", "full", "corner"])
def test_any_shape_and_any_mask_can_be_drawn(shape, kind):
    mask = np.full(shape, kind == "full")
    mask[-1, -1] |= kind == "corner"
    assert drawn(shape, mask, mask).size == drawn((9, 9), box((9, 9), 2, 2, 5, 5), box((9, 9), 2, 2, 4, 5)).size


def test_a_thing_of_one_pixel_is_seen():
    shape = (900, 900)
    truth = box(shape, 450, 450, 451, 451)
    assert share(panels(drawn(shape, truth, truth), 4)[1], MEANT) > 0
