"""Everything that a running server holds."""

import asyncio
import functools
import tempfile
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar, cast

import anyio
import anyio.to_thread
from fastapi import Depends, Request

from rs2sam2.inference.segmenter import Segmenter
from rs2sam2.serving.corrections import Corrections
from rs2sam2.serving.engine import Engine
from rs2sam2.serving.jobs import Jobs
from rs2sam2.serving.library import Library
from rs2sam2.serving.metrics import Metrics
from rs2sam2.serving.model import Model
from rs2sam2.serving.refusals import Refusal
from rs2sam2.serving.results import Results
from rs2sam2.serving.settings import Settings

_P = ParamSpec("_P")
_T = TypeVar("_T")

_TILES, _WORK = 4, 2
"""Threads for map tiles, and for reading, cutting and writing masks."""
_MOST_TILES = 256
"""That wait."""


class Service:
    """Parts of a server, and how its routes wait."""

    def __init__(self, settings: Settings, segmenter: Segmenter) -> None:
        """Set them up; `close` takes them down."""
        self.settings, self.segmenter = settings, segmenter
        self._workspace = tempfile.TemporaryDirectory(prefix="rs2sam2-serve-")
        workspace = Path(self._workspace.name)
        self.metrics = Metrics()
        self.library = Library(settings, workspace)
        self.results = Results(settings.limits.results)
        self.engine = Engine(Model(segmenter), settings.limits.waiting, self.metrics)
        self.jobs = Jobs(segmenter, workspace, settings.limits, self.engine.give_way)
        self.corrections = Corrections(settings.keep or workspace / "corrections")
        self.stopping = False
        self._tiles = anyio.CapacityLimiter(_TILES)
        self._work = anyio.CapacityLimiter(_WORK)

    def stop(self) -> None:
        """Take nothing new: what was begun is finished, long runs are cancelled."""
        self.stopping = True
        self.jobs.stop()

    def close(self) -> None:
        """Give everything back."""
        self.stop()
        self.engine.close()
        self.jobs.close()
        self.library.close()
        self._workspace.cleanup()

    async def work(self, call: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
        """Call something that takes a while, in a thread; few at a time, so that memory stays bounded."""
        return await anyio.to_thread.run_sync(functools.partial(call, *arguments, **named), limiter=self._work)

    async def tile(self, call: Callable[_P, _T], *arguments: _P.args, **named: _P.kwargs) -> _T:
        """Likewise, for map tiles.

        Raises:
            Refusal: too many wait (429).
        """
        if self._tiles.statistics().tasks_waiting >= _MOST_TILES:
            raise Refusal(429, "too many tiles were asked for at once: ask again later", retry_after=1)
        return await anyio.to_thread.run_sync(functools.partial(call, *arguments, **named), limiter=self._tiles)


def _service(request: Request) -> Service:
    service = cast(Service, request.app.state.service)
    if service.stopping:
        raise Refusal(503, "the server is stopping: ask again later", retry_after=10)
    return service


Running = Annotated[Service, Depends(_service)]
"""The service, as long as it takes requests."""


async def unless_left(request: Request, waiting: Awaitable[_T], seconds: float) -> _T:
    """Wait for something, unless the client leaves or its time is up.

    Raises:
        Refusal: so it is (499, which nobody reads, or 504).
    """
    task = asyncio.ensure_future(waiting)
    leaving = asyncio.create_task(_left(request))
    try:
        await asyncio.wait({task, leaving}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        request.app.state.service.metrics.abandoned.inc()
        if leaving.done():
            raise Refusal(499, "the client has left")
        raise Refusal(504, "the time for this request is up: ask again later, or for less")
    finally:
        leaving.cancel()
        task.cancel()


async def settled(future: "Future[Any]", seconds: float) -> None:
    """Wait until something has ended, well or not, or the time is up."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    future.add_done_callback(lambda _: loop.call_soon_threadsafe(ended.set))
    with suppress(TimeoutError):
        await asyncio.wait_for(ended.wait(), max(0.0, seconds))


async def _left(request: Request) -> None:
    message: dict[str, Any] = {}
    while message.get("type") != "http.disconnect":
        message = dict(await request.receive())
