"""Slow clients lose their connection, busy servers and patient clients do not."""

import http.client
import socket
import time
from collections.abc import Iterator
from threading import Event, Thread

import pytest
import uvicorn

from rs2sam2.serving import connection

LITTLE, LONG = 0.5, 60.0


@pytest.fixture
def left() -> Event:
    """Set when the application's answer has come to an end, whole or not."""
    return Event()


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch, left: Event) -> Iterator[int]:
    """Of a server with little patience, which takes its time for /slow and says a lot at /much."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", LITTLE)
    monkeypatch.setattr(connection, "READ_SECONDS", LITTLE)

    async def application(scope, receive, send) -> None:
        import asyncio

        assert scope["type"] == "http"
        await receive()
        if scope["path"] == "/slow":
            await asyncio.sleep(3 * LITTLE)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            for _ in range(400 if scope["path"] == "/much" else 1):
                await send({"type": "http.response.body", "body": b"x" * (1 << 18), "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            left.set()

    config = uvicorn.Config(application, port=0, http=connection.Connection, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = server.force_exit = True
        thread.join(LONG)


def closed_within(client: socket.socket, seconds: float) -> bool:
    client.settimeout(seconds)
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def test_who_says_nothing_is_sent_away(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as silent:
        assert closed_within(silent, LONG)


def test_who_says_a_letter_now_and_then_is_sent_away(port: int) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 600
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as slow, pytest.raises(OSError):
        for at in range(len(head)):
            slow.sendall(head[at : at + 1])
            time.sleep(0.1)
    assert time.monotonic() - began < LONG - 10


def test_the_next_head_has_its_time_too(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        slow.settimeout(LONG)
        got = b""
        while not got.endswith(b"0\r\n\r\n"):
            got += slow.recv(1 << 20)
        slow.sendall(b"GET / HT")
        assert closed_within(slow, LONG)


def test_who_does_not_read_is_sent_away(port: int, left: Event) -> None:
    with socket.create_connection(("127.0.0.1", port)) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.sendall(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n")
        assert left.wait(LONG), "the application goes on"


def test_patience_with_those_who_do_their_part(port: int) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=LONG)
    for path in ("/slow", "/much", "/"):
        client.request("GET", path)
        answer = client.getresponse()
        if path == "/much":
            time.sleep(LITTLE / 2)
        assert answer.status == 200 and len(answer.read()) == (1 << 18) * (400 if path == "/much" else 1)
        time.sleep(1.5 * LITTLE)
    client.close()
