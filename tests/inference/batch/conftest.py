"""Small scenes, and a server that gives parts of files, as those that COGs lie on do."""

import re
import threading
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning


@pytest.fixture
def make_scene() -> Callable[..., Path]:
    """Write a COG of noise: 0.5 m pixels in UTM, or without a place."""

    def make(path: Path, seed: int = 0, *, side: int = 80, crs: str | None = "EPSG:32737") -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (3, side, side), dtype=np.uint8)
        place = {"crs": crs, "transform": Affine(0.5, 0, 500_000 + 1000 * seed, 0, -0.5, 9_320_000)} if crs else {}
        about = {"driver": "COG", "width": side, "height": side, "count": 3, "dtype": "uint8", **place}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, "w", **about) as raster:
                raster.write(pixels)
        return path

    return make


class Server:
    """Serves a folder; `requests` says what was asked, and whether for a part."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.requests: list[tuple[str, str | None]] = []
        handler = partial(_Handler, directory=str(folder), server_of=self)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *args: object, server_of: Server, **more: object) -> None:
        self._of = server_of
        super().__init__(*args, **more)

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self._of.requests.append((self.path, asked))
        if self.path == "/elsewhere.json":
            self.send_response(302)
            self.send_header("Location", "file:///etc/hostname")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path = Path(self.translate_path(self.path))
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", asked or "")
        if part is None or not path.is_file():
            super().do_GET()
            return
        content = path.read_bytes()
        first, last = int(part[1]), min(int(part[2] or len(content) - 1), len(content) - 1)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.send_header("Content-Length", str(last - first + 1))
        self.end_headers()
        self.wfile.write(content[first : last + 1])

    def send_head(self):
        self.extensions_map = {**self.extensions_map, ".json": "application/json"}
        return super().send_head()

    def end_headers(self) -> None:
        self.send_header("Accept-Ranges", "bytes")
        super().end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "served"
    folder.mkdir()
    running = Server(folder)
    yield running
    running.close()
