"""Answers of a running server are those of `Segmenter`, on the whole image, on a part of it, at any threshold."""

import io
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
from PIL import Image

from rs2sam2 import Segmenter
from rs2sam2.data.coco_masks import decode_segmentation
from rs2sam2.data.synthetic import render_scene
from rs2sam2.inference.images import RasterImage, open_image
from rs2sam2.inference.segmentation import Segmentation
from rs2sam2.serving.client import Client, ServiceError
from serving.running import Server

WORDS = "the largest building"


@pytest.fixture(scope="module")
def nano() -> Segmenter:
    return Segmenter.from_pretrained("nano", "cpu")


@pytest.fixture(scope="module")
def expected(nano: Segmenter, rasters: Path) -> Segmentation:
    answer = nano(str(rasters / "town.tif"), WORDS)
    assert answer.present
    return answer


def mask_of(answer: dict) -> np.ndarray:
    height, width = answer["rle"]["size"]
    return decode_segmentation(answer["rle"], height, width)


def test_by_id_it_is_the_segmenters_answer(client: Client, ids: dict[str, str], expected: Segmentation) -> None:
    reply = client.segment(ids["town.tif"], WORDS, include=["geojson", "rle", "mask"])
    answer = reply["answers"][0]
    assert answer["present"] and answer["message"] is None
    assert np.array_equal(mask_of(answer), expected.mask)
    assert answer["score"] == pytest.approx(expected.score, abs=1e-5)
    assert answer["area_m2"] == pytest.approx(expected.area_m2)
    assert answer["bbox"] == list(expected.bbox or ())
    assert reply["crs"] == "EPSG:32636" and reply["scene"] == [0, 0, 256, 256]


def test_polygons_lie_where_the_thing_is(client: Client, ids: dict[str, str], expected: Segmentation) -> None:
    reply = client.segment(ids["town.tif"], WORDS)
    assert reply["geojson"]["rs2sam2"]["coordinates"] == "EPSG:4326"
    rings = np.concatenate([np.array(f["geometry"]["coordinates"][0]) for f in reply["geojson"]["features"]])
    from rasterio.warp import transform

    x, y = transform("EPSG:4326", "EPSG:32636", rings[:, 0], rings[:, 1])
    assert expected.box == pytest.approx((min(x), min(y), max(x), max(y)), abs=0.01)
    west, north = reply["corners"][0]
    east, south = reply["corners"][2]
    room = 1e-7  # polygons are rounded to a millimetre
    assert west - room <= rings[:, 0].min() and rings[:, 0].max() <= east + room
    assert south - room <= rings[:, 1].min() and rings[:, 1].max() <= north + room


def test_an_upload_is_an_image_from_then_on(client: Client, rasters: Path, expected: Segmentation) -> None:
    sent = client.segment(rasters / "town.tif", WORDS, include=["rle"])
    assert np.array_equal(mask_of(sent["answers"][0]), expected.mask)
    assert client.upload(rasters / "town.tif")["id"] == sent["image"]
    assert client.segment(sent["image"], WORDS)["cached"]


@pytest.mark.parametrize("name", ["plain.png", "town.tif"])
def test_a_scene_is_a_part_of_the_image(
    client: Client, ids: dict[str, str], rasters: Path, nano: Segmenter, name: str
) -> None:
    x0, y0, x1, y1 = 40, 20, 230, 250
    whole = open_image(rasters / name)
    part = nano(RasterImage(whole.pixels[y0:y1, x0:x1].copy()), WORDS)
    reply = client.segment(ids[name], WORDS, scene=(x0 + 0.2, y0 + 0.7, x1 - 0.5, y1 - 0.1), include=["rle", "geojson"])
    assert reply["scene"] == [x0, y0, x1, y1]
    assert part.present and np.array_equal(mask_of(reply["answers"][0]), part.mask)
    left, upper, right, lower = part.bbox or (0, 0, 0, 0)
    assert reply["answers"][0]["bbox"] == [left + x0, upper + y0, right + x0, lower + y0]
    if name == "plain.png":  # the outline is in pixels of the whole image
        ring = np.array(reply["geojson"]["features"][0]["geometry"]["coordinates"][0])
        assert [*ring.min(axis=0), *ring.max(axis=0)] == [left + x0, upper + y0, right + x0, lower + y0]


def test_a_scene_by_longitude_and_latitude_is_the_same(client: Client, ids: dict[str, str]) -> None:
    scene = [32, 16, 200, 240]
    pixels = client.segment(ids["town.tif"], WORDS, scene=scene)
    upper_left, _, lower_right, _ = pixels["corners"]
    degrees = client.segment(ids["town.tif"], WORDS, scene=[*upper_left, *lower_right], coordinates="lonlat")
    # Meridians are not quite parallel to the grid: the box around the corners may be a pixel wider.
    assert np.abs(np.subtract(degrees["scene"], scene)).max() <= 1
    with pytest.raises(ServiceError, match="no place on Earth"):
        client.segment(ids["plain.png"], WORDS, scene=[*upper_left, *lower_right], coordinates="lonlat")


def test_another_threshold_needs_no_model(
    server: Server, client: Client, ids: dict[str, str], nano: Segmenter, rasters: Path
) -> None:
    reply = client.segment(ids["town.tif"], WORDS)
    passes = server.metric("rs2sam2_model_passes_total")
    for threshold in (0.1, 0.6):
        again = client.result(reply["id"], threshold=threshold, include="rle")
        direct = nano(str(rasters / "town.tif"), WORDS, threshold)
        assert np.array_equal(mask_of(again["answers"][0]), direct.mask)
        assert again["threshold"] == threshold
    assert server.metric("rs2sam2_model_passes_total") == passes


def test_probabilities_for_a_slider(
    server: Server, client: Client, ids: dict[str, str], expected: Segmentation
) -> None:
    reply = client.segment(ids["town.tif"], WORDS)
    answer = server.get(reply["files"]["probability.png"])
    assert answer.headers["content-type"] == "image/png" and "content-disposition" not in answer.headers
    grey = np.asarray(Image.open(io.BytesIO(answer.body)))
    assert np.abs(grey / 255 - expected.probability).max() <= 0.5 / 255 + 1e-6
    words_alone = Image.open(io.BytesIO(server.get(reply["files"]["pseudo_mask.png"]).body))
    assert words_alone.size == (256, 256) and words_alone.mode == "L" and len(np.unique(words_alone)) > 1


def test_files_to_take_away(
    server: Server, client: Client, ids: dict[str, str], expected: Segmentation, tmp_path: Path
) -> None:
    files = client.segment(ids["town.tif"], WORDS)["files"]
    for name in files:
        client.download(files[name], tmp_path / name)
    assert 'filename="town_mask.tif"' in server.get(files["mask.tif"]).headers["content-disposition"]
    with rasterio.open(tmp_path / "mask.tif") as mask:
        assert mask.crs.to_epsg() == 32636 and np.array_equal(mask.read(1) == 255, expected.mask)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "mask.png")) == 255, expected.mask)
    for name in ("polygons.gpkg", "polygons.geojson", "polygons.fgb", "polygons.parquet"):
        _, _, geometry, _ = pyogrio.raw.read(tmp_path / name) if name != "polygons.parquet" else (0, 0, [1], 0)
        assert len(geometry) == len(expected.parts)
    few = server.get(files["polygons.geojson"] + "?min_area=1e9").json
    assert few["features"] == []


def test_several_expressions_and_nothing_there(client: Client, ids: dict[str, str]) -> None:
    reply = client.segment(ids["plain.png"], [WORDS, "the pink submarine in the volcano"])
    absent = reply["answers"][1]
    assert [answer["expression"] for answer in reply["answers"]] == [WORDS, "the pink submarine in the volcano"]
    assert not absent["present"] and absent["message"] == "nothing here matches" and absent["area_px"] == 0


def test_clicks_correct_the_mask(client: Client, ids: dict[str, str], rasters: Path, nano: Segmenter) -> None:
    x0, y0 = 16, 8
    whole = open_image(rasters / "town.tif")
    scene = RasterImage(whole.pixels[y0:, x0:].copy())
    clicks: list[tuple[float, float]] = []
    for click in ((60.5, 80.0), (200.0, 150.5), (30.0, 200.0)):
        clicks.append(click)
        labels = [1, 1, 0][: len(clicks)]
        direct = nano(scene, WORDS, points=[(x - x0, y - y0) for x, y in clicks], labels=labels)
        reply = client.segment(
            ids["town.tif"], WORDS, points=clicks, labels=labels, scene=[x0, y0, 256, 256], include=["rle"]
        )
        assert np.array_equal(mask_of(reply["answers"][0]), direct.mask)
        assert reply["points"] == [list(one) for one in clicks] and reply["labels"] == labels
        assert reply["answers"][0]["present"] == direct.present
    plain = nano(scene, WORDS)
    assert not np.array_equal(direct.mask, plain.mask), "the clicks made no difference"
    again = client.result(reply["id"], threshold=0.2, include="rle")
    cut = nano(scene, WORDS, 0.2, points=[(x - x0, y - y0) for x, y in clicks], labels=labels)
    assert np.array_equal(mask_of(again["answers"][0]), cut.mask)


def test_a_box_by_pixels_or_by_longitude_and_latitude(
    client: Client, ids: dict[str, str], rasters: Path, nano: Segmenter
) -> None:
    box = [40.0, 60.0, 130.0, 150.0]
    direct = nano(str(rasters / "town.tif"), WORDS, box=box)
    reply = client.segment(ids["town.tif"], WORDS, box=box, include=["rle"])
    assert np.array_equal(mask_of(reply["answers"][0]), direct.mask) and reply["box"] == box
    assert reply["command"].endswith("--box 40,60,130,150 -o mask.tif -o polygons.gpkg")
    click = client.segment(ids["town.tif"], WORDS, scene=[100, 90, 140, 140])["corners"][0]
    by_degrees = client.segment(ids["town.tif"], WORDS, points=[click], labels=[0], coordinates="lonlat")
    assert by_degrees["points"][0] == pytest.approx([100, 90], abs=0.01)
    beyond = client.segment(ids["town.tif"], WORDS, box=[-50, 60, 130, 900])
    assert beyond["box"] == [0, 60, 130, 256]
    with pytest.raises(ServiceError, match="outside the image"):
        client.segment(ids["town.tif"], WORDS, points=[[300, 10]], labels=[1])


def test_the_command_gives_the_same_answer(client: Client, rasters: Path, tmp_path: Path, ids: dict[str, str]) -> None:
    import shlex
    import subprocess
    import sys

    words = "the largest building; it's $(here) 'now'"
    reply = client.segment(ids["town.tif"], words, threshold=0.2, points=[[100.5, 90]], labels=[1])
    program, *arguments = shlex.split(reply["command"])
    assert program == "rs2sam2"
    subprocess.run([sys.executable, "-m", "rs2sam2", *arguments], cwd=_named_so(rasters, tmp_path), check=True)
    mask = np.asarray(rasterio.open(tmp_path / "mask.tif").read(1)) == 255
    assert mask.sum() == reply["answers"][0]["area_px"]


def _named_so(rasters: Path, folder: Path) -> Path:
    """A folder from which the raster has the name that the server shows."""
    (folder / rasters.name).symlink_to(rasters)
    return folder


def test_refusals_say_what_to_do(server: Server, client: Client, ids: dict[str, str]) -> None:
    image = ids["town.tif"]
    for asked, status, kind in (
        ({"expressions": [" "]}, 422, "invalid"),
        ({"expressions": []}, 422, "invalid"),
        ({"expressions": ["x"], "threshold": 2}, 422, "invalid"),
        ({"expressions": ["x"], "colour": "red"}, 422, "invalid"),
        ({"expressions": ["x"], "points": [[1, 2]]}, 422, "invalid"),
        ({"expressions": ["x", "y"], "box": [1, 2, 30, 40]}, 422, "invalid"),
        ({"expressions": ["x"], "scene": [900, 900, 1000, 1000]}, 422, "invalid"),
        ({"expressions": ["é " * 240]}, 422, "invalid"),
        ({"expressions": ["x"] * 17}, 422, "invalid"),
        ({"expressions": ["x"], "image": "r-0000000000000000"}, 404, "not_found"),
    ):
        answer = server.ask("POST", "/v1/segment", {"image": image} | asked)
        assert (answer.status, answer.error) == (status, kind), asked
        assert answer.json["error"]["message"]
    assert server.ask("POST", "/v1/segment", b"{", {"Content-Type": "application/json"}).error == "bad_request"
    assert server.ask("POST", "/v1/segment", b"x", {"Content-Type": "text/plain"}).error == "unsupported_type"
    assert server.get("/v1/results/0123456789abcdef").error == "not_found"


def test_what_is_forgotten_is_gone(server: Server, client: Client) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(render_scene(np.random.default_rng(8), 96).image)).save(buffer, "PNG")
    image = server.send("/v1/images", buffer.getvalue()).json["id"]
    reply = client.segment(image, WORDS)
    assert server.ask("DELETE", f"/v1/images/{image}").status == 204
    assert server.get(f"/v1/images/{image}").status == 404
    assert server.get(reply["files"]["mask.png"]).status == 404
