"""Questions on several cores: each core takes a few of them and is done with these alone.

That keeps two cores busier than sharing out every operation does: small operations end sooner than threads meet, and
who waits for the other spins, where reading and writing could go on.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self, TypeVar

import torch

from rs2sam2.inference.segmenter import LARGEST_BATCH

Answer = TypeVar("Answer")


class SideBySide:
    """Workers that share PyTorch's threads among them. A context manager."""

    def __init__(self, at_once: int) -> None:
        """Begin with so many workers."""
        self._threads = torch.get_num_threads()
        workers = min(at_once, LARGEST_BATCH)
        each = max(1, self._threads // workers)
        self._pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(each,))

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Wait for what still runs, and leave PyTorch as it was."""
        self._pool.shutdown(cancel_futures=True)
        torch.set_num_threads(self._threads)

    def begin(self, ask: Callable[[], Answer]) -> Future[Answer]:
        """Have something asked as soon as a worker is free, in the order of the calls."""
        return self._pool.submit(ask)
