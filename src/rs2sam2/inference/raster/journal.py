"""What tiles have answered so far, on disk: a run that ends early goes on from here, and strips are made from here.

Shapes: K expressions, G x G logits of a tile.
"""

import fcntl
import json
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rs2sam2.errors import OutputError

_MAGIC = b"rs2sam2 raster journal 1\n"
_HEAD = struct.Struct("<4sIII")  # "tile", its number, bytes that follow, their CRC-32
_ANSWER = struct.Struct("<ff?")
_MARK = b"tile"


@dataclass(frozen=True)
class TileAnswer:
    """What one tile says to one expression.

    Attributes:
        p_present: 0..1.
        predicted_iou: 0..1.
        logits: (G, G) float16, or None where nothing is meant.
    """

    p_present: float
    predicted_iou: float
    logits: NDArray[np.float16] | None


class Journal:
    """An append-only file. Any thread may read what has been added."""

    def __init__(self, path: Path, side: int) -> None:
        """Use `begin`."""
        self.path, self._side = path, side
        self._where: dict[int, tuple[int, int]] = {}
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self._end = 0

    @classmethod
    def begin(cls, path: Path, header: Mapping[str, Any], side: int) -> Self:
        """Begin a journal, or go on with one. What a kill cut short at its end is dropped.

        Args:
            path: of the file.
            header: what is asked, flat, as JSON can hold it.
            side: G.

        Raises:
            OutputError: if it is of another run, in use, or cannot be written.
        """
        try:
            journal = cls(path, side)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror}): give another place") from error
        try:
            journal._open(header)
        except BaseException:
            journal.close()
            raise
        return journal

    @property
    def done(self) -> set[int]:
        """Numbers of the tiles that have answered, or hold no data."""
        return set(self._where)

    def add(self, tile: int, answers: Sequence[TileAnswer] | None) -> None:
        """Note K answers of a tile, or None for one without data.

        Raises:
            OutputError: if the disk is full.
        """
        parts = []
        for answer in answers or ():
            parts.append(_ANSWER.pack(answer.p_present, answer.predicted_iou, answer.logits is not None))
            if answer.logits is not None:
                parts.append(answer.logits.astype("<f2").tobytes())
        body = b"".join(parts)
        self._append(_HEAD.pack(_MARK, tile, len(body), zlib.crc32(body)) + body)
        self._where[tile] = (self._end - len(body), len(body))

    def read(self, tile: int) -> list[TileAnswer] | None:
        """The K answers of a tile that has answered; None for one without data."""
        start, size = self._where[tile]
        body = os.pread(self._file, size, start)
        answers, at, cells = [], 0, self._side * self._side
        while at < size:
            p_present, predicted_iou, meant = _ANSWER.unpack_from(body, at)
            at += _ANSWER.size
            logits = None
            if meant:
                logits = np.frombuffer(body, "<f2", cells, at).reshape(self._side, self._side)
                at += logits.nbytes
            answers.append(TileAnswer(p_present, predicted_iou, logits))
        return answers or None

    def close(self) -> None:
        """Let go of the file, which stays."""
        os.close(self._file)

    def _open(self, header: Mapping[str, Any]) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(f"{self.path}: another process is working on this output: wait for it") from error
        first = _MAGIC + json.dumps(header, allow_nan=False).encode() + b"\n"
        with open(self._file, "rb", closefd=False) as file:
            magic, line = file.readline(len(_MAGIC)), file.readline()
            if not line.endswith(b"\n"):  # cut short before there was anything to keep
                os.ftruncate(self._file, 0)
                self._append(first)
                return
            if magic + line != first:
                raise self._of_another_run(magic, line, header)
            self._end = len(first)
            while (record := file.read(_HEAD.size)) and len(record) == _HEAD.size:
                mark, tile, size, checksum = _HEAD.unpack(record)
                body = file.read(size) if mark == _MARK and self._end + size <= os.fstat(self._file).st_size else b""
                if mark != _MARK or len(body) != size or zlib.crc32(body) != checksum:
                    break
                self._where[tile] = (self._end + _HEAD.size, size)
                self._end += _HEAD.size + size
        os.ftruncate(self._file, self._end)

    def _of_another_run(self, magic: bytes, line: bytes, header: Mapping[str, Any]) -> OutputError:
        remedy = "give the same again, another output, or remove this file to begin anew"
        try:
            found = json.loads(line)
            changed = [name for name in header if found.get(name) != header[name]]
        except (ValueError, AttributeError):
            changed = []
        if magic != _MAGIC or not changed:
            return OutputError(f"{self.path}: not a journal that this version can go on with: {remedy}")
        name = changed[0]
        return OutputError(
            f"{self.path}: begun with {name} {found.get(name)!r}, and this run has {header[name]!r}: {remedy}"
        )

    def _append(self, content: bytes) -> None:
        try:
            at = self._end
            while at < self._end + len(content):
                at += os.pwrite(self._file, content[at - self._end :], at)
        except OSError as error:
            raise OutputError(
                f"{self.path}: cannot be written ({error.strerror}): free some room, then the same command goes on"
            ) from error
        self._end += len(content)
