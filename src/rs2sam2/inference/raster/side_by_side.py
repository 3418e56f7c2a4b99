"""A batch on several cores: each of them takes a part of the questions and is done with it alone.

That keeps two cores busier than sharing out every operation does: small operations end sooner than threads meet, and
who waits for the other spins, where reading and writing could go on. Memory is that of the whole batch either way.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

import torch

from rs2sam2.inference.segmenter import LARGEST_BATCH

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class SideBySide:
    """Workers that share PyTorch's threads among them. A context manager."""

    def __init__(self, at_once: int) -> None:
        """Begin with so many workers; one leaves a batch whole."""
        self._threads = torch.get_num_threads()
        self._workers = min(at_once, LARGEST_BATCH)
        each = max(1, self._threads // self._workers)
        self._pool = ThreadPoolExecutor(self._workers, initializer=torch.set_num_threads, initargs=(each,))

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Wait for what still runs, and leave PyTorch as it was."""
        self._pool.shutdown(cancel_futures=True)
        torch.set_num_threads(self._threads)

    def map(self, ask: Callable[[Sequence[Question]], Sequence[Answer]], questions: Sequence[Question]) -> list[Answer]:
        """The answers to all questions, in order. The same questions are always split alike."""
        if self._workers == 1:
            return list(ask(questions))
        size = -(-len(questions) // self._workers)
        parts = [questions[at : at + size] for at in range(0, len(questions), size)]
        return [answer for answers in self._pool.map(ask, parts) for answer in answers]
