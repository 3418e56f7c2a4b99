"""Files appear whole or not at all."""

import os
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from rs2sam2.errors import OutputError
from rs2sam2.inference.outputs.targets import Target


def write_files(contents: Sequence[tuple[Target, bytes]], *, overwrite: bool) -> None:
    """Write all of these files, or none.

    Each goes to a temporary file beside its target, reaches the disk, and only then are all of them renamed.
    Whatever interrupts (a full disk, Ctrl-C) leaves no temporary file and no new output.

    Raises:
        OutputError: if one cannot be written.
    """
    waiting: list[tuple[Path, Target]] = []
    try:
        for target, content in contents:
            temporary = target.path.with_name(f".rs2sam2-{secrets.token_hex(8)}.tmp")
            waiting.append((temporary, target))
            _write(temporary, target, content)
        move_files(waiting, overwrite=overwrite)
    finally:
        _remove(temporary for temporary, _ in waiting)


def move_files(files: Sequence[tuple[Path, Target]], *, overwrite: bool) -> None:
    """Bring finished files, which lie on the same file systems as their targets, to these places: all or none.

    They reach the disk before the first of them is renamed.

    Raises:
        OutputError: if one cannot be written.
    """
    new: list[Path] = []
    done = False
    try:
        for temporary, target in files:
            _sync(temporary, target)
        for temporary, target in files:
            exists = os.path.lexists(target.path)
            if exists and not overwrite:
                raise OutputError(f"{target.name}: this file has appeared meanwhile: use --overwrite to replace it")
            if not exists:
                new.append(target.path)
            _rename(temporary, target)
        done = True
    finally:
        if not done:
            _remove(new)


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink()


def _write(temporary: Path, target: Target, content: bytes) -> None:
    try:
        with temporary.open("xb") as file:
            file.write(content)
    except OSError as error:
        raise _unwritable(target, error) from error


def _sync(temporary: Path, target: Target) -> None:
    try:
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
    except OSError as error:
        raise _unwritable(target, error) from error


def _rename(temporary: Path, target: Target) -> None:
    try:
        temporary.replace(target.path)
    except OSError as error:
        raise _unwritable(target, error) from error


def _unwritable(target: Target, error: OSError) -> OutputError:
    return OutputError(
        f"{target.name}: cannot be written ({error.strerror or error}): free some room or give another place"
    )
