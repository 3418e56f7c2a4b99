"""Files that clients send: kept in a folder that goes with the server, as many as there is room for."""

import math
import shutil
import tempfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from rs2sam2.errors import printable
from rs2sam2.files import file_sha256
from rs2sam2.serving.kinds import Kind, check_upload, declared_size
from rs2sam2.serving.picture import BLOCK
from rs2sam2.serving.refusals import Refusal
from rs2sam2.serving.settings import Limits

_PIXEL_BYTES = 6
"""Of a picture with its overviews, and a little more."""


@dataclass(frozen=True)
class Upload:
    """A file that was sent.

    Attributes:
        id: from its content: the same file twice is one.
        name: as the client called it, without folders.
        folder: where it lies, and what is made of it.
        source: the file.
        kind: by its content.
        size: of everything in `folder`, in bytes.
    """

    id: str
    name: str
    folder: Path
    source: Path
    kind: Kind
    size: int


class Uploads:
    """All that are kept."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        """Keep them in an existing, empty folder."""
        self._folder, self._limits = folder, limits
        self._kept: OrderedDict[str, Upload] = OrderedDict()
        self._lock = Lock()

    def all(self) -> list[Upload]:
        """The last used last."""
        with self._lock:
            return list(self._kept.values())

    def find(self, identifier: str) -> Upload:
        """The upload of this id; it counts as used.

        Raises:
            Refusal: there is none, or none any more (404).
        """
        with self._lock:
            if identifier not in self._kept:
                raise Refusal(404, "there is no such image, or not any more: send it again")
            self._kept.move_to_end(identifier)
            return self._kept[identifier]

    def add(self, file: BinaryIO, name: str | None) -> tuple[Upload, bool]:
        """Keep a file.

        Returns:
            The upload, and whether it is new.

        Raises:
            Refusal: it is no image (415), or too large (413).
            ImageError: its header is damaged.
        """
        with tempfile.TemporaryDirectory(dir=self._folder) as waiting:
            path = Path(waiting, "source.bin")
            with path.open("wb") as copy:
                shutil.copyfileobj(file, copy, 1 << 20)
            kind = check_upload(path, self._limits.upload_pixels)
            identifier = "u-" + file_sha256(path)[:32]
            with self._lock:
                if identifier in self._kept:
                    self._kept.move_to_end(identifier)
                    return self._kept[identifier], False
                folder = self._folder / identifier
                folder.mkdir()
                # Which reader is asked goes by the suffix, and the suffix by the content.
                source = path.rename(folder / ("source.tif" if kind == "tiff" else "source.img"))
                size = source.stat().st_size + _PIXEL_BYTES * math.prod(map(_padded, declared_size(source, kind)))
                upload = Upload(identifier, plain_name(name), folder, source, kind, size)
                self._kept[identifier] = upload
                self._make_room()
        return upload, True

    def remove(self, identifier: str) -> None:
        """Forget one.

        Raises:
            Refusal: there is none (404).
        """
        with self._lock:
            if identifier not in self._kept:
                raise Refusal(404, "there is no such image")
            self._forget(identifier)

    def _make_room(self) -> None:
        while len(self._kept) > 1 and (
            len(self._kept) > self._limits.kept_uploads
            or sum(upload.size for upload in self._kept.values()) > self._limits.kept_bytes
        ):
            self._forget(next(iter(self._kept)))

    def _forget(self, identifier: str) -> None:
        shutil.rmtree(self._kept.pop(identifier).folder, ignore_errors=True)


def _padded(side: int) -> int:
    """With its overviews' blocks, which reach beyond a narrow image."""
    return -(-side // BLOCK) * BLOCK


def plain_name(name: str | None) -> str:
    """What a client calls its file, fit to be shown and to begin a file name: no folders, nothing unseen."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    return printable(last.strip())[:120] or "image"
