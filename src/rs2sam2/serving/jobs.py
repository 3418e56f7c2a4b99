"""Long runs, one after the other in a thread of their own."""

import secrets
import shutil
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from threading import Event, RLock, Thread
from typing import Literal

from rs2sam2.errors import Rs2Sam2Error, StoppedError
from rs2sam2.inference.segmenter import Segmenter
from rs2sam2.serving.library import Item
from rs2sam2.serving.refusals import Refusal
from rs2sam2.serving.schemas import JobAnswerReply
from rs2sam2.serving.settings import Limits
from rs2sam2.serving.whole_raster import Order, run

State = Literal["queued", "running", "done", "failed", "cancelled"]
FINAL: frozenset[State] = frozenset({"done", "failed", "cancelled"})


@dataclass(eq=False)
class Job:
    """A long run.

    Attributes:
        id: not to be guessed.
        item: the image.
        order: what to do.
        folder: of its files.
        created: when it was asked for, in UTC.
        state: how it stands.
        progress: 0..1.
        error: why it failed.
        answers: when it is done.
        version: grows with every change.
        cancelled: set when nobody wants it any more.
    """

    id: str
    item: Item
    order: Order
    folder: Path
    created: datetime
    state: State = "queued"
    progress: float = 0.0
    error: str | None = None
    answers: Sequence[JobAnswerReply] = ()
    version: int = 0
    cancelled: Event = field(default_factory=Event)
    _began: float | None = None
    _ended: float | None = None

    @property
    def seconds(self) -> float:
        """Since it began to run, until it ended."""
        return 0.0 if self._began is None else (self._ended or time.monotonic()) - self._began

    @property
    def seconds_left(self) -> float | None:
        """By what it took so far."""
        if self.state != "running" or self.progress <= 0:
            return None
        return self.seconds * (1 - self.progress) / self.progress

    def tick(self, share: float) -> None:
        """Take note of progress."""
        self.progress = share
        self.version += 1

    def begin(self) -> None:
        """It runs."""
        self.state, self._began = "running", time.monotonic()
        self.version += 1

    def end(self, state: State, error: str | None = None) -> None:
        """It has ended so."""
        self.error, self._ended, self.state = error, time.monotonic(), state
        if state == "done":
            self.progress = 1.0
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.version += 1


class Jobs:
    """All of them; of the finished ones, the last."""

    def __init__(
        self, segmenter: Segmenter, workspace: Path, limits: Limits, give_way: Callable[[Event], None]
    ) -> None:
        """Start the thread.

        Args:
            segmenter: the model.
            workspace: files go into a folder of it.
            limits: of the server.
            give_way: called before each batch of tiles: waits until nobody else needs the model, or the event is set.
        """
        self._segmenter, self._limits, self._give_way = segmenter, limits, give_way
        self._folder = workspace / "jobs"
        self._folder.mkdir()
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._lock = RLock()  # not a plain one: a signal that stops all may come while this very thread holds it
        self._stopped = False
        self._thread = Thread(target=self._work, name="jobs", daemon=True)
        self._thread.start()

    def all(self) -> list[Job]:
        """Newest first."""
        with self._lock:
            return list(reversed(self._jobs.values()))

    def find(self, identifier: str) -> Job:
        """The job of this id.

        Raises:
            Refusal: there is none (404).
        """
        with self._lock:
            if identifier not in self._jobs:
                raise Refusal(404, "there is no such job, or not any more")
            return self._jobs[identifier]

    def add(self, item: Item, order: Order) -> Job:
        """Let one more wait.

        Raises:
            Refusal: too many do (429).
        """
        with self._lock:
            if self._stopped:
                raise Refusal(503, "the server is stopping: ask again later", retry_after=10)
            if sum(job.state == "queued" for job in self._jobs.values()) >= self._limits.jobs:
                raise Refusal(429, f"{self._limits.jobs} jobs wait already: ask again later", retry_after=30)
            identifier = secrets.token_hex(16)
            job = Job(identifier, item, order, self._folder / identifier, datetime.now(UTC))
            self._jobs[identifier] = job
            self._forget_old()
        self._queue.put(job)
        return job

    def cancel(self, job: Job) -> bool:
        """Stop a job; one that has ended is forgotten with its files.

        Returns:
            Whether it had ended.
        """
        with self._lock:
            ended = job.state in FINAL
            if ended:
                self._forget(job.id)
            job.cancelled.set()
            if job.state == "queued":
                job.end("cancelled")
        return ended

    def stop(self) -> None:
        """Cancel all, and take no more."""
        with self._lock:
            self._stopped = True
            for job in self._jobs.values():
                job.cancelled.set()
        self._queue.put(None)

    def close(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            with self._lock:
                if job.state != "queued":
                    continue
                if job.cancelled.is_set():
                    job.end("cancelled")
                    continue
                job.begin()
            self._run(job)

    def _run(self, job: Job) -> None:
        try:
            job.folder.mkdir()
            job.answers = run(self._segmenter, job.order, job.folder, job.tick, lambda: self._stops(job))
        except StoppedError:
            job.end("cancelled")
        except (Rs2Sam2Error, Refusal) as error:
            job.end("failed", error.detail if isinstance(error, Refusal) else str(error))
        except OSError as error:
            job.end("failed", f"the files cannot be written ({error.strerror}): free some room")
        except BaseException as error:
            job.end("failed", f"the server failed at this ({type(error).__name__})")
        else:
            job.end("done")

    def _stops(self, job: Job) -> bool:
        self._give_way(job.cancelled)
        return job.cancelled.is_set()

    def _forget_old(self) -> None:
        ended = [job.id for job in self._jobs.values() if job.state in FINAL]
        for identifier in ended[: max(0, len(ended) - self._limits.kept_jobs)]:
            self._forget(identifier)

    def _forget(self, identifier: str) -> None:
        shutil.rmtree(self._jobs.pop(identifier).folder, ignore_errors=True)
