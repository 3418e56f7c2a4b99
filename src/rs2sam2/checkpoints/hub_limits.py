"""A Hub that sends more than it announced, or does not stop, fills neither disk nor memory."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Any

from rs2sam2.errors import WeightsError

if TYPE_CHECKING:
    from huggingface_hub.utils.tqdm import tqdm

LARGEST_ANSWER = 16 * 2**20
"""Bytes of an answer that is no file: a listing of ten thousand files needs 3 MiB."""


def require_room(size: int, folder: Path) -> None:
    """Refuse what will not fit before it fills the disk.

    Raises:
        OSError: as the disk would, once it were full.
    """
    if size > shutil.disk_usage(folder).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def progress_up_to(size: int, file: str) -> "type[tqdm]":
    """A progress bar for a download that ends it where more than `size` bytes arrive: nothing else is asked so often.

    The bar itself may be switched off; what it is told it still counts.
    """
    from huggingface_hub.utils.tqdm import tqdm

    class Bar(tqdm):
        received = 0.0

        def update(self, n: float | None = 1) -> bool | None:
            """Count bytes.

            Raises:
                WeightsError: if they are more than announced.
            """
            self.received += n or 0
            if self.received > size:
                raise WeightsError(f"{file} is longer than the {size} bytes that the Hub announced; try again")
            return super().update(n)  # type: ignore[no-any-return]

    return Bar


@contextmanager
def short_answers() -> Iterator[None]:
    """Within the block, this thread reads no answer of the Hub beyond `LARGEST_ANSWER` but the contents of files.

    Raises:
        WeightsError: if one is longer.
    """
    from huggingface_hub import get_session

    thread = get_ident()

    def limit(response: Any) -> None:  # noqa: ANN401 - of httpx or of its successor, by huggingface_hub's series
        if get_ident() == thread and (response.is_error or response.url.path.startswith("/api/")):
            response.iter_bytes = _limited(response.iter_bytes)

    hooks = get_session().event_hooks["response"]
    hooks.append(limit)
    try:
        yield
    finally:
        hooks.remove(limit)


def _limited(read: Callable[..., Iterator[bytes]]) -> Callable[..., Iterator[bytes]]:
    def pieces(*arguments: Any, **options: Any) -> Iterator[bytes]:  # noqa: ANN401 - those of `read`
        left = LARGEST_ANSWER
        for piece in read(*arguments, **options):
            left -= len(piece)
            if left < 0:
                raise WeightsError(f"the Hub does not stop answering, not even after {LARGEST_ANSWER} bytes")
            yield piece

    return pieces
