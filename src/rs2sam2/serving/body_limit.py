"""How long a request's body may be, and how long it may take to come."""

import asyncio
import time
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rs2sam2.serving.refusals import Refusal, refused
from rs2sam2.serving.settings import Limits

_ROOM = 1 << 16
"""For what surrounds a file in a multipart body."""
_DRAINED = 16 << 20
_DRAIN_SECONDS = 2.0


class BodyLimit:
    """Counts a body while it comes, whatever its Content-Length says."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        """Wrap an application."""
        self._app, self._limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, or refuse."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        limit, seconds = self._limit(headers.get("content-type", ""))
        announced = headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > limit:
            await _drain(receive)
            await refused(413, _too_long(limit).detail, {"Connection": "close"})(scope, receive, send)
            return
        deadline = time.monotonic() + seconds
        received, complete = 0, False

        async def counted() -> Message:
            nonlocal received, complete
            if complete:  # what comes now is news of the client having left
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), deadline - time.monotonic())
            except TimeoutError:
                raise Refusal(408, "the request's body took too long to come: send it again") from None
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received > limit:
                raise _too_long(limit)
            return message

        await self._app(scope, counted, send)

    def _limit(self, content_type: str) -> tuple[int, float]:
        """Bytes and seconds."""
        if content_type.lower().startswith("multipart/"):
            return self._limits.upload_bytes + _ROOM, self._limits.upload_seconds
        return self._limits.body_bytes, self._limits.request_seconds


async def _drain(receive: Receive) -> None:
    """Read on a little: a client that is cut off while it sends never sees why."""
    left, more = _DRAINED, True
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while more and left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                more = message.get("more_body", False)


def _too_long(limit: int) -> Refusal:
    return Refusal(413, f"the request is longer than {limit} bytes: send less at once")
