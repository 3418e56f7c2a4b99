"""What is measured so far: one line a picture, added when it is finished, so that a run goes on after a kill."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from rs2sam2.errors import DataError, OutputError
from rs2sam2.evaluation.benchmark.score import SampleScore


class Journal:
    """An append-only file: a first line that says what is measured, then a line for each finished picture.

    Attributes:
        done: name of a finished picture -> its samples.
    """

    def __init__(self, file: IO[bytes], done: dict[str, list[SampleScore]]) -> None:
        """Use `open_journal`."""
        self._file, self.done = file, done

    def append(self, picture: str, scores: Sequence[SampleScore]) -> None:
        """Add a finished picture; when this returns, it is on the disk."""
        _write(self._file, {"picture": picture, "samples": [asdict(row) for row in scores]})
        self.done[picture] = list(scores)


@contextmanager
def open_journal(path: Path, header: Mapping[str, Any]) -> Iterator[Journal]:
    """Begin a journal, or go on with one.

    A last line that a kill cut short is dropped: its picture is measured again.

    Args:
        path: of the file.
        header: what is measured, flat, as JSON can hold it.

    Raises:
        DataError: the journal is of something else, or damaged.
        OutputError: another process is writing it, or it cannot be written.
    """
    try:
        file = path.open("a+b")
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}): give another place") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(f"{path}: another process is measuring into this folder: wait for it") from error
        file.seek(0)
        content = file.read()
        end = content.rfind(b"\n") + 1
        if not end:
            file.truncate(0)
            _write(file, header)
            yield Journal(file, {})
        else:
            done = _read(path, content[:end].splitlines(), header)
            file.truncate(end)
            yield Journal(file, done)


def _read(path: Path, lines: Sequence[bytes], header: Mapping[str, Any]) -> dict[str, list[SampleScore]]:
    try:
        found, *rest = (json.loads(line) for line in lines)
        changed = {name: found.get(name) for name in header if found.get(name) != header[name]}
        done = {line["picture"]: [SampleScore.read(row) for row in line["samples"]] for line in rest}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: damaged ({error!r}): use --restart to measure from the beginning") from error
    if changed:
        name, value = next(iter(changed.items()))
        raise DataError(
            f"{path}: begun with {name} {value!r}, and this run has {header[name]!r}: give the same again, another "
            "folder, or --restart to measure from the beginning"
        )
    return done


def _write(file: IO[bytes], values: Mapping[str, Any]) -> None:
    try:
        file.write(json.dumps(values, allow_nan=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    except OSError as error:
        raise OutputError(
            f"{file.name}: cannot be written ({error.strerror}): free some room, then the same command goes on"
        ) from error
