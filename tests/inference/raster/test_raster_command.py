"""`rs2sam2 segment` on rasters that one look would not do justice to."""

import functools
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jsonschema
import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine
from red import write

from rs2sam2.cli import main
from rs2sam2.inference.raster.looks import LARGEST_LOOK, larger_than_one_look

TEXT = "the white building"
PLACE = {"crs": "EPSG:3857", "transform": Affine(0.1, 0, 9_520_000, 0, -0.1, 3_200_000)}


def noise(height: int, width: int) -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (3, -(-height // 16), -(-width // 16)), dtype=np.uint8)
    return coarse.repeat(16, axis=1).repeat(16, axis=2)[:, :height, :width]


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    blocks = {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate"}
    return write(tmp_path / "scene.tif", noise(300, LARGEST_LOOK + 100), **PLACE, **blocks)


@pytest.fixture
def asked(scene: Path, weights_folder: Path) -> list[str]:
    return ["segment", str(scene), TEXT, "--weights", str(weights_folder), "--device", "cpu", "--tile", "300"]


def test_a_raster_is_looked_at_in_tiles(
    asked: list[str], scene: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["mask.tif", "found.gpkg", "found.geojson", "found.fgb", "found.parquet", "found.shp"]
    outputs = [part for name in names for part in ("-o", str(scene.parent / name))]
    more = ["--probability", str(scene.parent / "p.tif"), "--style", "--min-area", "0.5", "--simplify", "1"]
    assert main([*asked, *outputs, *more, "--json"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    jsonschema.validate(report, json.loads((root / "docs/segment.schema.json").read_text()))
    assert err == "" and report["image"]["width"] == LARGEST_LOOK + 100 and report["tiles"]["total"] == 10
    with rasterio.open(scene.parent / "mask.tif") as dataset:
        mask = dataset.read(1) > 0
        assert (dataset.shape, dataset.crs.to_epsg()) == ((300, LARGEST_LOOK + 100), 3857)
        assert dataset.tags()["model_sha256"] == report["weights"]["sha256"]
    assert 0 < mask.sum() == report["area_px"]
    for name in names[1:]:
        assert pyogrio.read_info(scene.parent / name)["features"] == report["parts"] > 0 if name != names[4] else True
    assert (scene.parent / "found.qml").exists()
    assert not [path for path in scene.parent.iterdir() if path.name.startswith(".")]


def test_one_tile_answers_as_one_look_does(tmp_path: Path, weights_folder: Path) -> None:
    path = write(tmp_path / "small.tif", noise(256, 256), **PLACE)
    asked = ["segment", str(path), TEXT, "--weights", str(weights_folder), "--json", "-o"]
    assert main([*asked, str(tmp_path / "look.tif")]) == 0
    assert main([*asked, str(tmp_path / "tile.tif"), "--tile", "256"]) == 0
    look, tile = (rasterio.open(tmp_path / f"{name}.tif").read(1) > 0 for name in ("look", "tile"))
    assert look.any() and (look != tile).mean() < 0.002, "half precision moves a border here and there"


def test_what_is_looked_at_how(tmp_path: Path, scene: Path) -> None:
    small = write(tmp_path / "small.tif", noise(64, LARGEST_LOOK), **PLACE)
    assert larger_than_one_look(scene) and not larger_than_one_look(small)
    assert larger_than_one_look("https://example.org/a.tif?token=1") and larger_than_one_look("a.vrt")
    assert not larger_than_one_look("photograph.jpg") and not larger_than_one_look("there-is-none.png")


def test_a_dry_run_writes_nothing(asked: list[str], scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = scene.parent / "mask.tif"
    assert main([*asked, "-o", str(output), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "scope   tile" in said and "tiles   1 x 10 of 300 pixels" in said and not output.exists()
    assert main([*asked, "-o", str(output), "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["tiles"] == 10 and min(plan["seconds"], plan["memory"], plan["disk"]) > 0
    assert list(scene.parent.iterdir()) == [scene]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "mask.png"], "looked at in tiles, and a picture of all of it would not fit"),
        (["--overlay", "seen.png"], "looked at in tiles, and a picture"),
        (["--aoi", "1,2,3"], "give 4 numbers"),
        (["--aoi", "0,0,1,1"], "shares no ground"),
        (["--bands", "4"], "has 3"),
        (["--bands", "1,2"], "give 1 or 3 numbers"),
        (["--overlap", "1"], "from 0 to below 1"),
        (["--gsd", "0"], "give metres above 0"),
        (["--gsd", "1e-6"], "has pixels of"),
        (["--tile", "60000"], "give 64 to 8192 pixels"),
        (["--aoi=-inf,-inf,inf,inf"], "give finite numbers"),
        (["--probability", "p.png"], "use .tif or .tiff"),
    ],
)
def test_refusals(asked: list[str], scene: Path, words: list[str], message: str, capsys) -> None:
    words = [str(scene.parent / word) if "." in word and word[0].isalpha() else word for word in words]
    assert main([*asked, *words]) == 2
    assert message in capsys.readouterr().err and list(scene.parent.iterdir()) == [scene]


def test_a_damaged_block_is_reported_and_the_rest_answered(
    asked: list[str], scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with rasterio.open(scene) as dataset:
        offset = int(dataset.get_tag_item("BLOCK_OFFSET_7_0", "TIFF", bidx=1))
    content = bytearray(scene.read_bytes())
    content[offset + 4 : offset + 400] = b"\xff" * 396
    scene.write_bytes(content)
    output = scene.parent / "mask.tif"
    assert main([*asked, "-o", str(output)]) == 1
    err = capsys.readouterr().err.splitlines()
    assert err[-1].endswith("the same command with --overwrite tries them again, and no others")
    assert err[0].startswith("rs2sam2: tile 0, ") and "could not be read" in err[0]
    with rasterio.open(output) as dataset:
        valid = dataset.dataset_mask() > 0
    assert not valid[:256, 1850:2000].any() and valid[:, :1500].all()
    assert main([*asked, "-o", str(output), "--overwrite"]) == 1


class _Ranges(BaseHTTPRequestHandler):
    """Serves one folder's files, parts of them on request."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self.folder = folder
        super().__init__(*arguments)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.folder / Path(self.path.partition("?")[0]).name
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        start, end = 0, len(content) - 1
        if wanted := self.headers.get("Range"):
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end = int(first), min(end, int(last or end))
        self.send_response(206 if wanted else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Range", f"bytes {start}-{end}/{len(content)}")
        self.send_header("Content-Length", str(end + 1 - start))
        self.end_headers()
        if body:
            self.wfile.write(content[start : end + 1])

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def address(scene: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Ranges, scene.parent)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_by_address(asked: list[str], scene: Path, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*asked, "-o", str(scene.parent / "local.tif")]) == 0
    asked[1] = f"{address}/scene.tif?token=none"
    assert main([*asked, "-o", str(scene.parent / "remote.tif")]) == 0
    local, remote = ((scene.parent / f"{name}.tif").read_bytes() for name in ("local", "remote"))
    assert local == remote
    capsys.readouterr()
    asked[1] = f"{address}/there-is-none.tif"
    assert main([*asked, "-o", str(scene.parent / "other.tif")]) == 2
    assert "there-is-none.tif: cannot be read" in capsys.readouterr().err
