"""What is in a raster comes back exactly, wherever the seams are."""

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.errors import NotGeoreferencedWarning
from rasterio.features import rasterize
from red import DULL, GREEN, OPTIONS, RED, RedSegmenter, paint, write
from scipy.ndimage import gaussian_filter

from rs2sam2.inference.outputs.options import PolygonOptions
from rs2sam2.inference.outputs.targets import check_targets
from rs2sam2.inference.polygons import sink
from rs2sam2.inference.raster import emitting, growing
from rs2sam2.inference.raster.options import RasterOptions
from rs2sam2.inference.raster.report import RasterReport
from rs2sam2.inference.raster.run import segment_raster

# Transverse Mercator on the ellipsoid: along the central meridian its scale is 1.
TRUE_SCALE = "+proj=tmerc +lat_0=0 +lon_0=33 +k=1 +x_0=500000 +y_0=0 +ellps=WGS84 +units=m"
PLACE = Affine(1, 0, 500_000, 0, -1, 3_000_000)


def answer(
    path: Path,
    names: tuple[str, ...] = ("mask.tif", "found.gpkg"),
    options: RasterOptions = OPTIONS,
    expressions: tuple[str, ...] = ("red things",),
    **more: object,
) -> RasterReport:
    targets = check_targets([path.parent / name for name in names], source=path, overwrite=True)
    return segment_raster(RedSegmenter(), path, expressions, targets, options, overwrite=True, **more)


def mask_of(folder: Path) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(folder / "mask.tif") as dataset:
            return dataset.read(1)


def rows_of(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    meta, _, shapes, values = pyogrio.raw.read(path)
    return shapely.from_wkb(shapes), dict(zip(meta["fields"], values, strict=True))


@st.composite
def rectangles(draw: st.DrawFn) -> np.ndarray:
    """A grid with rectangles in it, holes and single pixels, none touching another at a corner only by rule."""
    mask = np.zeros((draw(st.integers(1, 200)), draw(st.integers(1, 200))), dtype=bool)
    for _ in range(draw(st.integers(0, 10))):
        top, left = draw(st.integers(0, 199)), draw(st.integers(0, 199))
        mask[top : top + draw(st.integers(1, 120)), left : left + draw(st.integers(1, 120))] = draw(st.booleans())
    return mask


@settings(max_examples=15)
@given(mask=rectangles(), overlap=st.floats(0, 0.9))
def test_rectangles_come_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, mask: np.ndarray, overlap: float
) -> None:
    folder = tmp_path_factory.mktemp("exact")
    path = write(folder / "scene.tif", paint(mask), crs=TRUE_SCALE, transform=PLACE)
    report = answer(path, options=replace(OPTIONS, overlap=overlap))
    assert np.array_equal(mask_of(folder) == 255, mask)
    shapes, columns = rows_of(folder / "found.gpkg")
    outlines = [(shape, number) for number, shape in enumerate(shapes, 1)]
    drawn = rasterize(outlines, mask.shape, transform=PLACE) if outlines else np.zeros(mask.shape)
    assert np.array_equal(drawn > 0, mask) and columns["area_px"].sum() == mask.sum() == report.results[0].area_px
    assert all(shape.area == pixels for shape, pixels in zip(shapes, columns["area_px"], strict=True))
    found = report.results[0]
    assert (found.present, found.parts) == (bool(mask.any()), len(shapes))
    if mask.any():
        rows, columns_ = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert found.bbox == (columns_[0], rows[0], columns_[-1] + 1, rows[-1] + 1)


TURNED = {
    "north up": PLACE,
    "south up": Affine(1, 0, 500_000, 0, 1, 3_000_000),
    "rotated": Affine.translation(500_000, 3_000_000) @ Affine.rotation(33) @ Affine.scale(1, -1),
    "sheared": Affine(1, 0.25, 500_000, 0, -1, 3_000_000),
    "mirrored": Affine(-1, 0, 500_000, 0, -1, 3_000_000),
}


@pytest.mark.parametrize("transform", TURNED.values(), ids=TURNED)
def test_a_square_across_a_seam_is_25_square_metres(tmp_path: Path, transform: Affine) -> None:
    mask = np.zeros((150, 170), dtype=bool)
    mask[45:50, 62:67] = True
    path = write(tmp_path / "scene.tif", paint(mask), crs=TRUE_SCALE, transform=transform)
    report = answer(path, ("mask.tif", "found.gpkg", "found.geojson"))
    (shape,), columns = rows_of(tmp_path / "found.gpkg")
    assert columns["area_m2"][0] == pytest.approx(25, abs=0.005) and report.results[0].area_m2 == columns["area_m2"][0]
    corners = [transform @ corner for corner in ((62, 45), (67, 45), (67, 50), (62, 50))]
    assert shape.symmetric_difference(shapely.Polygon(corners)).area < 1e-6
    assert columns["tiles"][0] >= 2
    (feature,) = json.loads((tmp_path / "found.geojson").read_text())["features"]
    assert feature["properties"]["area_px"] == 25


def test_without_a_place_areas_are_pixels(tmp_path: Path) -> None:
    mask = np.zeros((100, 90), dtype=bool)
    mask[0, 0] = mask[-1, -1] = mask[60:70, 20:70] = True
    path = write(tmp_path / "scene.tif", paint(mask))
    report = answer(path, options=replace(OPTIONS, polygons=PolygonOptions(min_area=2)))
    shapes, columns = rows_of(tmp_path / "found.gpkg")
    assert columns["area_px"].tolist() == [500] and np.isnan(columns["area_m2"].astype(float)).all()
    assert report.crs is None and report.gsd is None and report.results[0].area_px == 502
    assert shapes[0].bounds == (20, 60, 70, 70)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (63, 64), (64, 65), (5, 200)])
def test_rasters_of_odd_sizes(tmp_path: Path, shape: tuple[int, int]) -> None:
    mask = np.random.default_rng(0).random(shape) < 0.5
    mask[-1, -1] = True
    answer(write(tmp_path / "scene.tif", paint(mask), crs=TRUE_SCALE, transform=PLACE))
    assert np.array_equal(mask_of(tmp_path) == 255, mask)


def test_no_data_is_neither_read_nor_answered(tmp_path: Path) -> None:
    mask = np.ones((200, 300), dtype=bool)
    valid = np.zeros(mask.shape, dtype=bool)
    valid[:40, :50] = True
    pixels = paint(mask)
    pixels[:, ~valid] = 0
    path = write(tmp_path / "scene.tif", pixels, nodata=0, crs=TRUE_SCALE, transform=PLACE)
    report = answer(path)
    assert (report.tiles, report.empty) == (24, 22)
    with rasterio.open(tmp_path / "mask.tif") as dataset:
        assert np.array_equal(dataset.read(1) == 255, valid)
        assert np.array_equal(dataset.dataset_mask() > 0, valid)
    empty = write(tmp_path / "empty.tif", np.zeros_like(pixels), nodata=0)
    (note,) = answer(empty).warnings
    assert "no pixel holds data" in note and not mask_of(tmp_path).any()


@pytest.mark.parametrize("kind", ["uint8", "float16"])
def test_parts_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Outputs are made in parts of a few blocks; in more of them, of one block each, they are the same."""
    mask = gaussian_filter(np.random.default_rng(3).standard_normal((300, 600)), 5) > 0.02
    pixels = paint(mask)
    pixels[:, :200, 350:] = 0
    path = write(tmp_path / "scene.tif", pixels, nodata=0, crs=TRUE_SCALE, transform=PLACE)
    names = ("mask.tif", "found.geojson", "probability.tif")

    def contents() -> list[object]:
        targets = check_targets(
            [tmp_path / name for name in names[:2]], probability=tmp_path / names[2], source=path, overwrite=True
        )
        options = replace(OPTIONS, probability=kind)
        segment_raster(RedSegmenter(), path, ["red things", "all of it"], targets, options, overwrite=True)
        arrays = []
        for name in (names[0], names[2]):
            with rasterio.open(tmp_path / name) as dataset:
                arrays += [dataset.read().tolist(), dataset.dataset_mask().tolist()]
        return [*arrays, (tmp_path / names[1]).read_bytes()]

    whole = contents()
    monkeypatch.setattr(emitting, "PIXELS", 1)
    monkeypatch.setattr(growing, "_COLUMNS", 256)
    monkeypatch.setattr(sink, "_MANY", 3)
    assert contents() == whole
    with rasterio.open(tmp_path / "mask.tif") as dataset:
        assert np.array_equal(dataset.dataset_mask() > 0, (pixels > 0).any(axis=0))


def test_area_of_interest(tmp_path: Path) -> None:
    mask = np.random.default_rng(1).random((150, 160)) < 0.3
    path = write(tmp_path / "scene.tif", paint(mask), crs=TRUE_SCALE, transform=PLACE)
    west, north = PLACE @ (20, 30)
    report = answer(path, options=replace(OPTIONS, aoi=(west + 0.2, north - 99.5, west + 70, north)))
    assert (report.width, report.height) == (70, 100)
    with rasterio.open(tmp_path / "mask.tif") as dataset:
        assert np.array_equal(dataset.read(1) == 255, mask[30:130, 20:90])
        assert dataset.transform @ (0, 0) == (west, north)


def test_an_area_of_interest_without_data(tmp_path: Path) -> None:
    """That the tiles it needs reach into data beside it changes nothing."""
    pixels = paint(np.ones((150, 160), dtype=bool))
    pixels[:, :, 100:] = 0
    path = write(tmp_path / "scene.tif", pixels, nodata=0)
    empty = answer(path, options=replace(OPTIONS, aoi=(101, 0, 120, 20)))
    assert empty.empty == 0 and not mask_of(tmp_path).any()
    assert "no pixel holds data" in " ".join(empty.warnings)
    assert not answer(path, options=replace(OPTIONS, aoi=(99, 0, 120, 20))).warnings


def test_several_expressions(tmp_path: Path) -> None:
    red, green = np.zeros((2, 100, 140), dtype=bool)
    red[10:90, 10:80], green[:, 100:] = True, True
    pixels = paint(red)
    pixels[:, green] = np.array(GREEN, dtype=np.uint8)[:, None]
    path = write(tmp_path / "scene.tif", pixels, crs=TRUE_SCALE, transform=PLACE)
    options = replace(OPTIONS, polygons=PolygonOptions(exclusive=True))
    report = answer(path, options=options, expressions=("red things", "green things"))
    assert np.array_equal(mask_of(tmp_path), red + np.uint8(2) * green)
    assert [found.area_px for found in report.results] == [red.sum(), green.sum()]
    _, columns = rows_of(tmp_path / "found.gpkg")
    assert columns["expression"].tolist() == ["green things", "red things"]


def test_blocks_without_anything_are_in_the_file(tmp_path: Path) -> None:
    """Readers that do not know of blocks that are left out see them, too."""
    mask = np.zeros((600, 1100), dtype=bool)
    mask[300:320, 10:30] = mask[310:330, 600:1100] = True
    path = write(tmp_path / "scene.tif", paint(mask), crs=TRUE_SCALE, transform=PLACE)
    answer(path, ("mask.tif",))
    assert np.array_equal(mask_of(tmp_path) == 255, mask)
    with rasterio.open(tmp_path / "mask.tif") as dataset:
        blocks = [window for window, _ in dataset.block_windows(1)]
        assert len(blocks) == 15
        assert all(dataset.get_tag_item(f"BLOCK_OFFSET_{x}_{y}", "TIFF", bidx=1) for y, x in blocks)


@pytest.mark.parametrize("kind", ["uint8", "float16"])
def test_probabilities(tmp_path: Path, kind: str) -> None:
    mask = np.random.default_rng(1).random((70, 300)) < 0.3
    path = write(tmp_path / "scene.tif", paint(mask), crs=TRUE_SCALE, transform=PLACE)
    targets = check_targets([], probability=tmp_path / "p.tif", source=path)
    segment_raster(RedSegmenter(), path, ["red"], targets, replace(OPTIONS, probability=kind))
    with rasterio.open(tmp_path / "p.tif") as dataset:
        found = dataset.read(1).astype(float) / (255 if kind == "uint8" else 1)
        assert dataset.dtypes[0] == ("uint8" if kind == "uint8" else "float32")
        assert (dataset.tags(1, ns="IMAGE_STRUCTURE").get("NBITS") == "16") == (kind == "float16")
    sure = 1 / (1 + np.exp(-6.0))
    assert np.abs(found - np.where(mask, sure, 1 - sure)).max() < 0.004


def test_cog(tmp_path: Path) -> None:
    mask = np.random.default_rng(1).random((700, 600)) < 0.3
    path = write(tmp_path / "scene.tif", paint(mask), crs=TRUE_SCALE, transform=PLACE)
    answer(path, ("mask.tif",), replace(OPTIONS, cog=True))
    with rasterio.open(tmp_path / "mask.tif") as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG" and dataset.overviews(1)
        assert dataset.tags()["expression"] == "red things"
        assert np.array_equal(dataset.read(1) == 255, mask)


def scaled(kind: str) -> Callable[[np.ndarray], np.ndarray]:
    def scale(pixels: np.ndarray) -> np.ndarray:
        wide = pixels.astype(np.float64) * 40 + 1000
        return wide.astype(kind)

    return scale


@pytest.mark.parametrize("kind", ["uint16", "int32", "float32"])
def test_one_stretch_for_the_whole_raster(tmp_path: Path, kind: str) -> None:
    """A tile of nothing but dull pixels must stay dull: stretched by itself, it would not."""
    mask = np.zeros((300, 300), dtype=bool)
    mask[100:160, 100:160] = True
    path = write(tmp_path / "scene.tif", scaled(kind)(paint(mask)))
    answer(path)
    assert np.array_equal(mask_of(tmp_path) == 255, mask)


def test_bands_in_any_order(tmp_path: Path) -> None:
    mask = np.random.default_rng(1).random((80, 90)) < 0.3
    red, green, blue = paint(mask)
    near_infrared = np.full_like(red, 255)
    path = write(tmp_path / "scene.tif", np.stack([near_infrared, blue, green, red]), photometric="minisblack")
    answer(path, options=replace(OPTIONS, bands=(4, 3, 2)))
    assert np.array_equal(mask_of(tmp_path) == 255, mask)
    assert DULL != RED


def test_working_resolution(tmp_path: Path) -> None:
    """Pixels of 0.25 m seen in steps of 1 m: four times as wide things come back to within a working pixel."""
    mask = np.zeros((400, 600), dtype=bool)
    mask[80:240, 160:480] = True
    fine = PLACE @ Affine.scale(0.25)
    path = write(tmp_path / "scene.tif", paint(mask), crs=TRUE_SCALE, transform=fine)
    report = answer(path, options=replace(OPTIONS, gsd=1.0))
    assert report.gsd == pytest.approx(1, rel=1e-3) and report.tiles == 6
    found = mask_of(tmp_path) == 255
    assert found.shape == mask.shape and (found & mask).sum() / (found | mask).sum() > 0.99
