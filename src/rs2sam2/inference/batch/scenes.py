"""Which scenes are meant: files, folders, globs, STAC, or a list of these."""

import glob
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rs2sam2.errors import DataError, printable
from rs2sam2.inference.raster.address import DRIVERS, is_remote, suffix_of

LISTS = (".txt", ".lst")
_IN_FOLDERS = frozenset(DRIVERS) - {".vrt"}  # a mosaic of files that mostly lie beside it
_LONGEST_ID = 80


@dataclass(frozen=True)
class Scene:
    """One raster.

    Attributes:
        source: a path or an http(s) address.
        item: the address or path of its STAC item, None without one.
        taken: when it shows the ground, in ISO 8601, where the item says so.
    """

    source: str
    item: str | None = None
    taken: str | None = None

    @property
    def scene_id(self) -> str:
        """A name for its folder: the file's own, and what tells it from files of the same name elsewhere.

        An address's query does not count: signatures in it change.
        """
        place = self.source.partition("?")[0] if is_remote(self.source) else self.source
        stem = Path(urlsplit(place).path if is_remote(place) else place).stem
        digest = hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:8]
        return f"{re.sub(r'[^A-Za-z0-9_-]+', '-', stem)[:_LONGEST_ID].strip('-') or 'scene'}-{digest}"


def find_scenes(arguments: Sequence[str], asset: str | None = None, leave_out: Path | None = None) -> list[Scene]:
    """The scenes that arguments of the command line name, each once, in the order of the arguments.

    Args:
        arguments: rasters (paths or addresses), folders (every raster beneath them, but for `.vrt`, by name), globs,
            STAC items, item collections, collections and catalogues (`.json`, `.geojson` or an address), and lists
            (`.txt`, `.lst`: one of all these in a line, relative to the list).
        asset: which asset of a STAC item is meant; None takes the one that says it is to be looked at.
        leave_out: a folder whose contents are results.

    Raises:
        DataError: if an argument names nothing, or a STAC document or list cannot be read.
    """
    found: dict[str, Scene] = {}
    for argument in arguments:
        count = 0
        for scene in _scenes(argument, asset, leave_out, lists=True):
            found.setdefault(scene.source, scene)
            count += 1
        if not count:
            raise DataError(f"{printable(argument)}: no raster there: give {', '.join(DRIVERS)}, a folder or STAC")
    return list(found.values())


def _scenes(argument: str, asset: str | None, leave_out: Path | None, *, lists: bool) -> Iterator[Scene]:
    suffix = suffix_of(argument)
    if is_remote(argument):
        if suffix in DRIVERS:
            yield Scene(argument)
        else:
            yield from _from_stac(argument, asset)
        return
    path = Path(argument)
    if path.is_dir():
        yield from _in_folder(path, leave_out)
    elif path.is_file() and lists and suffix in LISTS:
        yield from _in_list(path, asset, leave_out)
    elif path.is_file() and suffix in {".json", ".geojson"}:
        yield from _from_stac(str(path.resolve()), asset)
    elif path.is_file() and suffix in DRIVERS:
        yield Scene(str(path.resolve()))
    elif glob.has_magic(argument):
        for name in sorted(glob.glob(argument, recursive=True)):  # noqa: PTH207 - Path.glob takes no absolute one
            yield from _scenes(name, asset, leave_out, lists=False)
    elif not path.exists():
        raise DataError(f"{printable(argument)}: there is no such file or folder: check the path")


def _in_folder(folder: Path, leave_out: Path | None) -> Iterator[Scene]:
    for path in sorted(folder.resolve().rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder.resolve()).parts)
        result = leave_out is not None and path.is_relative_to(leave_out)
        if path.suffix.lower() in _IN_FOLDERS and path.is_file() and not hidden and not result:
            yield Scene(str(path))


def _in_list(path: Path, asset: str | None, leave_out: Path | None) -> Iterator[Scene]:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: a list that cannot be read ({error}): write it as UTF-8 text") from error
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        entry = line if is_remote(line) else str(path.parent / line)
        scenes = list(_scenes(entry, asset, leave_out, lists=False))
        if not scenes:
            raise DataError(f"{path}: line {number} names {printable(line)}, where no raster is: mend it")
        yield from scenes


def _from_stac(place: str, asset: str | None) -> Iterator[Scene]:
    from rs2sam2.inference.batch.stac import stac_scenes

    return stac_scenes(place, asset)
