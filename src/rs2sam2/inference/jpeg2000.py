"""Whether a JPEG 2000 file is all there: its decoders take a cut one for a whole one with less detail.

Boxes and markers are those of ISO/IEC 15444-1, annexes A and I.
"""

import os
import struct
from pathlib import Path
from typing import BinaryIO

_CODESTREAM = b"\xff\x4f\xff\x51"
_END = b"\xff\xd9"  # does not occur within coded data
_PADDING = 64  # bytes after the end that are nobody's business


def is_whole(path: Path) -> bool:
    """Whether no byte is missing at the end; damage in between is the decoder's to find.

    Raises:
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        bare = file.read(len(_CODESTREAM)) == _CODESTREAM
        return _ends(file, size) if bare else _has_all_boxes(file, size)


def _has_all_boxes(file: BinaryIO, size: int) -> bool:
    start, found = 0, False
    while start < size:
        file.seek(start)
        head = file.read(16)
        if len(head) < 8:
            return False
        length, kind = struct.unpack(">I4s", head[:8])
        if length == 1 and len(head) == 16:
            (length,) = struct.unpack(">Q", head[8:])
        found |= kind == b"jp2c"
        if length == 0:  # to the end of the file
            return found and _ends(file, size)
        if length < 8 or start + length > size:
            return False
        start += length
    return found


def _ends(file: BinaryIO, size: int) -> bool:
    file.seek(max(0, size - _PADDING))
    return _END in file.read()
