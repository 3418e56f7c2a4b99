"""Many scenes through the command line: what is written, what is done again, what is told."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pyarrow.dataset
import pystac
import pytest
import rasterio
import shapely
from batch_catalogues import served_catalogue
from pyogrio import read_info

from rs2sam2.cli import main

pytestmark = pytest.mark.filterwarnings("ignore::rs2sam2.inference.language.LanguageWarning")
EXPRESSION = "the large white building"


@pytest.fixture
def batch(weights_folder: Path, tmp_path: Path) -> Callable[..., int]:
    """Run the command with the tests' weights; the answers go to `out`."""

    def run(*arguments: object, expression: str = EXPRESSION) -> int:
        given = ["batch", *map(str, arguments), "-e", expression, "-o", str(tmp_path / "out")]
        return main([*given, "--weights", str(weights_folder), "--device", "cpu", "--threshold", "0.05"])

    return run


def statuses(folder: Path) -> dict[str, dict]:
    found = [json.loads(path.read_text()) for path in folder.glob("out/scenes/*/status.json")]
    return {Path(status["source"]).name: status for status in found}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"}


def test_a_served_catalogue_becomes_polygons_masks_a_table_and_stac(batch, make_scene, server, tmp_path, capsys):
    names = ["a", "b"]
    served_catalogue(server.folder, names)
    for seed, name in enumerate(names):
        make_scene(server.folder / "cogs" / f"{name}.tif", seed)
    assert batch(f"{server.url}/catalog.json") == 0
    assert "2 of 2 scenes answered" in capsys.readouterr().out
    assert any(path == "/cogs/a.tif" and part for path, part in server.requests), "it was not read in parts"
    assert not any(path == "/cogs/a.tif" and not part for path, part in server.requests), "it was read as a whole"

    out = tmp_path / "out"
    table = pyarrow.dataset.dataset(out / "segments", partitioning="hive").to_table()
    assert json.loads(table.schema.metadata[b"geo"])["version"] == "1.1.0"
    collection = pystac.Collection.from_file(str(out / "collection.json"))
    items = list(collection.get_items())
    assert len(items) == 2
    for item, name in zip(items, names, strict=True):
        item.make_asset_hrefs_absolute()
        assert item.datetime.year == 2020
        assert item.get_single_link("derived_from").href == f"{server.url}/items/{name}/{name}.json"
        with rasterio.open(item.assets["mask"].href) as mask:
            assert (mask.width, mask.height) == tuple(item.properties["proj:shape"][::-1])
            assert item.properties["rs2sam2:found"][0]["area_px"] == int((mask.read(1) > 0).sum())
        rows = read_info(item.assets["polygons"].href)["features"]
        here = table.filter(pyarrow.compute.equal(table["scene"], item.id))
        assert len(here) == rows > 0
        inside = shapely.from_geojson(json.dumps(item.geometry)).buffer(1e-6)
        assert shapely.contains(inside, shapely.from_wkb(here["geometry"].to_pylist())).all()
        assert sum(here["area_px"].to_pylist()) == item.properties["rs2sam2:found"][0]["area_px"]
    west, south, east, north = collection.extent.spatial.bboxes[0]
    assert shapely.box(west, south, east, north).buffer(1e-9).contains(inside.buffer(-2e-6))


def test_done_work_is_not_done_again_and_a_changed_scene_is(batch, make_scene, tmp_path, capsys):
    a, b = make_scene(tmp_path / "in" / "a.tif", 0), make_scene(tmp_path / "in" / "b.tif", 1)
    assert batch(tmp_path / "in") == 0
    before = files(tmp_path / "out")
    assert batch(tmp_path / "in") == 0
    assert "2 of them before" in capsys.readouterr().out
    assert files(tmp_path / "out") == before
    assert batch(a, b, expression="something else") == 2
    assert "begun with other expressions" in capsys.readouterr().err

    make_scene(a, 7)
    os.utime(a, (1, 1))
    assert batch(tmp_path / "in") == 0
    changed = {path for path, content in files(tmp_path / "out").items() if before[path] != content}
    assert changed
    assert all("a-" in path or path.endswith("collection.json") for path in changed), changed
    assert statuses(tmp_path)["a.tif"]["file"][1] == 10**9


def test_a_bad_scene_is_told_and_the_others_are_answered_all_the_same(batch, make_scene, tmp_path, capsys):
    good = make_scene(tmp_path / "in" / "good.tif")
    bad = make_scene(tmp_path / "in" / "bad.tif", 1, side=600)
    whole = bad.read_bytes()
    bad.write_bytes(whole[:400])
    nowhere = "http://127.0.0.1:1/c.tif"
    assert batch(tmp_path / "in", nowhere) == 1
    told = capsys.readouterr()
    assert "1 of 3 scenes answered" in told.out
    lines = [line for line in told.err.splitlines() if line.startswith("rs2sam2: failed: ")]
    assert [line.split(": ")[2].rsplit("/", 1)[-1] for line in lines] == ["bad.tif", "c.tif"]
    found = statuses(tmp_path)
    assert {name: status["state"] for name, status in found.items()} == {
        "good.tif": "done",
        "bad.tif": "failed",
        "c.tif": "failed",
    }
    assert json.loads((tmp_path / "out" / "collection.json").read_text())["links"][0]["href"].startswith(
        "./scenes/good-"
    )

    bad.write_bytes(whole)
    assert batch(good, bad) == 0
    assert "2 of 2 scenes answered, 1 of them before" in capsys.readouterr().out


def test_a_scene_without_a_place_has_results_and_no_row_in_the_table(batch, make_scene, tmp_path):
    assert batch(make_scene(tmp_path / "in" / "a.tif", crs=None)) == 0
    (folder,) = (tmp_path / "out" / "scenes").iterdir()
    item = json.loads((folder / "item.json").read_text())
    assert item["geometry"] is None
    assert "bbox" not in item
    assert set(item["assets"]) == {"polygons", "mask", "source"}
    assert not list((tmp_path / "out").glob("segments/*"))
    with sqlite3.connect(folder / "segments.gpkg") as rows:
        assert rows.execute("select count(*) from segments").fetchone()[0] > 0
    rows.close()


@pytest.mark.parametrize("damage", ["status", "job", "none of ours"])
def test_a_damaged_folder_is_mended_or_refused(batch, make_scene, tmp_path, capsys, damage):
    scene = make_scene(tmp_path / "in" / "a.tif")
    assert batch(scene) == 0
    (status,) = (tmp_path / "out").glob("scenes/*/status.json")
    if damage == "status":
        status.write_text('{"state": "done"')
        assert batch(scene) == 0
        assert statuses(tmp_path)["a.tif"]["state"] == "done"
        return
    job = tmp_path / "out" / "job.json"
    job.write_text("{") if damage == "job" else job.unlink()
    assert batch(scene) == 2
    assert "give another folder" in capsys.readouterr().err


def test_two_runs_never_work_in_one_folder(batch, make_scene, tmp_path, capsys):
    import fcntl

    scene = make_scene(tmp_path / "in" / "a.tif")
    assert batch(scene) == 0
    shutil.rmtree(next((tmp_path / "out" / "scenes").iterdir()))
    with (tmp_path / "out" / ".lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert batch(scene) == 2
    assert "another run works in this folder" in capsys.readouterr().err
    assert not statuses(tmp_path)


@pytest.mark.parametrize(("expression", "code"), [("...", 2), ("x" * 5000, 2)])
def test_words_that_no_model_reads_are_refused_before_any_scene(batch, make_scene, tmp_path, expression, code):
    assert batch(make_scene(tmp_path / "in" / "a.tif"), expression=expression) == code
    assert not statuses(tmp_path)
