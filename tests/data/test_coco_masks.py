"""Run lengths and polygons, held against pycocotools, and against what nobody should write."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco_mask

from rs2sam2.data.coco_masks import MOST_PIXELS, decode_segmentation
from rs2sam2.errors import DataError

masks = arrays(np.bool_, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=st.booleans())


def compressed(mask):
    return coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))


def runs_of(mask):
    flat = np.concatenate(([False], mask.T.ravel()))
    changes = np.flatnonzero(np.diff(flat.astype(int)))
    return [int(run) for run in np.diff(np.concatenate(([0], changes, [mask.size])))]


@given(masks)
def test_every_mask_comes_back(mask):
    code = compressed(mask)
    assert (decode_segmentation(code, 1, 1) == mask).all()
    assert (decode_segmentation([{**code, "counts": code["counts"].decode()}], 1, 1) == mask).all()
    assert (decode_segmentation({"size": list(mask.shape), "counts": runs_of(mask)}, 1, 1) == mask).all()


@pytest.mark.parametrize("run", [15, 16, 17, 511, 512, 16383, 16384, 600_000])
def test_runs_of_every_length_of_code(run):
    flat = np.zeros(1_300_000, dtype=bool)
    flat[run : 2 * run] = True
    mask = flat.reshape(1300, 1000).T
    assert (decode_segmentation(compressed(mask), 1, 1) == mask).all()


@given(masks.flatmap(lambda mask: st.tuples(st.just(mask), arrays(np.bool_, mask.shape))))
def test_parts_are_joined(both):
    parts = [compressed(mask) for mask in both]
    assert (decode_segmentation(parts, 1, 1) == (both[0] | both[1])).all()


@given(st.lists(st.lists(st.floats(-50, 90), min_size=6, max_size=12).filter(lambda p: len(p) % 2 == 0), min_size=1))
def test_polygons_are_drawn_as_pycocotools_draws_them(polygons):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, 30, 45)))
    assert (decode_segmentation(polygons, 30, 45) == expected.astype(bool)).all()


@pytest.mark.parametrize("nothing", [None, [], [[]]])
def test_nothing_is_an_empty_mask(nothing):
    mask = decode_segmentation(nothing, 3, 5)
    assert mask.shape == (3, 5) and not mask.any()


@given(st.one_of(st.text(), st.binary()), st.integers(1, 6), st.integers(1, 6))
def test_any_code_is_a_mask_or_refused(counts, height, width):
    try:
        mask = decode_segmentation({"size": [height, width], "counts": counts}, height, width)
    except DataError:
        return
    assert mask.shape == (height, width)


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        ("text", "neither RLE nor polygons"),
        ({"counts": [4]}, "size"),
        ({"size": [2, 2]}, "counts"),
        ({"size": [2, 2], "counts": "2"}, "runs of 2 pixels for 2 x 2"),
        ({"size": [2, 2], "counts": [5]}, "runs of 5 pixels"),
        ({"size": [2, 2], "counts": [-1, 5]}, "runs of 4 pixels"),
        ({"size": [2, 2], "counts": [1.5, 2.5]}, "whole numbers"),
        ({"size": [2, 2], "counts": []}, "whole numbers"),
        ({"size": [2, 2], "counts": [2**62, 2**62, 2**62, 2**62, 4]}, "whole numbers"),
        ({"size": [2, 2], "counts": ""}, "no run-length code"),
        ({"size": [2, 2], "counts": 10**12}, "no run-length code"),
        ({"size": [2, 2], "counts": "P"}, "no run-length code"),
        ({"size": [2, 2], "counts": "\u00e9"}, "ascii"),
        ({"size": [2, 2], "counts": "o" * 9 + "1"}, "no image is large enough"),
        ({"size": [0, 2], "counts": [0]}, "size of 0 x 2"),
        ({"size": ["2", 2], "counts": [4]}, "size of '2' x 2"),
        ({"size": [10**9, 10**9], "counts": [10**18]}, "limit of 178 megapixels"),
        ([{"size": [2, 2], "counts": [4]}, {"size": [4, 1], "counts": [4]}], "parts differ in size"),
        ([[1, 2, 3, 4]], "three points"),
        ([[1, 2, 3, 4, 5, 6, 7]], "three points"),
        ([["a", "b", "c", "d", "e", "f"]], "three points"),
        ([[0, 0, 1e9, 0, 1e9, 1e9]], "too far"),
        ([[0, 0, float("nan"), 0, 5, 5]], "too far"),
        ([5], "three points"),
    ],
)
def test_what_is_wrong_is_said(segmentation, reason):
    with pytest.raises(DataError, match=reason):
        decode_segmentation(segmentation, 4, 4)


def test_an_image_cannot_claim_any_size():
    with pytest.raises(DataError, match="limit"):
        decode_segmentation([], MOST_PIXELS, 2)
    with pytest.raises(DataError, match="size of None"):
        decode_segmentation([[0, 0, 1, 0, 1, 1]], None, 2)
