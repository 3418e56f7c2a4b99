"""Rasters made by code in a folder, a server on them, and a client."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")

import rasterio
from affine import Affine

from rs2sam2.data.synthetic import render_scene
from rs2sam2.serving.client import Client
from serving.running import Server, running

SIDE = 256
PIXEL = 0.5
WEST, NORTH = 452_000.0, 36_000.0


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    """(256, 256, 3) of a rendered scene that nano finds things in."""
    return np.asarray(render_scene(np.random.default_rng(7), SIDE).image)


@pytest.fixture(scope="session")
def rasters(tmp_path_factory: pytest.TempPathFactory, pixels: np.ndarray) -> Path:
    """A folder to serve: town.tif in UTM, plain.png without a place, wide.tif and large.tif."""
    folder = tmp_path_factory.mktemp("serving") / "rasters"
    folder.mkdir()
    Image.fromarray(pixels).save(folder / "plain.png")
    write_geotiff(folder / "town.tif", pixels)
    write_geotiff(folder / "wide.tif", np.tile(pixels, (3, 4, 1))[:700, :1000])
    write_geotiff(folder / "large.tif", np.tile(pixels, (12, 12, 1)))
    return folder


def write_geotiff(path: Path, pixels: np.ndarray) -> None:
    height, width = pixels.shape[:2]
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=width,
        height=height,
        count=3,
        dtype="uint8",
        crs="EPSG:32636",
        transform=Affine(PIXEL, 0, WEST, 0, -PIXEL, NORTH),
    ) as dataset:
        dataset.write(np.moveaxis(pixels, -1, 0))


@pytest.fixture(scope="session")
def server(rasters: Path) -> Iterator[Server]:
    with running(rasters, "--cache", rasters.parent / "cache") as started:
        yield started


@pytest.fixture(scope="session")
def client(server: Server) -> Client:
    return Client(server.url)


@pytest.fixture(scope="session")
def ids(client: Client) -> dict[str, str]:
    """Name of a raster -> its id."""
    return {Path(image["name"]).name: image["id"] for image in client.images()}
