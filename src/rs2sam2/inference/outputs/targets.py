"""Where outputs go, checked before any work is done for them."""

import os
import stat
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rs2sam2.errors import OutputError
from rs2sam2.inference.extras import require_geo

Kind = Literal["mask", "polygons", "overlay", "style", "probability"]

SUFFIXES: dict[Kind, tuple[str, ...]] = {
    "mask": (".png", ".tif", ".tiff"),
    "polygons": (".gpkg", ".geojson", ".fgb", ".parquet", ".shp"),
    "overlay": (".png", ".jpg", ".jpeg"),
    "style": (".qml",),
    "probability": (".tif", ".tiff"),
}
SHAPEFILE_PARTS = (".shx", ".dbf", ".cpg", ".prj")
"""What is written beside a `.shp`."""
MOST_LABELS = 255
_GEO_SUFFIXES = (".tif", ".tiff", *SUFFIXES["polygons"])
# Indices that other programs make of a shapefile: with new contents they would lead astray.
_SHAPEFILE_INDICES = (".qix", ".sbn", ".sbx")


@dataclass(frozen=True)
class Target:
    """One file to write.

    Attributes:
        path: with symbolic links followed, so that a link stays one when its file is replaced.
        name: the path as it was given.
        kind: what goes in; with the suffix it decides the format.
    """

    path: Path
    name: str
    kind: Kind

    @property
    def suffix(self) -> str:
        """In lower case, with its dot."""
        return self.path.suffix.lower()

    def beside(self, suffix: str, kind: Kind | None = None) -> "Target":
        """The file of the same name with another suffix."""
        name = str(Path(self.name).with_suffix(suffix))
        return Target(self.path.with_suffix(suffix), name, kind or self.kind)


def check_targets(
    outputs: Sequence[str | Path],
    overlay: str | Path | None = None,
    *,
    probability: str | Path | None = None,
    style: bool = False,
    source: str | Path | None = None,
    expressions: int = 1,
    overwrite: bool = False,
) -> tuple[Target, ...]:
    """Make sure that every output can be written, as far as that can be known before.

    Args:
        outputs: masks (`.png`, `.tif`) and polygons (`.gpkg`, `.geojson`, `.fgb`, `.parquet`, `.shp`).
        overlay: the picture (`.png`, `.jpg`), or None.
        probability: the raster of probabilities (`.tif`), or None.
        style: whether a style for QGIS (`.qml`) goes beside each file with polygons.
        source: the image that is read, which no output may replace.
        expressions: how many there are.
        overwrite: whether existing files may be replaced.

    Raises:
        OutputError: if a suffix is unknown, a file exists, a folder is missing or cannot be written to, two outputs
            are the same file, one is the source, or there is no polygon file for a style.
        MissingExtraError: if a format needs the extra 'geo'.
    """
    targets = [_target(output, None) for output in outputs]
    targets += [_target(overlay, "overlay")] if overlay is not None else []
    targets += [_target(probability, "probability")] if probability is not None else []
    if style:
        targets += _styles(targets)
    for index, target in enumerate(targets):
        if target.path in [earlier.path for earlier in targets[:index]]:
            raise OutputError(f"{target.name}: this output is given twice: give each its own name")
        if target.suffix in _GEO_SUFFIXES:
            require_geo(f"writing {target.suffix}")
        if target.kind == "mask" and expressions > MOST_LABELS:
            raise OutputError(
                f"{target.name}: a mask file numbers at most {MOST_LABELS} expressions, not {expressions}: "
                "write polygons"
            )
        _check_place(target, source, overwrite=overwrite)
        if target.suffix == ".shp":
            _check_shapefile(target, source, overwrite=overwrite)
    return tuple(targets)


def _target(output: str | Path, kind: Kind | None) -> Target:
    suffix = Path(output).suffix.lower()
    if kind is None:
        kind = "mask" if suffix in SUFFIXES["mask"] else "polygons" if suffix in SUFFIXES["polygons"] else None
    if kind is None or suffix not in SUFFIXES[kind]:
        choices = SUFFIXES[kind] if kind is not None else SUFFIXES["mask"] + SUFFIXES["polygons"]
        what = f"unknown suffix {suffix!r}" if suffix else "no suffix to tell the format by"
        raise OutputError(f"{output}: {what}: use {', '.join(choices[:-1])} or {choices[-1]}")
    try:
        return Target(Path(output).resolve(), str(output), kind)
    except (OSError, RuntimeError, ValueError) as error:
        raise OutputError(f"{output}: not a path that can be written ({error}): give another") from error


def _styles(targets: Sequence[Target]) -> list[Target]:
    beside = {target.path.with_suffix(".qml"): target for target in targets if target.kind == "polygons"}
    if not beside:
        raise OutputError(f"a style goes beside polygons: give an output with {' or '.join(SUFFIXES['polygons'])}")
    return [target.beside(".qml", "style") for target in beside.values()]


def _check_shapefile(target: Target, source: str | Path | None, *, overwrite: bool) -> None:
    for suffix in SHAPEFILE_PARTS:
        _check_place(target.beside(suffix), source, overwrite=overwrite)
    for suffix in _SHAPEFILE_INDICES:
        index = target.beside(suffix)
        if index.path.exists():
            raise OutputError(f"{index.name}: this is an index of the shapefile to be replaced: remove it first")


def _check_place(target: Target, source: str | Path | None, *, overwrite: bool) -> None:
    try:
        mode = target.path.stat().st_mode
    except FileNotFoundError:
        mode = None
    except OSError as error:
        raise OutputError(f"{target.name}: cannot be written ({error.strerror}): give another path") from error
    if mode is not None:
        if source is not None and Path(source).exists() and target.path.samefile(source):
            raise OutputError(f"{target.name}: this is the image itself: give the output another name")
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
            raise OutputError(f"{target.name}: this is {what}: give a file name")
        if not overwrite:
            raise OutputError(f"{target.name}: this file exists: use --overwrite to replace it")
    _check_folder(target)


def _check_folder(target: Target) -> None:
    folder = target.path.parent
    if not folder.is_dir():
        raise OutputError(f"{target.name}: there is no folder {os.fspath(folder)!r}: make it first")
    try:  # asking for permission bits says nothing about read-only disks, quotas or who is root
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise OutputError(
            f"{target.name}: the folder cannot be written to ({error.strerror}): give another place"
        ) from error
