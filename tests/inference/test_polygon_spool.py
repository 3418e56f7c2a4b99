"""Objects on disk: fixed order, whatever the strips; filtered, counted and simplified on request."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from scipy.ndimage import gaussian_filter

from rs2sam2.errors import OutputError
from rs2sam2.inference.exclusive import likeliest
from rs2sam2.inference.polygons import spool as spool_module
from rs2sam2.inference.polygons.objects import Objects
from rs2sam2.inference.polygons.simplify import simplified
from rs2sam2.inference.polygons.sink import PolygonSink
from rs2sam2.inference.polygons.spool import Spool

UTM = CRS.from_epsg(32631)
# On this line of zone 31 N the scale is 1; 5 m are 20 pixels.
SCALE_IS_1 = Affine(0.25, 0, 500_000 + 180_200, 0, -0.25, 100_000)


def noise(seed: int, shape: tuple[int, int] = (48, 40)) -> np.ndarray:
    return gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 1.5)


def stored(spool: Spool, masks: Sequence[np.ndarray], height: int, **options: object) -> Spool:
    """Feed the masks of several expressions in strips of this height."""
    place = options.pop("transform", None), options.pop("crs", None)
    sinks = [PolygonSink(spool, k, mask.shape[1], *place, **options) for k, mask in enumerate(masks)]
    for row in range(0, len(masks[0]), height):
        for sink, mask in zip(sinks, masks, strict=True):
            strip = mask[row : row + height]
            sink.add(0, strip, np.full(np.count_nonzero(strip), 200, dtype=np.uint8))
    for sink in sinks:
        sink.close()
    return spool


def rows(spool: Spool) -> Objects:
    return Objects.joined([Objects.none(), *spool.batches()])


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path / "objects") as spool:
        yield spool
    assert list(tmp_path.iterdir()) == []


def test_order_is_that_of_first_pixels_whatever_the_strips(spool: Spool, tmp_path: Path) -> None:
    masks = [noise(seed) > 0.1 for seed in range(3)]
    found = rows(stored(spool, masks, 5))
    keys = list(zip(found.first_row.tolist(), found.first_column.tolist(), found.expression.tolist(), strict=True))
    assert len(keys) > 40 and keys == sorted(set(keys)) and set(found.expression) == {0, 1, 2}
    with Spool(tmp_path / "other") as other:
        again = rows(stored(other, masks, 48))
    for name in ("first_row", "first_column", "expression", "score", "area_px", "outline"):
        assert np.array_equal(getattr(found, name), getattr(again, name)), name
    for number, mask in enumerate(masks):
        assert found.area_px[found.expression == number].sum() == mask.sum()
    assert np.isnan(found.area_m2).all() and not found.tiles.any()


def test_rows_come_in_batches(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "_BATCH", 7)
    stored(spool, [noise(0) > 0.1, noise(1) > 0.1], 11)
    sizes = [len(some) for some in spool.batches()]
    assert len(sizes) > 3 and set(sizes[:-1]) == {7}
    assert len(rows(spool)) == sum(sizes)


def test_a_square_is_what_it_is_on_the_ground(spool: Spool) -> None:
    mask = np.zeros((64, 64), dtype=bool)
    mask[10:30, 20:40] = mask[50, 50] = True
    found = rows(stored(spool, [mask], 16, transform=SCALE_IS_1, crs=UTM))
    assert found.area_m2 == pytest.approx([25.0, 0.0625], rel=2e-4)
    assert found.perimeter_m == pytest.approx([20.0, 1.0], rel=1e-4)
    assert found.score == pytest.approx(200 / 255)


@pytest.mark.parametrize(("place", "kept"), [({}, [400]), ({"transform": SCALE_IS_1, "crs": UTM}, [400, 81])])
def test_small_objects_are_left_out(spool: Spool, place: dict[str, object], kept: list[int]) -> None:
    """Of 400, 81 and 4 pixels: at least 100 pixels, or square metres / 20 of them."""
    mask = np.zeros((64, 64), dtype=bool)
    mask[10:30, 20:40] = mask[40:49, 3:12] = mask[60:62, 60:62] = True
    found = rows(stored(spool, [mask], 16, min_area=5.0 if place else 100.0, **place))
    assert found.area_px.tolist() == kept


def test_tiles_are_counted(spool: Spool) -> None:
    mask = np.zeros((64, 64), dtype=bool)
    mask[2:5, 2:40] = mask[20:60, 50:53] = True

    def count(bounds: np.ndarray) -> np.ndarray:
        first, last = bounds[:, :2] // 16, (bounds[:, 2:] - 1) // 16
        return np.prod(last - first + 1, axis=1)

    assert rows(stored(spool, [mask], 10, count_tiles=count)).tiles.tolist() == [3, 3]


def test_a_full_disk_is_said(spool: Spool) -> None:
    spool._table.execute("PRAGMA max_page_count = 1")
    with pytest.raises(OutputError, match=r"objects: cannot be written \(database or disk is full\)"):
        stored(spool, [np.random.default_rng(0).random((200, 200)) < 0.5], 200)


def test_what_a_killed_run_left_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "objects").write_bytes(b"left")
    with Spool(tmp_path / "objects") as spool:
        assert list(spool.batches()) == []
    with pytest.raises(OutputError, match="cannot be written"):
        Spool(tmp_path / "none" / "objects")


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), tolerance=st.sampled_from([0.8, 1.5, 3.0]), batch=st.sampled_from([3, 10, 5000]))
def test_simplified_neighbours_stay_neighbours(
    tmp_path_factory: pytest.TempPathFactory, seed: int, tolerance: float, batch: int
) -> None:
    """Three expressions that fill the grid between them: no gap and no overlap appears, in whatever batches."""
    values = np.stack([noise(seed + k) for k in range(3)])
    masks = [values.argmax(axis=0) == k for k in range(3)]
    with pytest.MonkeyPatch.context() as patch, Spool(tmp_path_factory.mktemp("spool") / "objects") as spool:
        patch.setattr(spool_module, "_BATCH", batch)
        before = rows(stored(spool, masks, 9))
        spool.simplify(tolerance, exclusive=True)
        after = rows(spool)
    assert shapely.coverage_is_valid(after.outline) and shapely.is_valid(after.outline).all()
    assert shapely.get_num_coordinates(after.outline).sum() < shapely.get_num_coordinates(before.outline).sum()
    assert np.array_equal(before.area_px, after.area_px) and len(before) == len(after)
    (whole,) = simplified([before], tolerance, exclusive=True)
    assert shapely.equals(after.outline, whole.outline).all()


def test_overlapping_expressions_are_simplified_apart(spool: Spool) -> None:
    mask = noise(3) > 0
    stored(spool, [mask, mask | np.roll(mask, 3, axis=1)], 9)
    spool.simplify(1.5, exclusive=False)
    found = rows(spool)
    assert shapely.is_valid(found.outline).all()
    alone = found.outline[found.expression == 0]
    assert shapely.coverage_is_valid(alone)


def test_each_pixel_goes_to_the_likeliest() -> None:
    masks = np.array([[1, 1, 0, 0, 1]], dtype=bool), np.array([[0, 1, 1, 0, 1]], dtype=bool)
    sure = np.array([[90, 90, 90, 90, 70]], dtype=np.uint8), np.array([[99, 99, 40, 99, 70]], dtype=np.uint8)
    assert likeliest(zip(masks, sure, strict=True)).tolist() == [[1, 2, 2, 0, 1]]
    with pytest.raises(ValueError, match="no mask"):
        likeliest([])
