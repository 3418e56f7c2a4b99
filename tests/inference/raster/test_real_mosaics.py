"""Real imagery put together: seams leave no trace, and polygons are their masks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import oam_mosaics
import pyogrio
import pytest
import rasterio
import shapely
from oam_mosaics import Mosaic
from rasterio.windows import Window

from rs2sam2.inference.outputs.targets import check_targets
from rs2sam2.inference.raster.options import RasterOptions
from rs2sam2.inference.raster.plan import plan
from rs2sam2.inference.raster.run import segment_raster
from rs2sam2.inference.raster.source import RasterSource
from rs2sam2.inference.raster.tiling import Axis
from rs2sam2.inference.segmenter import Segmenter

pytestmark = pytest.mark.slow
EXPRESSION = "all buildings"


@pytest.fixture(scope="module")
def nano() -> Segmenter:
    return Segmenter.from_pretrained("nano", device="cpu")


@pytest.fixture(scope="module")
def train(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Mosaic:
    path = tmp_path_factory.mktemp("train") / "zanzibar.tif"
    return oam_mosaics.build(shared, path, oam_mosaics.TRAIN_ZANZIBAR)


def found(nano: Segmenter, mosaic: Mosaic, options: RasterOptions, *names: str) -> np.ndarray:
    targets = check_targets([mosaic.path.parent / name for name in ("mask.tif", *names)], overwrite=True)
    segment_raster(nano, mosaic.path, [EXPRESSION], targets, options, overwrite=True)
    with rasterio.open(mosaic.path.parent / "mask.tif") as dataset:
        return dataset.read(1) > 0


def seams(axis: Axis) -> np.ndarray:
    """Pixels at which a tile begins or ends, the raster's own ends left out."""
    ends = {round(end) for index in range(len(axis.starts)) for end in axis.span(index)}
    return np.array(sorted(end for end in ends if 0 < end < axis.length))


def iou(found: np.ndarray, expected: np.ndarray) -> float:
    return float((found & expected).sum() / max(1, (found | expected).sum()))


def test_buildings_that_cross_a_seam_are_found_as_others_are(nano: Segmenter, train: Mosaic) -> None:
    options = RasterOptions()
    source = RasterSource(train.path)
    tiling = plan(source, nano.config, 1, (), options).tiling
    source.close()
    mask = found(nano, train, options)
    rows, columns = seams(tiling.down), seams(tiling.across)
    scores: dict[bool, list[float]] = {True: [], False: []}
    for number in range(1, int(train.buildings.max()) + 1):
        building = train.buildings == number
        ys, xs = np.flatnonzero(building.any(axis=1)), np.flatnonzero(building.any(axis=0))
        if len(ys) == 0 or building.sum() < 600:
            continue
        crosses = bool(((rows > ys[0]) & (rows <= ys[-1])).any() or ((columns > xs[0]) & (columns <= xs[-1])).any())
        around = np.s_[max(0, ys[0] - 12) : ys[-1] + 12, max(0, xs[0] - 12) : xs[-1] + 12]
        scores[crosses].append(iou(mask[around], building[around]))
    crossing, other = (float(np.mean(scores[key])) for key in (True, False))
    print(f"{len(scores[True])} cross a seam: mean IoU {crossing:.3f}; {len(scores[False])} others: {other:.3f}")
    assert len(scores[True]) >= 20
    assert crossing > other - 0.05


def test_a_mosaic_with_a_gap(nano: Segmenter, shared: Path, tmp_path: Path) -> None:
    mosaic = oam_mosaics.build(shared, tmp_path / "val.tif", oam_mosaics.VAL_ZANZIBAR)
    mask = found(nano, mosaic, RasterOptions(), "found.gpkg")
    assert mosaic.shape == (2048, 3072)
    with rasterio.open(mosaic.path) as dataset:
        valid = dataset.dataset_mask() > 0
    assert (~valid).any() and not mask[~valid].any() and mask.any()
    with rasterio.open(tmp_path / "mask.tif") as dataset:
        assert np.array_equal(dataset.dataset_mask() > 0, valid)
    meta, _, shapes, values = pyogrio.raw.read(tmp_path / "found.gpkg")
    columns = dict(zip(meta["fields"], values, strict=True))
    area = mask.sum() * abs(dataset.transform.determinant)
    assert columns["area_px"].sum() == mask.sum()
    assert shapely.area(shapely.from_wkb(shapes)).sum() == pytest.approx(area, rel=1e-3)
    # EPSG:3857 stretches by the secant of the latitude; the ellipsoid changes that by 0.7 % at most.
    assert columns["area_m2"].sum() == pytest.approx(area * np.cos(np.radians(6.03)) ** 2, rel=0.008)


def test_the_same_ground_is_answered_alike_whatever_is_asked_beside_it(nano: Segmenter, train: Mosaic) -> None:
    """Tiles lie on the raster's grid: an area of interest, wherever it begins, has the whole raster's answer."""
    whole = found(nano, train, RasterOptions())
    for left, top, right, bottom in ((333, 517, 2600, 2200), (2049, 1100, 3200, 3333)):
        with rasterio.open(train.path) as dataset:
            (west, north), (east, south) = dataset.transform @ (left, top), dataset.transform @ (right, bottom)
        part = found(nano, train, RasterOptions(aoi=(west, south, east, north)))
        alike = iou(part, whole[top:bottom, left:right])
        print(f"an area of interest from {left}, {top} on: IoU {alike:.4f}")
        assert part.any() and alike >= 0.97


@pytest.mark.parametrize(("overlap", "least"), [(RasterOptions().overlap, 0.94), (0.8, 0.96)])
def test_a_file_that_begins_elsewhere_answers_alike(
    nano: Segmenter, train: Mosaic, tmp_path: Path, overlap: float, least: float
) -> None:
    """Another file of the same ground has another grid; compared where no border of it is near."""
    shifts, options = (100, 128, 256), RasterOptions(overlap=overlap)
    masks = {}
    for begin in (0, *shifts):
        path = tmp_path / f"{begin}.tif"
        with rasterio.open(train.path) as dataset:
            window = Window(begin, begin, 2560 - begin, 2560 - begin)
            profile = dataset.profile | {"width": 2560 - begin, "height": 2560 - begin}
            profile["transform"] = dataset.window_transform(window)
            with rasterio.open(path, "w", **profile) as cut:
                cut.write(dataset.read(window=window))
        masks[begin] = found(nano, replace(train, path=path), options)
    inner = np.s_[512:-512, 512:-512]
    alike = {shift: iou(masks[0][shift:, shift:][inner], masks[shift][inner]) for shift in shifts}
    print(f"overlap {overlap}: " + ", ".join(f"{shift} pixels further IoU {one:.3f}" for shift, one in alike.items()))
    assert min(alike.values()) >= least
