"""Expressions that mean one thing, and the part of a mask that they are answered with."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rs2sam2.inference.one_thing import means_one_thing, surest_part
from rs2sam2.inference.runs import joined

ONE = [
    "the largest building",
    "the blue-roofed building at the lower right",
    "building with a white roof on the left",
    "the left ship",
    "a tennis court",
    "the third car from the left",
    "the ship closest to the cars",
    "the building to the left of the two tanks",
    "the white and blue building",
    "the sports field in the middle",
    "the bus parked near the houses",
    "the building's roof",
    "the house between the road and the pool",
    "swimming pool",
    "the westernmost aircraft",
    "The gas station.",
]
SEVERAL = [
    "all buildings",
    "the buildings on the left",
    "cars parked along the road",
    "the two ships at the top",
    "every house with a red roof",
    "the pool and the tennis court",
    "the car on the left and the truck",
    "a row of trees",
    "both storage tanks",
    "houses left of the road",
    "das gr\u00f6\u00dfte Geb\u00e4ude",
    "\u6700\u5927\u7684\u5efa\u7b51",
]


@pytest.mark.parametrize("expression", ONE)
def test_one(expression: str) -> None:
    assert means_one_thing(expression)


@pytest.mark.parametrize("expression", SEVERAL)
def test_several(expression: str) -> None:
    assert not means_one_thing(expression)


def test_the_surest_part_need_not_be_the_largest() -> None:
    probability = np.zeros((6, 8), np.float32)
    probability[0:2, 0:5] = 0.51
    probability[4:6, 4:8] = 0.9
    found = surest_part(probability > 0.5, probability)
    assert found[4:6, 4:8].all() and found.sum() == 8


def test_parts_that_touch_at_a_corner_are_one() -> None:
    mask = np.eye(5, dtype=bool)
    assert (surest_part(mask, mask.astype(np.float32)) == mask).all()


@given(arrays(np.float32, (9, 11), elements=st.sampled_from([0.0, 0.6, 0.75, 1.0])))
def test_what_is_kept_is_one_connected_part_and_no_part_is_surer(probability: np.ndarray) -> None:
    from scipy import ndimage

    mask = probability > 0.5
    found = surest_part(mask, probability)
    parts, count = ndimage.label(mask, np.ones((3, 3)))
    sums = [float(probability[parts == part].sum()) for part in range(1, count + 1)]
    assert not (found & ~mask).any()
    assert len(np.unique(parts[found])) == min(count, 1)
    assert float(probability[found].sum()) == pytest.approx(max(sums, default=0.0))


@given(arrays(np.int64, (2, 12), elements=st.integers(0, 15)))
def test_what_hangs_together_is_numbered_as_scipy_numbers_it(pairs: np.ndarray) -> None:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(12), (pairs[0], pairs[1])), shape=(16, 16))
    assert (joined(pairs[0], pairs[1], 16) == connected_components(graph, directed=False)[1]).all()
