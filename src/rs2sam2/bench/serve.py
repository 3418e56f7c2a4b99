"""A server under many requests at once: how many it answers a second, how long they take, whether memory stays."""

import http.client
import itertools
import json
import os
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from rs2sam2.bench.serve_server import WAIT, resident, running, write_geotiff
from rs2sam2.bench.serve_tiles import measure_tiles, mercator_numbers
from rs2sam2.data.synthetic import render_scene

FORMAT = "rs2sam2.bench-serve/1"
SIDE = 1024
SHARES = {"model": 0.06, "tile": 0.5, "cached": 0.2, "small": 0.14, "refused": 0.1}
"""Of the requests: runs of the model, map tiles, questions asked before, other thresholds and lists, bad requests."""

_SCENES = 3
_TILES = 200
_WARM = 50
_WORDS = (
    ("large", "small", "blue-roofed", "white", "grey", "red"),
    ("building", "ship", "aircraft", "car park", "tennis court", "swimming pool", "tank"),
    (
        "at the top",
        "at the bottom",
        "on the left",
        "on the right",
        "in the middle",
        "at the lower right",
        "near a road",
    ),
)


@dataclass(frozen=True)
class Call:
    """A request to be made."""

    kind: str
    method: str
    path: str
    body: bytes | None = None


@dataclass(frozen=True)
class Made:
    """One that was made: seconds to its whole answer, and HTTP's status; None if there was no answer."""

    kind: str
    seconds: float
    status: int | None


def measure(folder: Path, requests: int, clients: int, mark: int, side: int, seed: int) -> dict[str, Any]:
    """Start a server on rendered scenes, ask it, and look at its memory.

    Args:
        folder: for the scenes; empty.
        requests: how many, by `SHARES`, in random order.
        clients: that ask at the same time.
        mark: requests after which memory is looked at for the first time.
        side: of a large raster whose tiles are timed, in pixels.
        seed: of scenes, words and order.

    Returns:
        "format", "requests", "clients", "cores", "seconds", "per_second", "lost" (without an answer, or failures of the
        server), for each "kind" its "count", "p50" and "p99" in seconds and "statuses", "memory_bytes" (resident) at
        the "mark" and at the "end", and for a "burst" of four times as many model runs as may wait its "answered",
        "refused" and "lost"; "large", see `measure_tiles`.

    Raises:
        Rs2Sam2Error: the server does not start.
    """
    rng = np.random.default_rng(seed)
    rasters = folder / "rasters"
    rasters.mkdir()
    for number in range(_SCENES):
        write_geotiff(rasters / f"scene{number}.tif", np.asarray(render_scene(rng, SIDE).image))
    waiting = 2 * clients
    with running(rasters, folder / "cache", waiting) as (host, process):
        _ask(host, _calls(host, _WARM, rng), clients)  # so that nothing is made for the first time below
        calls = _calls(host, requests, rng)
        began = time.perf_counter()
        made = _ask(host, calls[:mark], clients)
        at_mark = resident(process)
        made += _ask(host, calls[mark:], clients)
        seconds = time.perf_counter() - began
        at_end = resident(process)
        burst = _ask(host, [next(_model_calls(host, rng, "burst")) for _ in range(4 * waiting)], 4 * waiting)
    return {
        "format": FORMAT,
        "requests": len(made),
        "clients": clients,
        "cores": len(os.sched_getaffinity(0)),
        "load_average_at_end": os.getloadavg()[0],
        "seconds": seconds,
        "per_second": len(made) / seconds,
        "lost": _lost(made),
        "kinds": {kind: _summary([one for one in made if one.kind == kind]) for kind in SHARES},
        "memory_bytes": {"mark": at_mark, "end": at_end, "marked_after": mark},
        "burst": {
            "requests": len(burst),
            "may_wait": waiting,
            "answered": sum(one.status == 200 for one in burst),
            "refused": sum(one.status == 429 for one in burst),
            "lost": _lost(burst),
        },
        "large": measure_tiles(folder, side, _TILES, seed),
    }


def _calls(host: str, requests: int, rng: np.random.Generator) -> list[Call]:
    makers: dict[str, Iterator[Call]] = {
        "model": _model_calls(host, rng, "model"),
        "tile": _tile_calls(host, rng),
        "cached": itertools.repeat(_segment("cached", _images(host)[0], "the largest building")),
        "small": _small_calls(host, rng),
        "refused": itertools.cycle(
            [
                Call("refused", "GET", "/v1/images/r-0000000000000000"),
                Call("refused", "POST", "/v1/segment", b'{"image": "/etc/passwd", "expressions": ["x"]}'),
                Call("refused", "POST", "/v1/segment", b"{"),
                Call("refused", "GET", "/v1/results/0123456789abcdef/mask.png"),
            ]
        ),
    }
    counts = {kind: round(share * requests) for kind, share in SHARES.items()}
    counts["tile"] += requests - sum(counts.values())
    calls = [next(makers[kind]) for kind, count in counts.items() for _ in range(count)]
    return [calls[int(index)] for index in rng.permutation(len(calls))]


def _model_calls(host: str, rng: np.random.Generator, kind: str) -> Iterator[Call]:
    images = _images(host)
    for number in itertools.count(int(rng.integers(1 << 30))):
        words = " ".join(str(rng.choice(choice)) for choice in _WORDS)
        yield _segment(kind, images[number % len(images)], f"the {words}, {number}")  # the number makes it a new one


def _tile_calls(host: str, rng: np.random.Generator) -> Iterator[Call]:
    templates = [
        (template["url"], template["minzoom"], image["bounds"], name)
        for image in (_json(host, f"/v1/images/{one}") for one in _images(host))
        for name, template in image["tiles"].items()
    ]
    while True:
        address, zoom, (west, south, east, north), name = templates[int(rng.integers(len(templates)))]
        z = int(zoom + rng.integers(3))
        if name == "pixels":
            first = 3 * 2 ** (z - 3)
            x, y = (int(first + rng.integers(max(1, 2 ** (z - 2)))) for _ in range(2))
        else:
            longitude, latitude = rng.uniform(west, east), np.radians(rng.uniform(south, north))
            x, y = mercator_numbers(longitude, float(latitude), z)
        yield Call("tile", "GET", address.format(z=z, x=x, y=y))


def _small_calls(host: str, rng: np.random.Generator) -> Iterator[Call]:
    question = _segment("small", _images(host)[0], "the largest building")
    result = json.loads(_exchange(host, question)[1])["id"]
    while True:
        yield Call("small", "GET", "/v1/about")
        yield Call("small", "GET", f"/v1/results/{result}?threshold={rng.uniform(0.1, 0.9):.3f}")
        yield Call("small", "GET", "/v1/images")
        yield Call("small", "GET", f"/v1/results/{result}/mask.png")


def _segment(kind: str, image: str, expression: str) -> Call:
    return Call(kind, "POST", "/v1/segment", json.dumps({"image": image, "expressions": [expression]}).encode())


def _images(host: str) -> list[str]:
    return [image["id"] for image in _json(host, "/v1/images")["images"]]


def _json(host: str, path: str) -> Any:  # noqa: ANN401 - JSON
    while True:
        found = json.loads(_exchange(host, Call("setup", "GET", path))[1])
        if found.get("state", "ready") == "ready":
            return found
        time.sleep(0.2)


def _exchange(host: str, call: Call, connection: http.client.HTTPConnection | None = None) -> tuple[int, bytes]:
    own = connection or http.client.HTTPConnection(host, timeout=WAIT)
    try:
        own.request(call.method, call.path, call.body, {"Content-Type": "application/json"} if call.body else {})
        response = own.getresponse()
        return response.status, response.read()
    finally:
        if connection is None:
            own.close()


def _ask(host: str, calls: Sequence[Call], clients: int) -> list[Made]:
    """Make all requests, each client one after the other."""
    waiting: SimpleQueue[Call] = SimpleQueue()
    for call in calls:
        waiting.put(call)
    made: list[Made] = []

    def client() -> None:
        connection = http.client.HTTPConnection(host, timeout=WAIT)
        while True:
            try:
                call = waiting.get_nowait()
            except Empty:
                connection.close()
                return
            began = time.perf_counter()
            try:
                status: int | None = _exchange(host, call, connection)[0]
            except (OSError, http.client.HTTPException):
                status = None
                connection.close()
            made.append(Made(call.kind, time.perf_counter() - began, status))

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made


def _summary(made: Sequence[Made]) -> dict[str, Any]:
    seconds = sorted(one.seconds for one in made)
    statuses = Counter(str(one.status) for one in made)
    if not seconds:
        return {"count": 0, "p50": None, "p99": None, "statuses": {}}
    return {
        "count": len(made),
        "p50": statistics.median(seconds),
        "p99": seconds[min(len(seconds) - 1, int(0.99 * len(seconds)))],
        "statuses": dict(sorted(statuses.items())),
    }


def _lost(made: Sequence[Made]) -> int:
    return sum(one.status is None or one.status >= 500 for one in made)
