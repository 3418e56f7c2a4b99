"""The published augmentation: how many pictures, how many boxes, how large."""

import numpy as np
import pytest

from rs2sam2.training.black_boxes import BlackBoxes, box_corners, box_side


def test_a_fifth_of_the_samples_is_painted():
    white = np.full((8, 8, 3), 255, dtype=np.uint8)
    boxes = BlackBoxes(share=0.2, side=32, seed=7)
    painted = sum(boxes(index, white) is not white for index in range(2000))
    assert 340 < painted < 460  # 400, and more than three standard deviations to both sides


def test_20_to_60_boxes_of_32_pixels_at_1024():
    counts = set()
    for seed in range(300):
        corners = box_corners(np.random.default_rng(seed), 1024)
        counts.add(len(corners))
        assert corners.min() >= 0 and corners.max() <= 1024 - 32
    assert min(counts) == 20 and max(counts) == 60


@pytest.mark.parametrize(("side", "box"), [(1024, 32), (512, 16), (64, 2), (16, 1)])
def test_boxes_keep_their_share_of_the_picture(side, box):
    assert box_side(side) == box


def test_black_pixels_are_the_boxes_and_nothing_else():
    white = np.full((800, 801, 3), 255, dtype=np.uint8)
    painted = BlackBoxes(share=1.0, side=1024, seed=3)(5, white)
    rng = np.random.default_rng([3, 5])
    rng.random()
    expected = np.zeros((1024, 1024), dtype=bool)
    for x, y in box_corners(rng, 1024):
        expected[y : y + 32, x : x + 32] = True
    assert painted.shape == (1024, 1024, 3)
    assert np.array_equal((painted == 0).all(-1), expected)
    assert np.array_equal((painted == 255).all(-1), ~expected)
    assert 10 * 1024 < expected.sum() <= 60 * 1024


def test_seed_and_index_decide_and_the_picture_itself_stays():
    white = np.full((64, 64, 3), 255, dtype=np.uint8)
    first, same, other, another = (
        BlackBoxes(1.0, 64, seed)(index, white) for seed, index in ((0, 1), (0, 1), (0, 2), (1, 1))
    )
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other) and not np.array_equal(first, another)
    assert (white == 255).all()
