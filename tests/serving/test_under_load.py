"""A running server with more to do than it can: it refuses, it answers everything that it has taken, it ends."""

import http.client
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rs2sam2.serving.client import Client, ServiceError
from serving.running import Server, running

pytestmark = pytest.mark.slow
MANY = [f"the {size} {thing}" for size in ("large", "small") for thing in ("house", "ship", "tree", "road", "pool")]


def identifier(server: Server, name: str) -> str:
    """Of a raster, once it is ready."""
    (image,) = [one["id"] for one in server.get("/v1/images").json["images"] if one["name"].endswith(name)]
    while server.get(f"/v1/images/{image}").json["state"] != "ready":
        time.sleep(0.1)
    return image


def ask(server: Server, image: str, *expressions: str):
    return server.ask("POST", "/v1/segment", {"image": image, "expressions": list(expressions)}, timeout=300)


def test_a_full_queue_and_nothing_lost(rasters: Path, tmp_path: Path) -> None:
    with running(rasters, "--cache", tmp_path / "cache", "--waiting", "2", "--seconds", "300") as server:
        image, other = identifier(server, "wide.tif"), identifier(server, "town.tif")
        with ThreadPoolExecutor(12) as pool:
            asked = [pool.submit(ask, server, image, f"{number} {MANY[0]}", *MANY) for number in range(6)]
            asked += [pool.submit(ask, server, other, f"{number} {MANY[0]}") for number in range(6)]
            answers = [one.result() for one in asked]
        statuses = [answer.status for answer in answers]
        assert set(statuses) == {200, 429}, statuses
        for answer in answers:
            if answer.status == 429:
                assert int(answer.headers["retry-after"]) >= 1 and answer.error == "queue_full"
        assert ask(server, other, "afterwards").status == 200


def test_the_time_of_a_request_is_limited(rasters: Path, tmp_path: Path) -> None:
    with running(rasters, "--cache", tmp_path / "cache", "--seconds", "0.2") as server:
        image = identifier(server, "wide.tif")
        answer = ask(server, image, *MANY)
        assert (answer.status, answer.error) == (504, "timeout")
        assert server.get("/healthz").status == 200


def test_who_leaves_is_not_worked_for(rasters: Path, tmp_path: Path) -> None:
    with running(rasters, "--cache", tmp_path / "cache", "--seconds", "300") as server:
        image, other = identifier(server, "wide.tif"), identifier(server, "town.tif")
        with ThreadPoolExecutor(4) as pool:
            busy = [pool.submit(ask, server, image, f"{number} {MANY[0]}", *MANY) for number in range(3)]
            while server.metric("rs2sam2_waiting") < 1:
                time.sleep(0.02)
            body = json.dumps({"image": other, "expressions": ["who asked this has left"]}).encode()
            connection = http.client.HTTPConnection(server.host)
            connection.request("POST", "/v1/segment", body, {"Content-Type": "application/json"})
            while server.metric("rs2sam2_waiting") < 2 and server.metric("rs2sam2_abandoned_total") < 1:
                assert not all(one.done() for one in busy), "the model was done before the client had left"
                time.sleep(0.02)
            connection.close()
            assert [one.result().status for one in busy] == [200] * 3
        assert server.metric("rs2sam2_model_questions_total") == 3 * (1 + len(MANY))


def test_told_to_stop_it_finishes_what_it_has_taken(rasters: Path, tmp_path: Path) -> None:
    with running(rasters, "--cache", tmp_path / "cache", "--seconds", "300") as server:
        image, other = identifier(server, "wide.tif"), identifier(server, "town.tif")
        client = Client(server.url)
        job = client.start(image, MANY)["id"]
        states: list[str] = []
        watching = threading.Thread(target=lambda: states.extend(one["state"] for one in client.events(job)))
        watching.start()
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(ask, server, image, MANY[0], *MANY), pool.submit(ask, server, other, MANY[1])]
            while server.metric("rs2sam2_model_passes_total") + server.metric("rs2sam2_waiting") < 1:
                time.sleep(0.02)
            server.terminate()
            assert [one.result().status for one in asked] == [200, 200]
        watching.join(60)
        assert not watching.is_alive() and states[-1] != "done"
        server.process.wait(60)
        host, _, port = server.host.partition(":")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((host, int(port)), timeout=5)
        with pytest.raises(ServiceError, match="is rs2sam2 serve running"):
            client.about()
