"""A checksum that is quick enough to be taken at every start: crc32 of a file, piece by piece, on several threads.

SHA-256 says whose file it is and takes seconds for a large model; against flipped bits, crc32 will do.
"""

import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

PIECE = 16 * 2**20
"""Bytes of a file that one crc32 covers."""

THREADS = min(4, os.cpu_count() or 1)
"""That read one file together: the first touch of a page, on disk or in memory, makes a thread wait, not a core."""


def file_crc32(path: Path) -> str:
    """One crc32 for each `PIECE` of a file, in order: eight hexadecimal digits each, with blanks between.

    Raises:
        OSError: if the file cannot be read.
    """
    starts = range(0, path.stat().st_size, PIECE)
    with path.open("rb") as file, ThreadPoolExecutor(THREADS) as threads:
        return " ".join(threads.map(partial(_piece, file.fileno()), starts))


def _piece(file: int, start: int) -> str:
    return f"{zlib.crc32(os.pread(file, PIECE, start)):08x}"
