"""Boundary counts against masks counted by hand, and against plain loops."""

from math import hypot

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rs2sam2.evaluation.boundary import TOLERANCE, boundary_matches, boundary_overlap
from rs2sam2.evaluation.metrics import MeanBoundaryF1, MeanIoU

SHAPES = st.tuples(st.integers(1, 7), st.integers(1, 9))
PAIRS = SHAPES.flatmap(lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape)))


def box(shape, upper, left, lower, right):
    mask = np.zeros(shape, dtype=bool)
    mask[upper:lower, left:right] = True
    return mask


def f1(matches):
    metric = MeanBoundaryF1()
    metric.update(*(torch.tensor([count]) for count in matches))
    return float(metric.compute())


def test_a_band_of_a_known_width():
    # 300 x 400: the diagonal is 500, 2 % of it 10 pixels. A box of 100 x 60 has a band of 100 * 60 - 80 * 40.
    mask = box((300, 400), 50, 50, 150, 110)
    assert boundary_overlap(mask, mask) == (2800, 2800)
    # Moved right by 10: both bands are 2800, what they share is counted on paper: the bars above and below share 50 of
    # 60 columns in 10 rows each, between them the left bar of one meets nothing, nor does the right of the other.
    moved = np.roll(mask, 10, axis=1)
    assert boundary_overlap(mask, moved)[0] == 2 * 10 * 50


def test_the_images_border_ends_a_band_and_not_an_edge():
    full = np.ones((300, 400), dtype=bool)
    assert boundary_overlap(full, full) == (300 * 400 - 280 * 380,) * 2
    half = box((300, 400), 0, 0, 300, 200)
    assert boundary_matches(half, half) == (300, 300, 300, 300)
    assert boundary_matches(full, full) == (1, 1, 1, 1)
    assert f1(boundary_matches(full, half)) == 0


def test_boundaries_match_within_the_tolerance():
    mask = box((60, 60), 20, 20, 40, 40)  # 76 pixels of edge
    assert boundary_matches(mask, mask) == (76, 76, 76, 76)
    near, far = np.roll(mask, TOLERANCE, axis=1), np.roll(mask, TOLERANCE + 1, axis=1)
    assert f1(boundary_matches(near, mask)) == 1
    # Both horizontal edges share 16 of 20 columns; 3 more pixels of each lie at most 3 beside the other's end, and the
    # last column's own vertical edge is 4 away. The near vertical edge runs 1 pixel inside the other's end.
    matched, total, back, other = boundary_matches(far, mask)
    assert (total, other) == (76, 76)
    assert matched == back < 76


def test_a_smaller_box_inside():
    meant, found = box((40, 40), 10, 10, 20, 20), box((40, 40), 12, 12, 18, 18)
    # Each edge pixel of the small box (20) is 2 from the large one's; the large one's corners (sqrt 8) are near, too.
    assert boundary_matches(found, meant) == (20, 20, 36, 36)


@pytest.mark.parametrize(("found", "meant"), [(False, True), (True, False)])
def test_nothing_found_matches_nothing(found, meant):
    masks = [box((20, 20), 5, 5, 9, 9) if shown else np.zeros((20, 20), dtype=bool) for shown in (found, meant)]
    assert f1(boundary_matches(*masks)) == 0
    assert boundary_overlap(*masks)[0] == 0


def test_both_empty():
    nothing = np.zeros((5, 7), dtype=bool)
    assert boundary_overlap(nothing, nothing) == (0, 0)
    assert boundary_matches(nothing, nothing) == (0, 0, 0, 0)


def plain_edge(mask):
    height, width = mask.shape
    return [
        (y, x)
        for y, x in zip(*np.nonzero(mask), strict=True)
        if any(
            0 <= b < height and 0 <= a < width and not mask[b, a]
            for b, a in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1))
        )
    ]


@given(PAIRS, st.integers(0, 4))
def test_matches_are_those_of_plain_loops(pair, tolerance):
    if pair[0].all() and pair[1].all():
        return
    edges = [plain_edge(mask) for mask in pair]
    near = [
        sum(any(hypot(y - b, x - a) <= tolerance for b, a in other) for y, x in edge)
        for edge, other in (edges, edges[::-1])
    ]
    assert boundary_matches(*pair, tolerance) == (near[0], len(edges[0]), near[1], len(edges[1]))


@given(PAIRS)
def test_bands_are_those_of_plain_loops(pair):
    # So small an image has a band of one pixel: what has one of eight neighbours outside, the border being outside.
    bands = []
    for mask in pair:
        framed = np.pad(mask, 1)
        inside = np.ones_like(mask)
        for y in range(3):
            for x in range(3):
                inside &= framed[y : y + mask.shape[0], x : x + mask.shape[1]]
        bands.append(mask & ~inside)
    assert boundary_overlap(*pair) == ((bands[0] & bands[1]).sum(), (bands[0] | bands[1]).sum())


@given(PAIRS)
def test_sides_can_be_exchanged_and_pictures_mirrored(pair):
    first, second = pair
    overlap, matches = boundary_overlap(first, second), boundary_matches(first, second)
    assert boundary_overlap(second, first) == overlap
    assert boundary_matches(second, first) == (*matches[2:], *matches[:2])
    for flipped in ((first[::-1], second[::-1]), (first.T, second.T)):
        assert boundary_overlap(*flipped) == overlap
        assert boundary_matches(*flipped) == matches


def test_mean_iou_over_bands_is_mean_boundary_iou():
    mask = box((300, 400), 50, 50, 150, 110)
    metric = MeanIoU()
    for found in (mask, ~mask):
        metric.update(*(torch.tensor([count]) for count in boundary_overlap(found, mask)))
    assert float(metric.compute()) == 0.5
