"""All images that requests may name, and the pictures that are made of them."""

import logging
import os
from collections import OrderedDict
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Event, Lock
from typing import BinaryIO, Literal

from rs2sam2.errors import ImageError, Rs2Sam2Error
from rs2sam2.serving.folders import Folders, ServedFile
from rs2sam2.serving.kinds import Kind
from rs2sam2.serving.picture import Picture, make_picture
from rs2sam2.serving.refusals import Refusal
from rs2sam2.serving.settings import Settings
from rs2sam2.serving.uploads import Upload, Uploads

State = Literal["new", "preparing", "ready", "failed"]

_log = logging.getLogger("rs2sam2.serving")

_FORMAT = "1"
"""Of the pictures in the cache; another one makes them anew."""
_CACHE_BYTES = 20 << 30
_REMEMBERED = 256


@dataclass
class Preparation:
    """A picture that is being made, is made, or cannot be.

    Attributes:
        progress: 0..1.
        future: gives the picture, or raises what went wrong.
    """

    progress: float = 0.0
    future: "Future[Picture]" = field(default_factory=Future)


@dataclass(frozen=True)
class Item:
    """An image by its id.

    Attributes:
        id: see `ServedFile` and `Upload`.
        name: for people.
        kind: whether it lies on the server's disk or was sent.
        target: file of its picture; another one when the image changes.
    """

    id: str
    name: str
    kind: Literal["raster", "upload"]
    target: Path
    _source: ServedFile | Upload

    @property
    def version(self) -> str:
        """Part of the address of its tiles."""
        return sha256(os.fsencode(self.target)).hexdigest()[:12]


class Library:
    """See the module."""

    def __init__(self, settings: Settings, workspace: Path) -> None:
        """Serve what the settings name, and uploads in a folder of `workspace`."""
        self._folders = Folders(settings.sources)
        uploads = workspace / "uploads"
        uploads.mkdir()
        self.uploads = Uploads(uploads, settings.limits)
        self._cache = settings.cache
        self._cache.mkdir(parents=True, exist_ok=True)
        self._preparations: OrderedDict[Path, Preparation] = OrderedDict()
        self._lock = Lock()
        self._stopped = Event()
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="pictures")

    def all(self) -> list[Item]:
        """Rasters by name, then uploads."""
        return [self._served(file) for file in self._folders.all()] + [_sent(upload) for upload in self.uploads.all()]

    def find(self, identifier: str) -> Item:
        """The image of this id.

        Raises:
            Refusal: there is none (404).
        """
        if identifier.startswith("u-"):
            return _sent(self.uploads.find(identifier))
        return self._served(self._folders.find(identifier))

    def add(self, file: BinaryIO, name: str | None) -> tuple[Item, bool]:
        """Keep an upload; see `Uploads.add`."""
        upload, new = self.uploads.add(file, name)
        return _sent(upload), new

    def state(self, item: Item) -> tuple[State, Preparation | None]:
        """How far its picture is."""
        with self._lock:
            found = self._preparations.get(item.target)
        if found is None:
            return "new", None
        if not found.future.done():
            return "preparing", found
        return ("failed" if found.future.exception() else "ready"), found

    def prepare(self, item: Item) -> Preparation:
        """Have its picture made, unless that was begun before."""
        with self._lock:
            found = self._preparations.get(item.target)
            if found is not None and not (found.future.done() and _gone(found)):
                self._preparations.move_to_end(item.target)
                return found
            preparation = Preparation()
            self._preparations[item.target] = preparation
            while len(self._preparations) > _REMEMBERED:
                done = next((path for path, one in self._preparations.items() if one.future.done()), None)
                if done is None:
                    break
                del self._preparations[done]
        if not (item.target.is_file() and self._load(item, preparation)):
            self._pool.submit(self._make, item, preparation)
        return preparation

    def picture(self, item: Item) -> Picture:
        """The picture, if it is ready.

        Raises:
            Refusal: it is not made yet (409), or cannot be (422).
        """
        preparation = self.prepare(item)
        if not preparation.future.done():
            raise Refusal(409, "this image is still being prepared: ask again", retry_after=1)
        try:
            return preparation.future.result()
        except Rs2Sam2Error as error:
            raise Refusal(422, str(error)) from error

    def close(self) -> None:
        """Stop what is being made."""
        self._stopped.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _make(self, item: Item, preparation: Preparation) -> None:
        def tick(share: float) -> None:
            if self._stopped.is_set():
                raise CancelledError
            preparation.progress = share

        try:
            source, kind = self._source(item)
            make_picture(source, kind, item.name, item.target, tick)
        except Rs2Sam2Error as error:
            preparation.future.set_exception(error)
        except Refusal as refusal:
            preparation.future.set_exception(ImageError(f"{item.name}: {refusal.detail}"))
        except BaseException as error:  # whatever a stranger's file brings about: what it says is for the log alone
            reason = getattr(error, "strerror", None) or type(error).__name__
            _log.warning("%s: not prepared", item.name, exc_info=error)
            preparation.future.set_exception(ImageError(f"{item.name}: cannot be prepared ({reason})"))
        else:
            if not self._load(item, preparation):
                preparation.future.set_exception(ImageError(f"{item.name}: it went away meanwhile: choose it again"))
            elif item.kind == "raster":
                self._make_room(item.target)

    def _load(self, item: Item, preparation: Preparation) -> bool:
        """Take a picture that was made before, or just now; False if it is damaged or gone."""
        try:
            picture = Picture.load(item.target)
            os.utime(item.target)  # the cache forgets what was not used for longest
        except (Refusal, OSError, KeyError):
            item.target.unlink(missing_ok=True)
            return False
        preparation.progress = 1.0
        preparation.future.set_result(picture)
        return True

    def _source(self, item: Item) -> tuple[Path, Kind]:
        source = item._source
        if isinstance(source, Upload):
            return source.source, source.kind
        return source.path, self._folders.check(source)

    def _served(self, file: ServedFile) -> Item:
        try:
            facts = file.path.stat()
        except OSError as error:
            raise Refusal(404, "there is no such image") from error
        key = f"{_FORMAT}|{file.path}|{facts.st_mtime_ns}|{facts.st_size}"
        target = self._cache / f"{sha256(key.encode(errors='surrogateescape')).hexdigest()[:32]}.tif"
        return Item(file.id, file.name, "raster", target, file)

    def _make_room(self, newest: Path) -> None:
        files = sorted((path for path in self._cache.glob("*.tif") if path != newest), key=_last_used, reverse=True)
        room = _CACHE_BYTES - newest.stat().st_size
        for path in files:
            room -= path.stat().st_size
            if room < 0:
                path.unlink(missing_ok=True)


def _sent(upload: Upload) -> Item:
    return Item(upload.id, upload.name, "upload", upload.folder / "picture.tif", upload)


def _last_used(path: Path) -> float:
    return path.stat().st_mtime


def _gone(preparation: Preparation) -> bool:
    """Whether a picture was made and its file removed since: it is made again."""
    return preparation.future.exception() is None and not preparation.future.result().path.is_file()
