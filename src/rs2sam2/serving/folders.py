"""Rasters on the server's own disk: those given on the command line and those in the folders given, no others."""

import os
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock

from rs2sam2.errors import ImageError, printable
from rs2sam2.serving.kinds import Kind, kind_of
from rs2sam2.serving.refusals import Refusal
from rs2sam2.serving.vrt import check_vrt

SUFFIXES = frozenset(
    [".tif", ".tiff", ".vrt", ".png", ".jpg", ".jpeg", ".webp", ".avif", ".jp2", ".bmp", ".gif", ".ppm", ".tga"]
)
MOST_FILES = 10_000
_SECONDS = 5.0
"""For which a listing is believed."""


@dataclass(frozen=True)
class ServedFile:
    """A raster that requests may name.

    Attributes:
        id: by which they name it: it says nothing about where the file is.
        name: for people, with the folder it was found under.
        path: absolute, without symbolic links.
    """

    id: str
    name: str
    path: Path


class Folders:
    """All of them. A file that comes later is found, too; one that has become a link to elsewhere is not opened."""

    def __init__(self, sources: Sequence[Path]) -> None:
        """Serve these files, and all rasters in these folders."""
        self._sources = [source.absolute() for source in sources]
        self._roots = [source.resolve() for source in sources]
        self._listed: dict[str, ServedFile] = {}
        self._until = 0.0
        self._lock = Lock()

    def all(self) -> list[ServedFile]:
        """By name."""
        with self._lock:
            if time.monotonic() > self._until:
                self._listed = {file.id: file for file in self._look()}
                self._until = time.monotonic() + _SECONDS
            return list(self._listed.values())

    def find(self, identifier: str) -> ServedFile:
        """The file of this id.

        Raises:
            Refusal: there is none (404).
        """
        self.all()
        file = self._listed.get(identifier)
        if file is None or not self._allowed(file.path) or _real(file.path) != file.path:
            raise Refusal(404, "there is no such image")
        return file

    def check(self, file: ServedFile) -> Kind:
        """Its kind by its content, right before it is opened.

        Raises:
            ImageError: it is no raster, or a VRT that means more than files which are served.
        """
        if _real(file.path) != file.path or not stat.S_ISREG(file.path.stat().st_mode):
            raise ImageError(f"{file.name}: this is no regular file")
        kind = kind_of(file.path)
        if kind is None:
            raise ImageError(f"{file.name}: not an image that can be read")
        if kind == "vrt":
            check_vrt(file.path, self._allowed)
        return kind

    def _allowed(self, real: Path) -> bool:
        return any(real == root or root in real.parents for root in self._roots) and real.is_file()

    def _look(self) -> Iterator[ServedFile]:
        found: dict[Path, str] = {}
        for source in self._sources:
            for path in _files(source):
                real = _real(path)
                if real is not None and self._allowed(real) and len(found) < MOST_FILES:
                    found.setdefault(real, printable(str(path.relative_to(source.parent))))
        for real, name in sorted(found.items(), key=lambda item: item[1]):
            yield ServedFile("r-" + sha256(os.fsencode(real)).hexdigest()[:16], name, real)


def _real(path: Path) -> Path | None:
    """The path without links; None for a link that leads to itself."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return None


def _files(source: Path) -> Iterator[Path]:
    if not source.is_dir():
        yield source
        return
    for folder, folders, names in os.walk(source):  # which does not follow links to folders
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(folder, name)
