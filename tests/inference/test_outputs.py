"""Files hold what was answered, say where it comes from, and appear whole or not at all."""

import errno
import io
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from PIL import Image
from rasterio.crs import CRS

from rs2sam2.errors import MissingExtraError, OutputError
from rs2sam2.inference import extras
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.outputs import atomic
from rs2sam2.inference.outputs.targets import check_targets
from rs2sam2.inference.outputs.writing import save, write_outputs
from rs2sam2.inference.segmentation import Segmentation

Make = Callable[..., Segmentation]

UTM = {"crs": CRS.from_epsg(32645), "transform": Affine(0.5, 0, 350_000, 0, -0.5, 3_056_000)}
NAMED = {
    "expression": "the “white” building",
    "model": "nano",
    "model_sha256": "ab" * 32,
    "model_license": "Apache-2.0",
}


def two_blocks() -> np.ndarray:
    mask = np.zeros((60, 80), dtype=bool)
    mask[10:30, 10:40] = True
    mask[15:20, 20:25] = False
    mask[40:50, 60:70] = True
    return mask


@pytest.fixture
def asked(answer: Make) -> Segmentation:
    return answer(two_blocks(), NAMED["expression"], **UTM)


def layer(path: Path) -> tuple[dict[str, object], list[shapely.Polygon], dict[str, list[object]]]:
    meta, _, shapes, columns = pyogrio.raw.read(path, layer="segments")
    return (
        pyogrio.read_info(path, layer="segments"),
        list(shapely.from_wkb(shapes)),
        {name: list(column) for name, column in zip(meta["fields"], columns, strict=True)},
    )


def test_png_mask(tmp_path: Path, asked: Segmentation) -> None:
    save(asked, tmp_path / "a.PNG")
    with Image.open(tmp_path / "a.PNG") as image:
        assert (image.mode, image.size) == ("L", (80, 60))
        assert np.array_equal(np.asarray(image), asked.mask * np.uint8(255))
        assert NAMED.items() <= image.text.items()


def test_mask_of_several_numbers_them_and_the_likelier_wins(tmp_path: Path, answer: Make) -> None:
    first, second = np.zeros((2, 20, 20), dtype=bool)
    first[:12], second[8:] = True, True
    unsure = np.where(np.arange(20)[:, None] < 10, 0.7, 0.95).astype(np.float32) * second
    answers = [answer(first, "the left one", **UTM), answer(second, "the right one", probability=unsure, **UTM)]
    expected = np.where(np.arange(20)[:, None] < 10, 1, 2) * np.ones((1, 20))
    save(answers, tmp_path / "a.png")
    save(answers, tmp_path / "a.tif")
    with Image.open(tmp_path / "a.png") as image, rasterio.open(tmp_path / "a.tif") as dataset:
        assert image.mode == "P" and len({image.convert("RGB").getpixel((0, y)) for y in (0, 19)}) == 2
        assert np.array_equal(np.asarray(image), expected) and np.array_equal(dataset.read(1), expected)
        assert image.text["expression_2"] == dataset.tags()["expression_2"] == "the right one"
        assert "k = expression_k" in image.text["values"] and "k = expression_k" in dataset.tags()["values"]


def test_geotiff_mask(tmp_path: Path, asked: Segmentation) -> None:
    save(asked, tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert (dataset.crs, dataset.transform) == (asked.crs, asked.transform)
        assert dataset.profile["compress"] == "deflate" and dataset.profile["tiled"]
        assert dataset.dtypes == ("uint8",) and dataset.nodata is None
        assert np.array_equal(dataset.read(1), asked.mask * np.uint8(255))
        assert NAMED.items() <= dataset.tags().items()


def test_geotiff_marks_where_the_image_has_no_data(tmp_path: Path, answer: Make) -> None:
    valid = np.ones((60, 80), dtype=bool)
    valid[:5] = False
    save(answer(two_blocks(), valid=valid, **UTM), tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert np.array_equal(dataset.read_masks(1) > 0, valid)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_geotiff_of_a_plain_picture(tmp_path: Path, answer: Make) -> None:
    save(answer(two_blocks()), tmp_path / "a.tif")
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.crs is None and dataset.transform.is_identity


def test_geopackage(tmp_path: Path, asked: Segmentation) -> None:
    save(asked, tmp_path / "a.gpkg")
    info, polygons, columns = layer(tmp_path / "a.gpkg")
    assert info["crs"] == "EPSG:32645" and NAMED.items() <= info["layer_metadata"].items()
    assert list(columns) == ["id", "expression", "score", "area_m2", "perimeter_m", "area_px", "tiles"]
    assert columns["id"] == [1, 2] and columns["area_px"] == [575, 100]
    assert columns["score"] == pytest.approx([0.9, 0.9], abs=1 / 510)
    assert columns["area_m2"] == pytest.approx([575 / 4, 25], rel=0.01)
    assert len(polygons[0].interiors) == 1
    assert polygons[1].bounds == (350_030, 3_055_975, 350_035, 3_055_980)


def test_geopackage_in_pixels(tmp_path: Path, answer: Make) -> None:
    save(answer(two_blocks()), tmp_path / "a.gpkg")
    info, polygons, columns = layer(tmp_path / "a.gpkg")
    assert polygons[1].bounds == (60, 40, 70, 50) and np.isnan(columns["area_m2"]).all()
    assert "no CRS" in info["layer_metadata"]["coordinates"]
    with sqlite3.connect(tmp_path / "a.gpkg") as database:
        assert database.execute("SELECT srs_id FROM gpkg_contents").fetchall() == [(-1,)]
        assert database.execute("SELECT count(*) FROM segments WHERE area_m2 IS NULL").fetchall() == [(2,)]
    database.close()


def test_geojson_is_rfc_7946(tmp_path: Path, asked: Segmentation) -> None:
    save(asked, tmp_path / "a.geojson")
    collection = json.loads((tmp_path / "a.geojson").read_text(encoding="utf-8"))
    assert NAMED.items() <= collection["rs2sam2"].items() and "crs" not in collection
    assert collection["rs2sam2"]["coordinates"] == "EPSG:4326"
    assert [feature["properties"]["area_px"] for feature in collection["features"]] == [575, 100]
    for feature in collection["features"]:
        outer, *holes = feature["geometry"]["coordinates"]
        assert shapely.LinearRing(outer).is_ccw and not any(shapely.LinearRing(hole).is_ccw for hole in holes)
        assert all(85 < x < 86 and 27 < y < 28 for x, y in outer)


def test_geojson_in_pixels_says_so(tmp_path: Path, answer: Make) -> None:
    save(answer(two_blocks()), tmp_path / "a.geojson")
    collection = json.loads((tmp_path / "a.geojson").read_text())
    assert "no CRS" in collection["rs2sam2"]["coordinates"]
    assert shapely.geometry.shape(collection["features"][1]["geometry"]).bounds == (60, 40, 70, 50)


def test_geojson_is_cut_at_the_antimeridian(tmp_path: Path, answer: Make) -> None:
    mask = np.zeros((10, 40), dtype=bool)
    mask[2:8, 5:35] = True
    transform = Affine(100, 0, 815_400, 0, -100, 8_000_000)  # UTM 60 S, about 180 degrees east
    found = answer(mask, crs=CRS.from_epsg(32760), transform=transform)
    save(found, tmp_path / "a.geojson")
    collection = json.loads((tmp_path / "a.geojson").read_text())
    whole = shapely.geometry.shape(collection["features"][0]["geometry"])
    assert whole.is_valid and whole.geom_type == "MultiPolygon"
    spans = sorted((half.bounds[0], half.bounds[2]) for half in whole.geoms)
    assert spans == [(-180.0, pytest.approx(-179.98, abs=0.02)), (pytest.approx(179.98, abs=0.02), 180.0)]


@pytest.mark.parametrize("suffix", ["png", "tif", "gpkg", "geojson"])
def test_nothing_found_is_an_empty_file_of_its_kind(tmp_path: Path, answer: Make, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    save(answer(np.zeros((60, 80), dtype=bool), **UTM), path)
    if suffix == "gpkg":
        info, polygons, columns = layer(path)
        assert (polygons, info["crs"], info["geometry_type"]) == ([], "EPSG:32645", "Polygon")
        assert len(columns) == 7
    elif suffix == "geojson":
        assert json.loads(path.read_text())["features"] == []
    elif suffix == "png":
        assert not np.asarray(Image.open(path)).any()
    else:
        with rasterio.open(path) as dataset:
            assert not dataset.read().any()


def refused(outputs: list[Path | str], says: str, **more: object) -> None:
    with pytest.raises(OutputError, match=says) as error:
        check_targets(outputs, **more)
    assert "\n" not in str(error.value)


def test_refused_targets(tmp_path: Path) -> None:
    image, old = tmp_path / "image.png", tmp_path / "old.png"
    image.write_bytes(b"image")
    old.write_bytes(b"old")
    (tmp_path / "link.png").symlink_to(image)
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    refused([tmp_path / "a.bmp"], r"unknown suffix '.bmp'.*\.png, \.tif, \.tiff, \.gpkg, .*\.parquet or \.shp")
    refused([tmp_path / "a"], "no suffix")
    refused([tmp_path / "a.png", f"{tmp_path}/./a.png"], "given twice")
    refused([tmp_path / "a.png"], "given twice", overlay=tmp_path / "a.png")
    refused([], "unknown suffix '.tif': use .png, .jpg or .jpeg", overlay=tmp_path / "a.tif")
    refused([image], "image itself", source=image, overwrite=True)
    refused([tmp_path / "link.png"], "image itself", source=image, overwrite=True)
    refused([old], "exists: use --overwrite")
    refused([tmp_path / "folder.png"], "a folder", overwrite=True)
    refused([tmp_path / "pipe.png"], "not a regular file", overwrite=True)
    refused([tmp_path / "none" / "a.png"], "no folder")
    refused([old / "a.png"], "cannot be written|no folder")
    refused([tmp_path / ("x" * 300 + ".png")], "cannot be written")
    refused(["/proc/a.png"], "folder cannot be written to")
    refused([tmp_path / "a.png"], "at most 255", expressions=256)
    assert check_targets([old], source=image, overwrite=True)[0].path == old
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "folder.png", "image.png", "link.png", "old.png", "pipe.png",
    ]  # fmt: skip


def test_geo_formats_need_their_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "has_geo", lambda: False)
    for suffix in ("tif", "geojson", "gpkg"):
        with pytest.raises(MissingExtraError, match=r"pip install 'rs2sam2\[geo\]'"):
            check_targets([tmp_path / f"a.{suffix}"])
    assert check_targets([tmp_path / "a.png"])


@pytest.mark.parametrize(
    "problem", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), SystemExit(143)]
)
@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_all_files_or_none(
    tmp_path: Path, asked: Segmentation, monkeypatch: pytest.MonkeyPatch, problem: BaseException, where: str
) -> None:
    """Whatever happens while the second of two files is written, neither is there, and no temporary file."""
    (tmp_path / "b.png").write_bytes(b"old")
    targets = check_targets([tmp_path / "a.png", tmp_path / "b.png"], overwrite=True)
    image, calls = RasterImage(np.zeros((60, 80, 3), dtype=np.uint8)), []
    holder = os if where == "fsync" else Path
    genuine = getattr(holder, where)

    def fails_second(*values: object) -> object:
        calls.append(values)
        if len(calls) == 2:
            raise problem
        return genuine(*values)

    monkeypatch.setattr(holder, where, fails_second)
    with pytest.raises(OutputError if isinstance(problem, OSError) else type(problem)) as error:
        write_outputs(targets, [asked], image, overwrite=True)
    assert len(calls) == 2
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"b.png": b"old"}
    if isinstance(problem, OSError):
        assert "b.png" in str(error.value) and "No space left" in str(error.value)


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path, asked: Segmentation) -> None:
    targets = check_targets([tmp_path / "a.png", tmp_path / "b.png"])
    (tmp_path / "b.png").write_bytes(b"somebody else's")
    with pytest.raises(OutputError, match="appeared meanwhile"):
        atomic.write_files([(target, b"ours") for target in targets], overwrite=False)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"b.png": b"somebody else's"}


def test_links_are_written_through_and_modes_follow_the_umask(tmp_path: Path, asked: Segmentation) -> None:
    (tmp_path / "link.png").symlink_to("real.png")
    save(asked, tmp_path / "link.png")
    assert (tmp_path / "link.png").is_symlink() and (tmp_path / "real.png").is_file()
    umask = os.umask(0)
    os.umask(umask)
    assert (tmp_path / "real.png").stat().st_mode & 0o777 == 0o666 & ~umask
    with pytest.raises(OutputError, match="exists"):
        save(asked, tmp_path / "real.png")
    with pytest.raises(OutputError, match="no answer"):
        save([], tmp_path / "none.png")


def test_overlay_outlines_the_mask_and_leaves_the_rest(tmp_path: Path, answer: Make) -> None:
    grey = RasterImage(np.full((400, 800, 3), 120, dtype=np.uint8))
    mask = np.zeros((400, 800), dtype=bool)
    mask[100:300, 200:500] = True
    targets = check_targets([], tmp_path / "a.png")
    write_outputs(targets, [answer(mask), answer(~mask & False, "no such thing", present=False)], grey, overwrite=False)
    with Image.open(tmp_path / "a.png") as image:
        picture = np.asarray(image).astype(int)
        assert image.text["expression_2"] == "no such thing"
    assert picture.shape[1] == 800 and picture.shape[0] > 440
    strong = np.ptp(picture[:400], axis=2) > 100
    rows, columns = np.nonzero(strong)
    assert abs(rows.min() - 100) <= 2 and abs(rows.max() - 299) <= 2
    assert abs(columns.min() - 200) <= 2 and abs(columns.max() - 499) <= 2
    assert np.abs(picture[200, 350] - 120).max() < 20, "inside, colours stay what they were"
    assert (picture[20, 20] < 100).all(), "outside it is darker"


@pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (5000, 40), (50, 50)])
@pytest.mark.parametrize("fill", ["none", "all", "pixel"])
def test_overlay_of_any_shape(answer: Make, shape: tuple[int, int], fill: str) -> None:
    from rs2sam2.inference.overlay import encode_overlay

    mask = np.full(shape, fill == "all")
    mask[0, 0] = fill != "none"
    image = RasterImage(np.full((*shape, 3), 90, dtype=np.uint8))
    content = encode_overlay(image, [answer(mask, "建物 " + "very " * 60 + "long", **UTM)], ".jpg")
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.format == "JPEG" and b"model: nano" in picture.info["comment"]
        if fill == "pixel" and shape != (1, 1):
            assert np.ptp(np.asarray(picture).astype(int)[: picture.height // 2], axis=2).max() > 60
