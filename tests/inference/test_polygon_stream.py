"""Objects come out once, whole and exact, in whatever strips the mask comes."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from rasterio.features import rasterize, shapes
from scipy.ndimage import gaussian_filter

from rs2sam2.inference.polygons import stream as stream_module
from rs2sam2.inference.polygons.stream import ObjectStream
from rs2sam2.inference.polygons.weighed_runs import WeighedRuns

Objects = dict[str, tuple[int, float]]
"""Outline as text, exactly, to area and score."""


def found(mask: np.ndarray, probability: np.ndarray, cuts: list[int]) -> Objects:
    """What comes out when the mask comes in strips that end at `cuts`."""
    stream = ObjectStream(mask.shape[1])
    pieces = []
    for start, end in pairwise([0, *cuts, len(mask)]):
        strip, sure = mask[start:end].copy(), probability[start:end].copy()
        pieces += stream.add(start, strip, sure)
        strip[:], sure[:] = True, 255  # the caller uses its arrays again
    pieces += stream.close()
    rows = [row for some in pieces for row in zip(some.outlines, some.area, some.score, strict=True)]
    assert all(outline.is_valid for outline, _, _ in rows)
    assert len({outline.wkt for outline, _, _ in rows}) == len(rows)
    return {outline.wkt: (int(area), float(score)) for outline, area, score in rows}


def whole(mask: np.ndarray) -> list[str]:
    """Another program's outlines of the whole mask."""
    drawn = shapes(mask.astype(np.uint8), mask=mask, connectivity=4)
    return sorted(shapely.normalize(shapely.geometry.shape(geometry)).wkt for geometry, _ in drawn)


@st.composite
def split(draw: st.DrawFn, mask: np.ndarray) -> list[int]:
    return sorted(draw(st.lists(st.integers(0, len(mask)), max_size=6)))


@st.composite
def rectangles(draw: st.DrawFn) -> np.ndarray:
    """Rectangles drawn into and cut out of a random grid."""
    mask = np.zeros((draw(st.integers(1, 40)), draw(st.integers(1, 40))), dtype=bool)
    for _ in range(draw(st.integers(0, 12))):
        top, left = draw(st.integers(0, 39)), draw(st.integers(0, 39))
        height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
        mask[top : top + height, left : left + width] = draw(st.booleans())
    return mask


@st.composite
def blobs(draw: st.DrawFn) -> np.ndarray:
    shape = draw(st.integers(1, 50)), draw(st.integers(1, 50))
    noise = np.random.default_rng(draw(st.integers(0, 2**32))).standard_normal(shape)
    return gaussian_filter(noise, draw(st.floats(0, 4))) > draw(st.floats(-0.2, 0.2))


@given(data=st.data(), mask=st.one_of(rectangles(), blobs(), arrays(bool, array_shapes(min_dims=2, max_dims=2))))
def test_any_split_gives_the_whole(data: st.DataObject, mask: np.ndarray) -> None:
    seed = data.draw(st.integers(0, 99))
    probability = np.random.default_rng(seed).integers(0, 256, mask.shape).astype(np.uint8)
    objects = found(mask, probability, data.draw(split(mask)))
    outlines = {text: shapely.from_wkt(text) for text in objects}
    assert sorted(shapely.normalize(outline).wkt for outline in outlines.values()) == whole(mask)
    assert objects == found(mask, probability, []), "to the last bit, with the same first point"
    if not objects:
        return
    numbered = rasterize([(outline, number) for number, outline in enumerate(outlines.values(), 1)], mask.shape)
    assert np.array_equal(numbered > 0, mask)
    for number, (text, (area, score)) in enumerate(objects.items(), 1):
        inside = numbered == number
        assert area == inside.sum() and score == pytest.approx(probability[inside].mean() / 255, rel=1e-12)
        row, column = np.argwhere(inside)[0]
        assert outlines[text].exterior.coords[0] == (column, row)


def test_a_comb_a_ring_and_corners() -> None:
    """Teeth that are joined in the last row only; a hole that touches what is outside at a corner."""
    comb = np.zeros((9, 9), dtype=bool)
    comb[:, ::2] = comb[-1] = True
    (outline,) = found(comb, comb * np.uint8(255), [1, 2, 5])
    assert shapely.from_wkt(outline).area == comb.sum()

    touching = np.ones((3, 3), dtype=bool)
    touching[1, 1] = touching[2, 2] = False
    (outline,) = found(touching, touching * np.uint8(255), [1, 2])
    assert len(shapely.from_wkt(outline).interiors) == 1
    assert len(found(np.eye(4, dtype=bool), np.eye(4, dtype=np.uint8), [2])) == 4


def test_strips_are_cut_into_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.random.default_rng(0).random((40, 30)) < 0.6
    expected = found(mask, mask * np.uint8(9), [])
    with monkeypatch.context() as patch:
        patch.setattr(stream_module, "_BLOCK", 100)
        assert found(mask, mask * np.uint8(9), [17]) == expected
    monkeypatch.setattr(stream_module, "_RUNS", 20)
    assert found(mask, mask * np.uint8(9), [17]) == expected


@given(data=st.data(), mask=st.one_of(rectangles(), blobs(), arrays(bool, array_shapes(min_dims=2, max_dims=2))))
def test_parts_side_by_side_are_the_whole(data: st.DataObject, mask: np.ndarray) -> None:
    weights = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, 256, mask.shape).astype(np.uint8)
    width = mask.shape[1]
    cuts = data.draw(st.lists(st.integers(1, max(1, width - 1)), max_size=5, unique=True))
    edges = sorted({0, width, *(cut for cut in cuts if cut < width)})
    parts = []
    for left, right in pairwise(edges):
        some = mask[:, left:right]
        parts.append(WeighedRuns.of(some, weights[:, left:right][some], width + 1, left))
    together, whole_ = WeighedRuns.side_by_side(parts), WeighedRuns.of(mask, weights[mask], width + 1)
    assert np.array_equal(together.runs.ends, whole_.runs.ends) and np.array_equal(together.sums, whole_.sums)


def test_strips_that_do_not_fit() -> None:
    stream = ObjectStream(4)
    row = np.ones((1, 4), dtype=bool)
    assert list(stream.add(0, row, row.astype(np.uint8))) == []
    for offset, strip in ((2, row), (0, row), (1, row[:, :3])):
        with pytest.raises(ValueError, match="expected row 1 and width 4"):
            list(stream.add(offset, strip, strip.astype(np.uint8)))


def test_memory_is_bounded_by_what_is_open() -> None:
    """Ten times the rows, with objects of their own and one through all of them, take no more memory."""
    rng = np.random.default_rng(0)
    strip = gaussian_filter(rng.standard_normal((64, 1000)), 3) > 0.1
    strip[0] = False
    strip[:, 500] = True

    def peak(strips: int) -> int:
        stream = ObjectStream(strip.shape[1])
        tracemalloc.start()
        complete = sum(
            len(some.area) for k in range(strips) for some in stream.add(64 * k, strip, strip.astype(np.uint8))
        )
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert complete > 10 * strips
        return highest

    peak(2)
    growth = peak(60) - peak(6)
    assert growth < 0.1 * 54 * strip.size, "the corners of the object that goes through them all"


@pytest.mark.slow
def test_wide_strips_are_quick() -> None:
    import time

    width, height = 32_768, 256
    noise = np.random.default_rng(0).standard_normal((height, width)).astype(np.float32)
    mask = gaussian_filter(noise, 6) > 0.06
    probability = mask.astype(np.uint8)
    stream = ObjectStream(width)
    start = time.process_time()
    count = sum(len(some.area) for k in range(4) for some in stream.add(k * height, mask, probability))
    rate = 4 * mask.size / (time.process_time() - start)
    assert count > 5_000
    assert rate > 4e6, f"{rate:.0f} pixels a second"
