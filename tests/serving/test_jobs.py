"""Whole rasters: progress while they run, files at the end, nothing left of those that were cancelled."""

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
from PIL import Image

from rs2sam2 import Segmenter
from rs2sam2.inference.outputs.targets import check_targets
from rs2sam2.inference.raster.run import segment_raster
from rs2sam2.serving.client import Client, ServiceError
from serving.running import Server

WORDS = "all buildings"

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")


@pytest.fixture(scope="module")
def done(client: Client, ids: dict[str, str]) -> dict:
    job = client.start(ids["wide.tif"], WORDS)
    assert job["state"] == "queued" and job["answers"] == job["files"] == []
    return client.wait(job["id"])


def test_the_files_are_those_of_the_command(done: dict, server: Server, rasters: Path, tmp_path: Path) -> None:
    targets = check_targets([tmp_path / "direct.tif"])
    segment_raster(Segmenter.from_pretrained("nano", "cpu"), rasters / "wide.tif", [WORDS], targets)
    files = {file["name"]: server.get(file["url"]) for file in done["files"]}
    assert files.keys() == {"mask.tif", "polygons.geojson", "polygons.gpkg"}
    (tmp_path / "mask.tif").write_bytes(files["mask.tif"].body)
    with rasterio.open(tmp_path / "mask.tif") as mask, rasterio.open(tmp_path / "direct.tif") as direct:
        assert np.array_equal(mask.read(1), direct.read(1)) and mask.transform == direct.transform
        assert (mask.read(1) == 255).sum() == done["answers"][0]["area_px"] > 0
    (tmp_path / "polygons.gpkg").write_bytes(files["polygons.gpkg"].body)
    rows = pyogrio.raw.read(tmp_path / "polygons.gpkg", columns=["area_m2"])
    assert len(rows[2]) == done["answers"][0]["parts"]
    assert rows[3][0].sum() == pytest.approx(done["answers"][0]["area_m2"])
    assert len(files["polygons.geojson"].json["features"]) == len(rows[2])


def test_events_tell_how_it_goes_on(client: Client, ids: dict[str, str]) -> None:
    job = client.start(ids["wide.tif"], WORDS, threshold=0.6)
    states = list(client.events(job["id"]))
    shares = [state["progress"] for state in states]
    assert shares == sorted(shares) and states[-1]["state"] == "done" and shares[-1] == 1.0
    assert states[0]["state"] in {"queued", "running"}
    assert all(state["id"] == job["id"] for state in states)


def test_tiles_show_the_mask_in_its_colour(done: dict, server: Server, tmp_path: Path) -> None:
    address = done["tiles"]["pixels"]["url"].replace("{answer}", "0").replace("{rrggbb}", "ff8800")
    zoom = done["tiles"]["pixels"]["maxzoom"]
    first = 3 * 2 ** (zoom - 3)
    body = server.get(address.format(z=zoom, x=first + 1, y=first + 1)).body
    tile = np.asarray(Image.open(io.BytesIO(body)).convert("RGBA"))
    (tmp_path / "mask.tif").write_bytes(server.get(f"/v1/jobs/{done['id']}/files/mask.tif").body)
    with rasterio.open(tmp_path / "mask.tif") as mask:
        meant = mask.read(1)[256:512, 256:512] == 255
    assert meant.any() and np.array_equal(tile[..., 3] > 0, meant)
    assert (tile[meant][:, :3] == (0xFF, 0x88, 0x00)).all()


def test_a_part_of_a_raster(client: Client, server: Server, ids: dict[str, str], tmp_path: Path) -> None:
    scene = [256, 100, 812, 650]
    for name in ("wide.tif", "plain.png"):
        box = scene if name == "wide.tif" else [30, 40, 230, 250]
        job = client.wait(client.start(ids[name], [WORDS, "the pink submarine"], scene=box)["id"])
        assert job["scene"] == box and len(job["answers"]) == 2
        client.download(f"/v1/jobs/{job['id']}/files/mask.tif", tmp_path / name)
        with rasterio.open(tmp_path / name) as mask:
            assert (mask.width, mask.height) == (box[2] - box[0], box[3] - box[1])
            labels = mask.read(1)
        zoom = job["tiles"]["pixels"]["maxzoom"]
        first = 3 * 2 ** (zoom - 3)
        address = job["tiles"]["pixels"]["url"].replace("{answer}", "0").replace("{rrggbb}", "ffffff")
        tile = np.asarray(
            Image.open(io.BytesIO(server.get(address.format(z=zoom, x=first, y=first)).body)).convert("RGBA")
        )
        x0, y0 = min(box[0], 256), min(box[1], 256)
        shown = labels[: 256 - y0, : 256 - x0] == 1
        assert np.array_equal(tile[y0 : y0 + shown.shape[0], x0 : x0 + shown.shape[1], 3] > 0, shown)


def test_a_cancelled_job_ends_soon_and_leaves_nothing(client: Client, server: Server, ids: dict[str, str]) -> None:
    first = client.start(ids["large.tif"], [f"the {colour} building" for colour in ("red", "blue", "grey", "white")])
    waiting = client.start(ids["large.tif"], WORDS, threshold=0.7)
    client.cancel(waiting["id"])
    assert server.get(f"/v1/jobs/{waiting['id']}").json["state"] == "cancelled"
    client.cancel(first["id"])
    with pytest.raises(ServiceError, match="cancelled"):
        client.wait(first["id"])
    answer = server.get(f"/v1/jobs/{first['id']}/files/mask.tif")
    assert answer.status == 404 and "cancelled" in answer.json["error"]["message"]
    assert server.ask("DELETE", f"/v1/jobs/{first['id']}").status == 204
    assert server.get(f"/v1/jobs/{first['id']}").status == 404


def test_too_many_jobs_are_refused(client: Client, ids: dict[str, str]) -> None:
    started = []
    with pytest.raises(ServiceError) as caught:
        for number in range(12):
            started.append(client.start(ids["wide.tif"], WORDS, threshold=0.5 + number / 100)["id"])
    for job in started:
        client.cancel(job)
    assert caught.value.status == 429 and caught.value.retry_after


@pytest.mark.slow
def test_people_who_ask_do_not_wait_for_a_job(client: Client, server: Server, ids: dict[str, str]) -> None:
    texts = [f"the {colour} building" for colour in ("red", "blue", "grey", "white", "green", "brown", "black", "pink")]
    job = client.start(ids["large.tif"], texts)["id"]  # a tile in each batch
    for state in client.events(job):
        if state["progress"] > 0:
            break
    batch = 1.001 * state["progress"]
    scenes = [[at, at, at + 200, at + 200] for at in range(0, 2800, 350)]
    with ThreadPoolExecutor(len(scenes)) as people:
        asking = [people.submit(client.segment, ids["large.tif"], texts, scene=scene) for scene in scenes]
        while server.metric("rs2sam2_waiting") == 0 and not asking[0].done():
            pass
        before = server.get(f"/v1/jobs/{job}").json["progress"]
        assert all(one.result()["answers"] for one in asking)
        after = server.get(f"/v1/jobs/{job}").json["progress"]
    client.cancel(job)
    assert after - before <= 4 * batch, "eight runs for people; the batch that ran, and those since they were answered"
