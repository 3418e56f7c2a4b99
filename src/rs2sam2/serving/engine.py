"""The one thread that runs the model, and the bounded queue before it."""

import time
from collections import OrderedDict, deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Condition, Event, Thread

from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.segmenter import LARGEST_BATCH
from rs2sam2.serving.metrics import Metrics
from rs2sam2.serving.model import Look, Model, Question
from rs2sam2.serving.picture import Picture
from rs2sam2.serving.places import Window
from rs2sam2.serving.refusals import Refusal

_SCENES = 2
"""That stay in memory: people ask about one again and again."""
_FIRST_GUESS = 1.0
_PATIENCE = 10.0
"""Seconds after which a long run takes its turn though people go on asking: it shall end some day."""
_GLANCE = 0.2
"""Seconds until a run that waits sees that it was cancelled."""


@dataclass(eq=False)
class Ticket:
    """A request that waits.

    Attributes:
        picture: of the image that it asks about.
        window: of it.
        question: what it asks.
        answered: gives a `Look` for each expression; cancelled when nobody waits for it any more.
    """

    picture: Picture
    window: Window
    question: Question
    answered: "Future[list[Look]]" = field(default_factory=Future)

    @property
    def scene(self) -> tuple[str, Window]:
        """What it asks about; tickets with the same scene share work."""
        return str(self.picture.path), self.window


class Engine:
    """Answers tickets in the order in which they come, those about the same scene together."""

    def __init__(self, model: Model, most_waiting: int, metrics: Metrics) -> None:
        """Start the thread."""
        self._model, self._most, self._metrics = model, most_waiting, metrics
        self._waiting: deque[Ticket] = deque()
        self._changed = Condition()
        self._closed = self._busy = False
        self._scenes: OrderedDict[tuple[str, Window], RasterImage] = OrderedDict()
        self._seconds = _FIRST_GUESS
        self._thread = Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    def submit(self, ticket: Ticket) -> None:
        """Let a ticket wait.

        Raises:
            Refusal: too many do (429), or the server stops (503).
        """
        with self._changed:
            if self._closed:
                raise Refusal(503, "the server is stopping: ask again later", retry_after=10)
            if len(self._waiting) >= self._most:
                seconds = len(self._waiting) * self._seconds
                raise Refusal(429, f"{len(self._waiting)} requests wait already: ask again later", retry_after=seconds)
            self._waiting.append(ticket)
            self._metrics.waiting.set(len(self._waiting))
            self._changed.notify_all()

    def abandon(self, ticket: Ticket) -> None:
        """Nobody waits for this one any more: unless it runs already, it never will."""
        ticket.answered.cancel()
        with self._changed:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
            self._metrics.waiting.set(len(self._waiting))

    def give_way(self, unless: Event) -> None:
        """Wait, between two steps of a long run, until nobody waits for an answer; at most `_PATIENCE`.

        Args:
            unless: ends the waiting.
        """
        end = time.monotonic() + _PATIENCE
        with self._changed:
            while (self._waiting or self._busy) and not unless.is_set() and time.monotonic() < end:
                self._changed.wait(_GLANCE)

    def close(self) -> None:
        """Answer what waits, then stop."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _work(self) -> None:
        while tickets := self._next():
            running = [ticket for ticket in tickets if ticket.answered.set_running_or_notify_cancel()]
            if running:
                self._answer(running)

    def _next(self) -> list[Ticket]:
        """The ticket that came first, and those after it that can share its pass; nothing at the end."""
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            while not self._waiting:
                if self._closed:
                    return []
                self._changed.wait()
            self._busy = True
            chosen = [self._waiting.popleft()]
            room = LARGEST_BATCH - chosen[0].question.size
            for ticket in list(self._waiting):
                if ticket.scene == chosen[0].scene and ticket.question.size <= room:
                    self._waiting.remove(ticket)
                    chosen.append(ticket)
                    room -= ticket.question.size
            self._metrics.waiting.set(len(self._waiting))
            return chosen

    def _answer(self, tickets: list[Ticket]) -> None:
        began = time.perf_counter()
        try:
            looks = self._model.look(self._scene(tickets[0]), [ticket.question for ticket in tickets])
        except BaseException as error:
            for ticket in tickets:
                ticket.answered.set_exception(error)
            return
        taken = time.perf_counter() - began
        self._seconds += 0.2 * (taken - self._seconds)
        self._metrics.passes.inc()
        self._metrics.questions.inc(sum(ticket.question.size for ticket in tickets))
        self._metrics.model_seconds.observe(taken)
        for ticket, found in zip(tickets, looks, strict=True):
            ticket.answered.set_result(found)

    def _scene(self, ticket: Ticket) -> RasterImage:
        if ticket.scene not in self._scenes:
            self._scenes[ticket.scene] = ticket.picture.read(ticket.window)
            if len(self._scenes) > _SCENES:
                self._model.forget(self._scenes.popitem(last=False)[1])
        self._scenes.move_to_end(ticket.scene)
        return self._scenes[ticket.scene]
