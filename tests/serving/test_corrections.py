"""Masks that are kept become a data set that `data check` passes and training reads."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from rs2sam2 import Segmenter
from rs2sam2.data.registry import open_dataset
from rs2sam2.errors import DataError
from rs2sam2.serving.client import Client
from rs2sam2.serving.corrections import Corrections
from serving.running import Server, running

WORDS, ABSENT = "the largest building", "the pink submarine in the volcano"


def rs2sam2(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "rs2sam2", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.fixture
def keeping(rasters: Path, tmp_path: Path):
    with running(rasters, "--cache", tmp_path / "cache", "--keep", tmp_path / "kept") as server:
        yield server


def test_kept_masks_are_a_data_set(keeping: Server, tmp_path: Path) -> None:
    client = Client(keeping.url)
    ids = {Path(image["name"]).name: image["id"] for image in client.images()}
    assert keeping.get("/v1/corrections/dataset.zip").status == 404
    town = client.segment(ids["town.tif"], [WORDS, ABSENT], threshold=0.3, include=["rle"])
    left = client.segment(ids["wide.tif"], WORDS, scene=[0, 0, 300, 300])
    overlapping = client.segment(ids["wide.tif"], WORDS, scene=[100, 100, 400, 400])
    apart = client.segment(ids["wide.tif"], WORDS, scene=[600, 300, 900, 600])
    client.keep(town["id"], category="building")
    assert client.keep(town["id"], threshold=0.3, category="building")["count"] == 1  # the later takes its place
    assert client.keep(town["id"], answer=1)["area_px"] == 0
    for result in (left, overlapping, apart):
        kept = client.keep(result["id"], category="building")
    assert kept["count"] == 5
    answer = keeping.get("/v1/corrections/dataset.zip?val=0.3&test=0")
    assert answer.status == 200, answer.body
    root = tmp_path / "set"
    zipfile.ZipFile(io.BytesIO(answer.body)).extractall(root)
    checked = rs2sam2(tmp_path, "data", "check", "oam-ref", str(root))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    samples = {split: list(open_dataset("oam-ref", root, split)) for split in ("train", "val")}
    assert all(samples.values()) and sum(map(len, samples.values())) == 5
    height, width = town["answers"][0]["rle"]["size"]
    (sample,) = [one for found in samples.values() for one in found if one.sentence == WORDS and _size(one) == width]
    assert sample.mask.shape == (height, width) and sample.mask.sum() == town["answers"][0]["area_px"]
    # Scenes that overlap are in one split.
    split_of = {name: split for split, found in samples.items() for name in (one.name for one in found)}
    records = {one["id"]: one for one in keeping.get("/v1/corrections").json["corrections"]}
    scenes = {tuple(one.window): one.scene for one in Corrections(tmp_path / "kept").all() if one.id in records}
    assert split_of[f"{scenes[0, 0, 300, 300]}.png"] == split_of[f"{scenes[100, 100, 400, 400]}.png"]


def _size(sample) -> int:
    with Image.open(sample.path) as image:
        return image.width


@pytest.mark.slow
def test_they_stay_when_the_server_has_ended(keeping: Server, rasters: Path, tmp_path: Path) -> None:
    client = Client(keeping.url)
    image = next(image["id"] for image in client.images() if image["name"].endswith("plain.png"))
    kept = client.keep(client.segment(image, WORDS)["id"])
    again = Corrections(tmp_path / "kept")
    assert [one.id for one in again.all()] == [kept["id"]]
    again.remove(kept["id"])
    assert list((tmp_path / "kept").iterdir()) == []


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"format": "rs2sam2.correction/1", "id": "../x"}', b"\xff"])
def test_a_strangers_file_among_them_is_named(damage: bytes, tmp_path: Path) -> None:
    (tmp_path / "c-1.json").write_bytes(damage)
    with pytest.raises(DataError, match=r"c-1\.json"):
        Corrections(tmp_path)


def test_fewer_places_than_splits_are_refused(client: Client, server: Server, ids: dict[str, str]) -> None:
    client.keep(client.segment(ids["plain.png"], ABSENT)["id"])
    empty = server.get("/v1/corrections/dataset.zip")
    assert empty.status == 422 and "not empty" in empty.json["error"]["message"]
    client.keep(client.segment(ids["plain.png"], WORDS)["id"])
    one_place = server.get("/v1/corrections/dataset.zip?val=0.5")
    assert one_place.status == 422 and "splits" in one_place.json["error"]["message"]
    whole = server.get("/v1/corrections/dataset.zip?val=0")
    assert whole.headers["content-type"] == "application/zip"
    assert any(name.endswith("refs(unc).p") for name in zipfile.ZipFile(io.BytesIO(whole.body)).namelist())
    assert np.all(
        [
            server.ask("DELETE", f"/v1/corrections/{one['id']}").status == 204
            for one in server.get("/v1/corrections").json["corrections"]
        ]
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_training_reads_what_was_corrected(keeping: Server, root: Path, rasters: Path, tmp_path: Path) -> None:
    client = Client(keeping.url)
    ids = {Path(image["name"]).name: image["id"] for image in client.images()}
    for x in (0, 300, 600):
        clicked = client.segment(
            ids["wide.tif"], WORDS, scene=[x, 0, x + 256, 256], points=[[x + 100, 120]], labels=[1]
        )
        assert client.keep(clicked["id"], category="building")["area_px"] > 0
        client.keep(client.segment(ids["wide.tif"], ABSENT, scene=[x, 0, x + 256, 256])["id"], category="submarine")
    client.download("/v1/corrections/dataset.zip?val=0.3", tmp_path / "set.zip")
    zipfile.ZipFile(tmp_path / "set.zip").extractall(tmp_path / "own")
    checked = rs2sam2(tmp_path, "data", "check", "oam-ref", "own")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    recipe = yaml.safe_load((root / "configs" / "own.yaml").read_text())
    recipe["trainer"] |= {"max_epochs": 1, "limit_train_batches": 2}
    recipe["data"] |= {"workers": 0, "batch_size": 2}
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(recipe))
    trained = rs2sam2(tmp_path, "train", "fit", "--config", "own.yaml")
    assert trained.returncode == 0, trained.stdout[-1000:] + trained.stderr[-3000:]
    answer = Segmenter.from_pretrained(tmp_path / "runs/own/weights", "cpu")(rasters / "plain.png", WORDS)
    assert answer.weights.sha256 != client.about()["weights"]["sha256"]
