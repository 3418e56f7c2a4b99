"""The page as it is built, a server on it, and a browser that can reach nothing but that server."""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")

import rasterio
from PIL import Image

from browser import chromium
from rs2sam2.data.synthetic import render_scene
from serving.running import Server, running

ROOT = Path(__file__).resolve().parents[2]
SWITCHES = [
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",  # the map draws with WebGL, and here is no graphics card
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # offline but for this machine
]
WITHIN = 120_000  # milliseconds: a busy machine's pauses are not the page's
SCENE_SEED, SCENE_SIDE = 63, 768  # aircraft and a blue-roofed building


@pytest.fixture(scope="session")
def page_files() -> Path:
    """The folder that `make web` writes; one process builds it, the others wait."""
    if shutil.which("npm") is None:
        pytest.skip("no npm: the page cannot be built")
    lock = os.open(ROOT / "web", os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    done = subprocess.run(["make", "web"], cwd=ROOT, capture_output=True, text=True)
    os.close(lock)
    assert done.returncode == 0, done.stdout + done.stderr
    return ROOT / "src/rs2sam2/serving/static"


@pytest.fixture(scope="session")
def scene() -> np.ndarray:
    """(768, 768, 3), rendered."""
    return np.asarray(render_scene(np.random.default_rng(SCENE_SEED), SCENE_SIDE).image)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, scene: np.ndarray) -> Path:
    """apron.tif, a rendered scene in UTM; large.tif, the same many times over; plain.png without a place."""
    made = tmp_path_factory.mktemp("page") / "rasters"
    made.mkdir()
    write_geotiff(made / "apron.tif", scene)
    write_geotiff(made / "large.tif", np.tile(scene, (6, 6, 1)))
    Image.fromarray(scene).save(made / "plain.png")
    return made


@pytest.fixture(scope="session")
def scene_png(folder: Path) -> bytes:
    return (folder / "plain.png").read_bytes()


def write_geotiff(path: Path, pixels: np.ndarray) -> None:
    height, width = pixels.shape[:2]
    shape = {"width": width, "height": height, "count": 3, "dtype": "uint8", "tiled": True, "compress": "deflate"}
    place = {"crs": "EPSG:32737", "transform": Affine(0.2, 0, 530_000, 0, -0.2, 9_320_000)}
    with rasterio.open(path, "w", driver="GTiff", **shape, **place) as dataset:
        dataset.write(np.moveaxis(pixels, -1, 0))


@pytest.fixture(scope="session")
def server(page_files: Path, folder: Path) -> Iterator[Server]:
    """On the folder and, where the sample imagery is, on its GeoTIFFs."""
    shared = Path(os.environ.get("RS2SAM2_SHARED", ROOT.parent / "shared")) / "data/oam_buildings/geotiff"
    rasters = [folder, *([shared] if shared.is_dir() else [])]
    with running(*rasters, "--cache", folder.parent / "cache") as started:
        yield started


@pytest.fixture(scope="module")  # not longer: a process has one such browser at a time, and other folders open theirs
def browser() -> Iterator[Any]:
    with chromium(*SWITCHES) as opened:
        yield opened


@dataclass
class Seen:
    """What a tab asked for and what went wrong in it."""

    complaints: list[str] = field(default_factory=list)
    requests: list[Any] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    """Parts of complaints that a test brings about on purpose."""

    def asked(self, method: str, path: str) -> list[Any]:
        return [made for made in self.requests if made.method == method and path in made.url]


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def new_tab(browser: Any, server: Server, seen: Seen) -> Iterator[Callable[..., Any]]:
    """Tabs in contexts of their own. At the end nothing may have gone elsewhere, and nothing wrong."""
    contexts = []

    def make(**options: Any) -> Any:
        options = {"viewport": {"width": 860, "height": 540}, "reduced_motion": "reduce"} | options
        context = browser.new_context(**options)
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(WITHIN)
        tab.on("console", lambda said: said.type == "error" and seen.complaints.append(said.text))
        tab.on("pageerror", lambda error: seen.complaints.append(str(error)))
        tab.on("dialog", lambda dialog: seen.complaints.append(f"dialog: {dialog.message}"))
        tab.on("request", lambda made: seen.requests.append(made))
        return tab

    yield make
    for context in contexts:
        context.close()
    assert [said for said in seen.complaints if not any(part in said for part in seen.expected)] == []
    hosts = {made.url.split("/")[2] for made in seen.requests if not made.url.startswith(("data:", "blob:"))}
    assert seen.requests and all(host.startswith("127.0.0.1:") for host in hosts), hosts
