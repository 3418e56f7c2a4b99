"""Where tiles lie, what their answers weigh, and how they come back to the raster's grid."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rs2sam2.inference.raster.blending import Blend, weights
from rs2sam2.inference.raster.enlarging import Enlarging
from rs2sam2.inference.raster.tiling import Axis, Tiling, axis
from rs2sam2.preprocess import to_image_grid

lengths, pitches = st.integers(1, 5000), st.floats(0.2, 20)
overlaps, sides = st.floats(0, 0.95), st.integers(2, 64)


@given(lengths, pitches, sides, overlaps)
def test_tiles_cover_an_axis_with_enough_overlap(length: int, pitch: float, side: int, overlap: float) -> None:
    found = axis(length, pitch, side, overlap)
    starts = np.array(found.starts)
    assert starts[0] == 0 and (np.diff(starts) > 0).all()
    assert starts[-1] + side >= found.cells and found.span(len(starts) - 1)[1] >= length - 1e-3
    assert len(starts) == 1 or starts[-1] + side == found.cells, "no tile reaches further than it must"
    shared = side - np.diff(starts)
    assert (shared >= min(np.ceil(overlap * side), side - 1)).all()
    if len(starts) > 1:  # with one tile less, some would share too little
        assert (found.cells - side) / max(1, len(starts) - 2 or 1) > side - np.ceil(overlap * side) or len(starts) == 2


@given(st.data())
def test_tiles_that_meet_an_object_are_counted(data: st.DataObject) -> None:
    pitch = data.draw(pitches)
    side = data.draw(st.integers(2, 16))
    tiling = Tiling(*(axis(data.draw(st.integers(1, 300)), pitch, side, data.draw(overlaps)) for _ in range(2)))
    said = np.random.default_rng(data.draw(st.integers(0, 99))).random((tiling.rows, tiling.columns)) < 0.8
    left, top = data.draw(st.integers(0, tiling.across.length - 1)), data.draw(st.integers(0, tiling.down.length - 1))
    right, bottom = left + data.draw(st.integers(1, 90)), top + data.draw(st.integers(1, 90))
    expected = 0
    for tile in range(len(tiling)):
        x0, y0, x1, y1 = tiling.box(tile)
        meets = x0 < right and left < x1 and y0 < bottom and top < y1
        expected += meets and bool(said[divmod(tile, tiling.columns)])
    assert tiling.count(np.array([[left, top, right, bottom]]), said).tolist() == [expected]


@given(st.integers(1, 300))
def test_weights_are_positive_everywhere(side: int) -> None:
    assert weights(side).min() > 0 and weights(side).shape == (side, side)


@given(st.data())
def test_tiles_that_agree_give_what_they_agree_on(data: st.DataObject) -> None:
    """Every pixel, the outer ring included, has an answer, in whatever rows the strips come."""
    pitch, side = data.draw(st.floats(0.5, 6)), data.draw(st.integers(2, 12))
    tiling = Tiling(*(axis(data.draw(st.integers(1, 200)), pitch, side, data.draw(overlaps)) for _ in range(2)))
    cells = np.random.default_rng(data.draw(st.integers(0, 99))).normal(size=(400, 400)).astype(np.float32)
    blend, enlarging = Blend(tiling, -9.0), Enlarging(tiling, 1, -8.0)
    strips = []
    for row, top in enumerate(tiling.down.starts):
        for column, left in enumerate(tiling.across.starts):
            blend.add(column, cells[top : top + side, left : left + side])
        logits, answered = blend.finish_row(row)
        assert answered.all()
        enlarging.add([logits], answered)
        while enlarging.next_row < enlarging.ready:
            end = min(enlarging.ready, enlarging.next_row + data.draw(st.integers(1, 40)))
            strips.append(taken(enlarging, end, tiling.across.length, data.draw(st.integers(1, 200))))
    found = np.concatenate(strips)
    assert found.shape == (tiling.down.length, tiling.across.length)
    whole = cells[: tiling.down.cells, : tiling.across.cells]
    np.testing.assert_allclose(found, bilinear(bilinear(whole, tiling.down).T, tiling.across).T, atol=2e-3)


@settings(max_examples=40)
@given(st.data())
def test_a_part_is_answered_as_it_is_in_the_whole(data: st.DataObject) -> None:
    """An area of interest asks the whole raster's tiles, each with an answer of its own, and no others."""
    pitch, side, overlap = data.draw(st.floats(0.5, 6)), data.draw(st.integers(2, 12)), data.draw(overlaps)
    down, across = (axis(data.draw(st.integers(1, 150)), pitch, side, overlap) for _ in range(2))
    top, left = data.draw(st.integers(0, down.length - 1)), data.draw(st.integers(0, across.length - 1))
    bottom, right = data.draw(st.integers(top + 1, down.length)), data.draw(st.integers(left + 1, across.length))
    seed = data.draw(st.integers(0, 99))
    whole = answered_by_noise(Tiling(down, across), (0, 0), seed)
    part = answered_by_noise(Tiling(down.part(top, bottom), across.part(left, right)), (top, left), seed)
    np.testing.assert_allclose(part, whole[top:bottom, left:right], atol=1e-3)


def test_a_part_ends_where_it_ends() -> None:
    """Its last cells lie beyond it: they give no further rows."""
    down, across = axis(73, 4.25, 2, 0.0), axis(1, 4.25, 2, 0.0)
    whole = answered_by_noise(Tiling(down, across), (0, 0), 0)
    part = answered_by_noise(Tiling(down.part(0, 64), across), (0, 0), 0)
    np.testing.assert_allclose(part, whole[:64], atol=1e-3)


def answered_by_noise(tiling: Tiling, place: tuple[int, int], seed: int) -> np.ndarray:
    """What comes out when each tile says what nobody else says, known by where it lies."""
    blend, enlarging, strips = Blend(tiling, -9.0), Enlarging(tiling, 1, -99.0), []
    for row in range(tiling.rows):
        for column in range(tiling.columns):
            left, top, *_ = tiling.box(row * tiling.columns + column)
            where = [round(8 * (top + place[0])), round(8 * (left + place[1]))]
            rng = np.random.default_rng([seed, *where])
            blend.add(column, rng.normal(size=(tiling.down.tile,) * 2).astype(np.float32))
        logits, answered = blend.finish_row(row)
        enlarging.add([logits], answered)
        if enlarging.next_row < enlarging.ready:
            strips.append(taken(enlarging, enlarging.ready, tiling.across.length))
    return np.concatenate(strips)


def taken(enlarging: Enlarging, end: int, width: int, columns: int = 10**6) -> np.ndarray:
    """The next rows, put together from parts of so many columns."""
    parts = []
    for left in range(0, width, columns):
        (part,), unanswered = enlarging.part(end, left, min(left + columns, width))
        assert part is not None and unanswered is None
        parts.append(part)
    enlarging.leave(end)
    return np.concatenate(parts, axis=1)


def bilinear(cells: np.ndarray, along: Axis) -> np.ndarray:
    """Rows of cells at the centres of pixels."""
    where = (np.arange(along.length) + 0.5) / along.pitch - 0.5
    return np.stack([np.interp(where, np.arange(along.cells), column) for column in cells.T], axis=1)


def test_one_tile_is_enlarged_as_a_picture_is() -> None:
    logits = torch.randn(1, 1, 64, 64)
    tiling = Tiling(axis(1024, 16, 64, 0.25), axis(1024, 16, 64, 0.25))
    enlarging = Enlarging(tiling, 1, -99)
    enlarging.add([logits[0, 0].numpy()], np.ones((64, 64), dtype=bool))
    found = taken(enlarging, 1024, 1024)
    np.testing.assert_allclose(found, to_image_grid(logits, 1024, 1024)[0, 0].numpy(), atol=1e-5)


@given(st.integers(0, 99), st.floats(0.4, 40))
def test_what_matters_is_enlarged_and_nothing_else_matters(seed: int, pitch: float) -> None:
    """Few cells lie above the threshold: around them pixels are what they would be, elsewhere they lie below."""
    rng = np.random.default_rng(seed)
    tiling = Tiling(axis(round(9 * pitch), pitch, 99, 0), axis(round(30 * pitch), pitch, 99, 0))
    shape = tiling.down.cells, tiling.across.cells
    cells = np.where(rng.random(shape) < 0.03, rng.random(shape) * 20, rng.random(shape) - 9).astype(np.float32)
    everything, some = (Enlarging(tiling, 1, low) for low in (-99, -1))
    for enlarging in (everything, some):
        enlarging.add([cells], np.ones(cells.shape, dtype=bool))
    expected = taken(everything, tiling.down.length, tiling.across.length)
    (found,), _ = some.part(tiling.down.length, 0, tiling.across.length)
    if found is None:
        assert expected.max() <= -1
    else:
        assert np.array_equal(found > -1, expected > -1)
        assert np.array_equal(found[found > -1], expected[found > -1])


def test_rows_of_tiles_are_read_back_and_forth() -> None:
    tiling = Tiling(axis(30, 1, 10, 0), axis(40, 1, 10, 0))
    assert tiling.back_and_forth().tolist() == [0, 1, 2, 3, 7, 6, 5, 4, 8, 9, 10, 11]


def test_the_tile_whose_middle_is_nearer_is_believed() -> None:
    tiling = Tiling(axis(8, 1, 8, 0.5), axis(12, 1, 8, 0.5))
    blend = Blend(tiling, -6.0)
    blend.add(0, np.full((8, 8), 6, dtype=np.float32))
    blend.add(1, None)
    logits, _ = blend.finish_row(0)
    assert (logits[:, :6] > 0).all() and (logits[:, 6:] < 0).all() and (np.diff(logits) < 1e-5).all()
