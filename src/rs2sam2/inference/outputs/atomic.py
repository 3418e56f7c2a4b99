"""Files appear whole or not at all."""

import os
import secrets
from collections.abc import Sequence
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
    new: list[Path] = []
    done = False
    try:
        for target, content in contents:
            temporary = target.path.with_name(f".rs2sam2-{secrets.token_hex(8)}.tmp")
            waiting.append((temporary, target))
            _write(temporary, target, content)
        for temporary, target in waiting:
            exists = os.path.lexists(target.path)
            if exists and not overwrite:
                raise OutputError(f"{target.name}: this file has appeared meanwhile: use --overwrite to replace it")
            if not exists:
                new.append(target.path)
            _rename(temporary, target)
        done = True
    finally:
        leftover = [temporary for temporary, _ in waiting]
        for path in leftover if done else leftover + new:
            with suppress(OSError):
                path.unlink()


def _write(temporary: Path, target: Target, content: bytes) -> None:
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
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
