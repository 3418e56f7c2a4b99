"""What people see of a raster: the pixels that the model sees, where they are, at every zoom."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from rs2sam2.errors import ImageError
from rs2sam2.inference.images import open_image
from rs2sam2.serving import picture as pictures
from rs2sam2.serving.kinds import kind_of
from rs2sam2.serving.picture import BLOCK, Picture, make_picture
from rs2sam2.serving.places import corners, in_pixels, scene_window
from rs2sam2.serving.refusals import Refusal
from rs2sam2.serving.tiles import LOWEST_ZOOM, MARGIN, mercator_tile, pixel_tile, pixel_zoom
from serving.conftest import write_geotiff
from serving.running import Server

pytestmark = [
    pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),  # rasterio multiplies transforms by *
]


def made(source: Path, folder: Path) -> Picture:
    kind = kind_of(source)
    assert kind is not None
    shares: list[float] = []
    make_picture(source, kind, source.name, folder / "picture.tif", shares.append)
    assert shares == sorted(shares) and shares[-1] == 1.0
    return Picture.load(folder / "picture.tif")


def decoded(tile: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(tile)).convert("RGBA"))


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [(700, 1000), (256, 256), (257, 300), (90, 40)])
def test_tiles_of_pixel_space_put_together_are_the_image(size: tuple[int, int], tmp_path: Path) -> None:
    height, width = size
    pixels = noise(height, width)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    picture = made(tmp_path / "noise.png", tmp_path)
    zoom = pixel_zoom(width, height)
    first = int(MARGIN * 2**zoom)
    rows, columns = -(-height // BLOCK), -(-width // BLOCK)
    whole = np.vstack(
        [
            np.hstack([decoded(pixel_tile(picture, zoom, first + x, first + y)) for x in range(columns)])
            for y in range(rows)
        ]
    )
    assert np.array_equal(whole[:height, :width, :3], pixels)
    assert (whole[:height, :width, 3] == 255).all()
    assert not whole[height:, :, 3].any() and not whole[:, width:, 3].any()
    for x, y in ((first - 1, first), (first, first - 1), (first + columns, first), (0, 0)):
        assert not decoded(pixel_tile(picture, zoom, x, y)).any()


def test_the_lowest_zoom_shows_the_whole_image(tmp_path: Path) -> None:
    pixels = np.zeros((1500, 900, 3), dtype=np.uint8)
    pixels[:, 450:] = 200
    Image.fromarray(pixels).save(tmp_path / "halves.png")
    picture = made(tmp_path / "halves.png", tmp_path)
    tile = decoded(pixel_tile(picture, LOWEST_ZOOM, 3, 3))
    scale = 2 ** (pixel_zoom(900, 1500) - LOWEST_ZOOM)
    inside = tile[: 1500 // scale - 1, : 900 // scale - 1]
    assert (inside[..., 3] == 255).all()
    assert inside[:, : 450 // scale - 2, 0].max() == 0 and inside[:, 450 // scale + 2 :, 0].min() == 200


def test_mercator_tiles_are_where_the_image_is(tmp_path: Path) -> None:
    pixels = np.zeros((400, 600, 3), dtype=np.uint8)
    pixels[100:140, 300:340] = 255  # a white square, whose middle we look for
    write_geotiff(tmp_path / "square.tif", pixels)
    picture = made(tmp_path / "square.tif", tmp_path)
    assert picture.bounds is not None and picture.zooms is not None and picture.metres == pytest.approx(0.5, rel=0.01)
    lower = corners(picture, (320, 120, 321, 121))
    assert lower is not None
    longitude, latitude = lower[0]
    for zoom in range(*picture.zooms):
        x = (longitude + 180) / 360 * 2**zoom
        y = (1 - np.arcsinh(np.tan(np.radians(latitude))) / np.pi) / 2 * 2**zoom
        tile = decoded(mercator_tile(picture, zoom, int(x), int(y)))
        column, row = int(x % 1 * BLOCK), int(y % 1 * BLOCK)
        assert tile[row, column].tolist() == [255] * 4, zoom
    assert not decoded(mercator_tile(picture, 18, 0, 0)).any()


def test_large_rasters_are_read_in_strips_with_the_same_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_geotiff(tmp_path / "town.tif", noise(1300, 300))
    (tmp_path / "whole").mkdir()
    whole = made(tmp_path / "town.tif", tmp_path / "whole")
    monkeypatch.setattr(pictures, "_AT_ONCE", 1000)
    stripped = made(tmp_path / "town.tif", tmp_path)
    window = (0, 0, 300, 1300)
    assert np.array_equal(whole.read(window).pixels, stripped.read(window).pixels)
    assert (stripped.crs, stripped.transform) == (whole.crs, whole.transform)


def test_the_model_sees_what_it_sees_of_the_file(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).normal(900, 200, (1, 200, 260)).astype(np.uint16)
    samples[:, :50] = 0
    with rasterio.open(
        tmp_path / "deep.tif", "w", driver="GTiff", width=260, height=200, count=1, dtype="uint16", nodata=0
    ) as dataset:
        dataset.write(samples)
    picture = made(tmp_path / "deep.tif", tmp_path)
    seen, direct = picture.read((0, 0, 260, 200)), open_image(tmp_path / "deep.tif")
    assert np.array_equal(seen.pixels, direct.pixels)
    assert seen.valid is not None and np.array_equal(seen.valid, direct.valid)
    assert (picture.bands, picture.dtype) == (1, "uint16")
    with pytest.raises(ImageError, match="no pixel"):
        picture.read((0, 0, 260, 50))


def test_what_is_stopped_leaves_no_file(tmp_path: Path) -> None:
    write_geotiff(tmp_path / "town.tif", noise(1300, 300))

    def stop(share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_picture(tmp_path / "town.tif", "tiff", "town.tif", tmp_path / "picture.tif", stop)
    assert [path.name for path in tmp_path.iterdir()] == ["town.tif"]


places = st.tuples(
    st.sampled_from(["EPSG:4326", "EPSG:3857", "EPSG:32636", "EPSG:27700"]),
    st.floats(0, 90),
    st.lists(st.tuples(st.floats(0, 500), st.floats(0, 300)), min_size=1, max_size=5),
)


@given(places)
def test_pixels_to_degrees_and_back(place: tuple[str, float, list[tuple[float, float]]]) -> None:
    from rasterio.crs import CRS

    crs, turned, points = place
    size = 1e-5 if crs == "EPSG:4326" else 0.4
    origin = {"EPSG:4326": (33.0, 1.0), "EPSG:3857": (3.6e6, 4e4), "EPSG:32636": (5e5, 4e4), "EPSG:27700": (4e5, 3e5)}
    angle = np.radians(turned)
    c, s = size * np.cos(angle), size * np.sin(angle)
    transform = Affine(c, s, origin[crs][0], s, -c, origin[crs][1])
    found = Picture(Path(), 500, 300, 3, "uint8", CRS.from_string(crs), transform, (0, 0, 1, 1), 0.4, (1, 2))
    boxes = [corners(found, (int(x), int(y), int(x) + 1, int(y) + 1)) for x, y in points]
    for (x, y), box in zip(points, boxes, strict=True):
        assert box is not None
        assert np.allclose(in_pixels(found, [box[0]], "lonlat"), [[int(x), int(y)]], atol=0.02)


def test_degrees_that_the_image_s_coordinates_do_not_reach_are_refused() -> None:
    from rasterio.crs import CRS

    place = Affine(0.4, 0, 5e5, 0, -0.4, 4e4)
    utm = Picture(Path(), 500, 300, 3, "uint8", CRS.from_epsg(32636), place, (0, 0, 1, 1), 0.4, (1, 2))
    with pytest.raises(Refusal, match="outside the coordinate system"):
        in_pixels(utm, [(33.0, 0.3), (33.0, 95.0)], "lonlat")


plain = Picture(Path(), 500, 300, 3, "uint8", None, None, None, None, None)


@given(st.lists(st.floats(-1e9, 1e9), min_size=4, max_size=4))
def test_a_scene_lies_in_the_image_or_is_refused(scene: list[float]) -> None:
    try:
        x0, y0, x1, y1 = scene_window(plain, scene, "pixels")
    except Refusal as refusal:
        assert refusal.status_code == 422
        return
    assert x0 >= 0 and x0 + 16 <= x1 <= 500 and y0 >= 0 and y0 + 16 <= y1 <= 300


def test_tiles_over_http(server: Server, ids: dict[str, str], pixels: np.ndarray) -> None:
    image = server.get(f"/v1/images/{ids['town.tif']}").json
    template = image["tiles"]["pixels"]["url"]
    answer = server.get(template.format(z=3, x=3, y=3))
    assert answer.headers["content-type"] == "image/png" and "immutable" in answer.headers["cache-control"]
    assert np.array_equal(decoded(answer.body)[..., :3], pixels)
    assert server.get(template.format(z=3, x=9, y=3)).status == 404
    assert server.get(template.format(z=99, x=1, y=3)).status == 422
    plain = server.get(f"/v1/images/{ids['plain.png']}").json
    assert plain["tiles"]["mercator"] is None
    assert server.get(f"/v1/images/{ids['plain.png']}/tiles/mercator/3/3/3.png").status == 404


def test_a_killed_server_leaves_a_cache_that_the_next_one_uses(rasters: Path, tmp_path: Path) -> None:
    """A picture that was being made when the process was killed is made again; one that is whole is not."""
    code = (
        "import sys, time; from pathlib import Path; from rs2sam2.serving.picture import make_picture\n"
        "def tick(share): print(share, flush=True); time.sleep(0.2)\n"
        "make_picture(Path(sys.argv[1]), 'tiff', 'wide', Path(sys.argv[2]), tick)"
    )
    target = tmp_path / "picture.tif"
    process = subprocess.Popen(
        [sys.executable, "-c", code, rasters / "wide.tif", target], stdout=subprocess.PIPE, env=dict(os.environ)
    )
    assert process.stdout is not None and process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert not target.exists()
    picture = made(rasters / "wide.tif", tmp_path)
    before = target.stat().st_mtime_ns
    time.sleep(0.01)
    assert (picture.width, picture.height) == (1000, 700) and target.stat().st_mtime_ns == before
