"""Annotation files, read with bounds: a missing, odd or huge file is a `DataError` that names it."""

import json
from pathlib import Path
from typing import Any

from rs2sam2.errors import DataError

LARGEST = 2**30
"""Bytes of a file that is read whole."""


def read_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """Read a regular file of at most `largest` bytes.

    Raises:
        DataError: it is missing, larger, no regular file, or cannot be read.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise DataError(f"{path}: cannot be read (not a regular file): check the data set's root folder")
        if size > largest:
            raise DataError(f"{path}: {size} bytes are more than the limit of {largest}: get the file again")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): check the data set's root folder") from error


def read_json(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    """Read a JSON file.

    Raises:
        DataError: the file is missing or not JSON.
    """
    try:
        return json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not readable as JSON ({error}): get the file again") from error


def inside(folder: Path, name: str) -> Path:
    """The path of a file that an annotation names, which has to lie in its folder.

    Raises:
        DataError: the name is empty, absolute, or climbs out.
    """
    parts = Path(name).parts
    if not parts or Path(name).is_absolute() or ".." in parts or "\0" in name:
        raise DataError(f"{folder}: the annotations name {name!r}, which is no file of this folder")
    return folder / name


def text(value: object) -> str:
    """The value, blanks around it removed.

    Raises:
        TypeError: it is no text.
    """
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value.strip()


def text_or_none(value: object) -> str | None:
    """As `text`; None stays None.

    Raises:
        TypeError: it is something else.
    """
    return None if value is None else text(value)
