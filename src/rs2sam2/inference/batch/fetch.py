"""JSON from disk or from an http(s) address, read as a stranger's: with an end, in size and in time."""

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any

from rs2sam2.errors import DataError, printable
from rs2sam2.inference.raster.address import is_remote

LARGEST = 64 << 20
"""Bytes of one document: a page of an item collection has a few megabytes."""
SECONDS = 120.0
"""For one document over the network."""
_SILENCE = 30.0
_PIECE = 1 << 16


def read_json(place: str) -> dict[str, Any]:
    """The JSON object at a path or address.

    Raises:
        DataError: if it cannot be read, is larger than `LARGEST`, takes longer than `SECONDS`, or is no JSON object.
    """
    name = printable(place)
    try:
        content = _fetched(place) if is_remote(place) else _read(Path(place))
        found = json.loads(content)
    except urllib.error.HTTPError as error:
        raise DataError(f"{name}: the server answers {error.code} ({error.reason}): check the address") from error
    except (OSError, ValueError, RecursionError) as error:  # URLError is an OSError, bad UTF-8 a ValueError
        raise DataError(f"{name}: no JSON that can be read ({error}): check it or fetch it again") from error
    if not isinstance(found, dict):
        raise DataError(f"{name}: a JSON {type(found).__name__}, not an object: give a STAC file")
    return found


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return _limited(file, time.monotonic() + SECONDS)


def _fetched(address: str) -> bytes:
    # Not urlopen: its opener also follows ftp: and file:, which a redirection could name.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    deadline = time.monotonic() + SECONDS
    request = urllib.request.Request(address, headers={"Accept": "application/json", "User-Agent": "rs2sam2"})
    with opener.open(request, timeout=_SILENCE) as answer:
        return _limited(answer, deadline)


def _limited(file: IO[bytes], deadline: float) -> bytes:
    pieces, size = [], 0
    while piece := file.read(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST:
            raise ValueError(f"more than {LARGEST >> 20} MB")
        if time.monotonic() > deadline:
            raise ValueError(f"not finished after {SECONDS:.0f} s")
    return b"".join(pieces)
