"""A server in a process of its own, on rasters that are made for it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from rs2sam2.errors import Rs2Sam2Error

WAIT = 300.0
"""Seconds for an answer, or for the server's end."""


@contextmanager
def running(rasters: Path, cache: Path, waiting: int) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """Serve a folder on a free port: gives "host:port" and the process.

    Raises:
        Rs2Sam2Error: it does not start.
    """
    command = [sys.executable, "-m", "rs2sam2", "serve", str(rasters), "--port", "0", "--cache", str(cache)]
    command += ["--waiting", str(waiting), "--seconds", str(WAIT)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline() if process.stdout is not None else ""
        if "http://" not in line:
            raise Rs2Sam2Error("the server did not start: try rs2sam2 serve by itself")
        yield urlsplit(line.split()[-1]).netloc, process
        process.send_signal(signal.SIGTERM)
        process.wait(WAIT)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def resident(process: "subprocess.Popen[str]") -> int:
    """Bytes of the server's process, by Linux's own count."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return 1024 * int(status.partition("VmRSS:")[2].split()[0])


def write_geotiff(path: Path, pixels: NDArray[np.uint8], copies: int = 1) -> None:
    """Write (H, W, 3) as a GeoTIFF somewhere on Earth, so many times side by side and below each other."""
    import rasterio
    from rasterio.transform import Affine
    from rasterio.windows import Window

    height, width = pixels.shape[:2]
    bands, row = np.moveaxis(pixels, -1, 0), np.tile(np.moveaxis(pixels, -1, 0), (1, 1, copies))
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=copies * width,
        height=copies * height,
        count=len(bands),
        dtype="uint8",
        crs="EPSG:32636",
        transform=Affine(0.5, 0, 452_000, 0, -0.5, 36_000),
        BIGTIFF="IF_SAFER",
    ) as file:
        for number in range(copies):
            file.write(row, window=Window(0, number * height, copies * width, height))
