"""Rendered scenes as a data set: the reader takes it, the seed decides it."""

import numpy as np

from rs2sam2.data.registry import open_dataset
from rs2sam2.evaluation.rendered_split import SPLIT, write_rendered_split


def test_the_reader_takes_it_and_the_seed_decides_it(tmp_path):
    counts = [write_rendered_split(tmp_path / name, 4, seed, 256) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    first, again, other = (list(open_dataset("refsegrs", tmp_path / name, SPLIT)) for name in "abc")
    assert [len(first), len(again), len(other)] == counts
    assert [one.sentence for one in first] == [one.sentence for one in again] != [one.sentence for one in other]
    assert all(np.array_equal(one.mask, two.mask) for one, two in zip(first, again, strict=True))
    assert {one.image.shape for one in first} == {(256, 256, 3)}
    assert any(one.mask.any() for one in first)
