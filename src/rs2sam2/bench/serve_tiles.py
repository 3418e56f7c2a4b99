"""Map tiles of a large raster: seconds until it is prepared, and for each tile."""

import time
from pathlib import Path
from typing import Any

import numpy as np

from rs2sam2.bench.serve_server import write_geotiff
from rs2sam2.data.synthetic import render_scene
from rs2sam2.serving.picture import BLOCK, Picture, make_picture
from rs2sam2.serving.tiles import MARGIN, mercator_tile, pixel_tile, pixel_zoom

_PATTERN = 1000


def measure_tiles(folder: Path, side: int, tiles: int, seed: int) -> dict[str, Any]:
    """Prepare a raster of side x side pixels, and make tiles of it at all zooms, one after the other.

    Args:
        folder: for the raster and its overviews, which take 5.4 bytes a pixel beside its own 3.
        side: in pixels; rounded to whole copies of a rendered scene.
        tiles: of each kind, spread evenly over zooms and at random over the raster.
        seed: of the scene and the places.

    Returns:
        "side", "prepare_seconds", and of "pixels" and "mercator" tiles "count", "p50" and "p95" in seconds.
    """
    rng = np.random.default_rng(seed)
    scene = np.asarray(render_scene(rng, _PATTERN).image)
    copies = max(1, round(side / _PATTERN))
    write_geotiff(folder / "large.tif", scene, copies)
    began = time.perf_counter()
    make_picture(folder / "large.tif", "tiff", "large.tif", folder / "picture.tif", lambda share: None)
    prepared = time.perf_counter() - began
    picture = Picture.load(folder / "picture.tif")
    return {
        "side": picture.width,
        "prepare_seconds": prepared,
        "pixels": _timed([_in_pixels(picture, rng, number) for number in range(tiles)], picture, pixel_tile),
        "mercator": _timed([_in_mercator(picture, rng, number) for number in range(tiles)], picture, mercator_tile),
    }


def _in_pixels(picture: Picture, rng: np.random.Generator, number: int) -> tuple[int, int, int]:
    highest = pixel_zoom(picture.width, picture.height)
    z = 3 + number % (highest - 2)
    side = BLOCK * 2 ** (highest - z)
    x, y = (int(MARGIN * 2**z + rng.uniform(0, length) / side) for length in (picture.width, picture.height))
    return z, x, y


def _in_mercator(picture: Picture, rng: np.random.Generator, number: int) -> tuple[int, int, int]:
    if picture.bounds is None or picture.zooms is None:
        raise ValueError("the raster has no place on Earth")
    west, south, east, north = picture.bounds
    z = picture.zooms[0] + number % (picture.zooms[1] - picture.zooms[0] + 1)
    longitude, latitude = rng.uniform(west, east), np.radians(rng.uniform(south, north))
    return z, *mercator_numbers(longitude, float(latitude), z)


def mercator_numbers(longitude: float, latitude: float, z: int) -> tuple[int, int]:
    """X and y of the tile over a place; longitude in degrees, latitude in radians."""
    down = (1 - np.arcsinh(np.tan(latitude)) / np.pi) / 2
    return int((longitude + 180) / 360 * 2**z), int(down * 2**z)


def _timed(tiles: list[tuple[int, int, int]], picture: Picture, make: Any) -> dict[str, Any]:  # noqa: ANN401 - either
    seconds = []
    for z, x, y in tiles:
        began = time.perf_counter()
        make(picture, z, x, y)
        seconds.append(time.perf_counter() - began)
    return {
        "count": len(seconds),
        "p50": float(np.percentile(seconds, 50)),
        "p95": float(np.percentile(seconds, 95)),
    }
