"""`rs2sam2 segment` with `--point` and `--box`: in pixels, in the image's CRS, in longitude and latitude."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.warp import transform

from rs2sam2.cli import main
from rs2sam2.errors import PromptError
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.map_points import box_to_pixels, to_pixels
from rs2sam2.inference.segmenter import Segmenter

TEXT = "the white building"
TURNED = Affine.translation(327_000, 36_000) @ Affine.rotation(30) @ Affine.scale(0.1, -0.1)
PIXELS = np.zeros((60, 80, 3), np.uint8)
PLACED = RasterImage(PIXELS, TURNED, CRS.from_epsg(32636), name="placed.tif")


@pytest.fixture
def geotiff(tmp_path: Path) -> Path:
    path = tmp_path / "scene.tif"
    with rasterio.open(
        path, "w", driver="GTiff", height=60, width=80, count=3, dtype="uint8", crs="EPSG:32636", transform=TURNED
    ) as dataset:
        dataset.write(np.random.default_rng(0).integers(0, 256, (3, 60, 80), dtype=np.uint8))
    return path


@pytest.fixture
def ask(geotiff, weights_folder, capsys, root):
    schema = json.loads((root / "docs" / "segment.schema.json").read_text())

    def run(*options: str) -> dict:
        assert main(["segment", str(geotiff), TEXT, "--weights", str(weights_folder), "--json", *options]) == 0
        report = json.loads(capsys.readouterr().out)
        jsonschema.validate(report, schema)
        return report

    return run


def test_pixels(ask, geotiff, segmenter):
    report = ask("--point", "30,20.5", "--point", "4,50,0", "--point", "60,8,1", "--box", "10,5,70,50")
    expected = {"points": [[30, 20.5], [4, 50], [60, 8]], "labels": [1, 0, 1], "box": [10, 5, 70, 50]}
    assert report["prompts"] == report["results"][0]["prompts"] == expected
    answer = segmenter(geotiff, TEXT, **expected)
    assert (report["area_px"], report["present"]) == (answer.area_px, True)
    assert report["predicted_iou"] == pytest.approx(answer.predicted_iou)
    assert ask()["prompts"] is None


@pytest.mark.parametrize("coordinates", ["crs", "lonlat"])
def test_map_coordinates(ask, coordinates):
    points = [(30, 20.5), (4, 50)]
    east, north = zip(*(TURNED @ point for point in points), strict=True)
    x, y = (east, north) if coordinates == "crs" else transform("EPSG:32636", "EPSG:4326", east, north)
    given = [f"{a:.10f},{b:.10f},{label}" for a, b, label in zip(x, y, (1, 0), strict=True)]
    found = ask("--point", given[0], "--point", given[1], "--coordinates", coordinates)["prompts"]
    assert np.allclose(found["points"], points, atol=0.01) and found["labels"] == [1, 0]


def test_a_box_of_the_map_holds_its_corners(geotiff):
    whole = [TURNED @ corner for corner in ((0, 0), (80, 0), (80, 60), (0, 60))]
    west, south = np.min(whole, axis=0)
    east, north = np.max(whole, axis=0)
    x0, y0, x1, y1 = box_to_pixels(PLACED, (west, south, east, north), "crs")
    assert x0 < 0 and y0 < 0 and x1 > 80 and y1 > 60
    upright = RasterImage(PIXELS, Affine(0.1, 0, 327_000, 0, -0.1, 36_000), CRS.from_epsg(32636))
    assert box_to_pixels(upright, (327_000, 35_994, 327_008, 36_000), "crs") == [0, 0, 80, 60]
    assert box_to_pixels(upright, (1, 2, 3, 4), "pixels") == (1, 2, 3, 4)


@given(st.floats(0, 80), st.floats(0, 60))
def test_there_and_back(x, y):
    there = TURNED @ (x, y)
    assert to_pixels(PLACED, [there], "crs")[0] == pytest.approx([x, y], abs=1e-5)
    east, north = transform("EPSG:32636", "EPSG:4326", [there[0]], [there[1]])
    assert to_pixels(PLACED, [(east[0], north[0])], "lonlat")[0] == pytest.approx([x, y], abs=1e-3)


def test_no_such_coordinates():
    local = CRS.from_wkt('LOCAL_CS["site",UNIT["metre",1]]')
    for image in (RasterImage(PIXELS), RasterImage(PIXELS, TURNED), RasterImage(PIXELS, TURNED, local)):
        with pytest.raises(PromptError, match="no place on Earth"):
            to_pixels(image, [(1, 2)], "lonlat")
    with pytest.raises(PromptError, match="no place on Earth"):
        to_pixels(RasterImage(PIXELS), [(1, 2)], "crs")
    for nowhere in [(500.0, 200.0), (float("inf"), 0.0)]:
        with pytest.raises(PromptError, match="outside the coordinate system"):
            to_pixels(PLACED, [nowhere], "lonlat")
    with pytest.raises(PromptError, match="'degrees'"):
        to_pixels(PLACED, [(1, 2)], "degrees")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--point", "3"], "--point '3'"),
        (["--point", "3,4,2"], "X,Y,0"),
        (["--point", "3,x"], "these are no numbers"),
        (["--point", "80,4"], "outside the image, which is 80 x 60"),
        (["--point", "-1,4"], "outside the image"),
        (["--point", "nan,4"], "finite"),
        (["--box", "1,2,3"], "X0,Y0,X1,Y1"),
        (["--box", "1,2,3,x"], "these are no numbers"),
        (["--box", "5,5,5,9"], "is empty"),
        (["--box", "5,5,9,61"], "out of the image"),
        (["--point", "3,4", "-e", "the blue ship"], "2 expressions"),
        (["--point", "3,4", "--coordinates", "feet"], "feet"),
        ([f"--point=1,{row}" for row in range(60)] + ["--point=2,3"] * 5, "at most 64"),
    ],
)
def test_refusals_are_one_line(geotiff, options, said, capsys, monkeypatch):
    monkeypatch.setattr(Segmenter, "from_pretrained", None)  # refused without a model
    assert main(["segment", str(geotiff), TEXT, *options, "-o", str(geotiff.parent / "a.png")]) == 2
    error = capsys.readouterr().err
    assert said in error and error.startswith("rs2sam2: ") and error.count("\n") == 1
    assert [path.name for path in geotiff.parent.iterdir()] == ["scene.tif"]
