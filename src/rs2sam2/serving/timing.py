"""Counts requests and their seconds, by route."""

import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rs2sam2.serving.metrics import Metrics


class Timing:
    """Counts them."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        """Wrap an application."""
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 499

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = _route(scope)
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - began)


def _route(scope: Scope) -> str:
    """The route's pattern: addresses themselves, strangers' among them, would be counted one by one."""
    route: Any = scope.get("route")
    return str(getattr(route, "path", "none"))
