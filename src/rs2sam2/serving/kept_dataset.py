"""Kept masks as a referring data set, in the layout of OAM-Ref: what is not there is a sentence with an empty mask."""

import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rs2sam2.data.building.picture import Footprint
from rs2sam2.data.building.places import check_shares, split_places
from rs2sam2.data.building.sentences import Sentence
from rs2sam2.data.building.writing import REFER, Entry, Outline, write_annotations
from rs2sam2.data.coco_masks import decode_segmentation
from rs2sam2.data.rrsisd import IMAGES
from rs2sam2.errors import DataError
from rs2sam2.serving.corrections import Correction, Corrections

KIND = "corrected"


def write_dataset(corrections: Corrections, root: Path, val: float, test: float) -> None:
    """Write what is kept into an empty folder.

    Scenes that overlap go to one split.

    Args:
        corrections: what is kept.
        root: the folder.
        val: share of the masks for the split "val".
        test: share of the masks for the split "test".

    Raises:
        DataError: there is no mask, or there are fewer places than splits.
        ConfigError: the shares leave nothing to train on.
    """
    check_shares(val, test)
    kept = corrections.all()
    if not any(one.area_px for one in kept):
        raise DataError("no mask is kept that is not empty: a data set needs one")
    places = _places(kept)
    masks = dict.fromkeys(places.values(), 0)
    for one in kept:
        masks[places[one.scene]] += one.area_px > 0
    shown = {place: count for place, count in masks.items() if count}
    split_of = split_places(shown, val, test, np.random.default_rng(0))
    entries = []
    for scene, place in places.items():
        here = [one for one in kept if one.scene == scene]
        entries.append(_entry(here, place, split_of.get(place, "train")))
        target = root / REFER / IMAGES / entries[-1].name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(corrections.picture(here[0]), target)
    write_annotations(root, entries, sorted({one.category for one in kept}))


def zipped(root: Path, target: Path) -> None:
    """Pack a folder into a ZIP file."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in sorted(root.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(root))


def _places(kept: Sequence[Correction]) -> dict[str, str]:
    """Scene -> place: the first of the scenes that hang together by overlapping."""
    place = {one.scene: one.scene for one in kept}
    for number, one in enumerate(kept):
        for other in kept[:number]:
            if place[one.scene] != place[other.scene] and _overlap(one, other):
                joined, into = place[one.scene], place[other.scene]
                place = {scene: into if where == joined else where for scene, where in place.items()}
    return place


def _overlap(one: Correction, other: Correction) -> bool:
    a, b = one.window, other.window
    return one.image == other.image and a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _entry(here: Sequence[Correction], place: str, split: str) -> Entry:
    height, width = here[0].mask["size"]
    outlines: list[Outline] = []
    sentences: list[Sentence] = []
    for one in here:
        footprint = Footprint.of(one.category, decode_segmentation(one.mask, height, width), float(one.area_px))
        targets = frozenset[int]() if footprint is None else frozenset({len(outlines)})
        sentences.append(Sentence(one.expression, KIND, one.category, targets))
        if footprint is not None:
            outlines.append(Outline.of(footprint, height, width, referable=True))
    facts = {"source": here[0].name, "window": list(here[0].window)}
    return Entry(f"{here[0].scene}.png", split, place, height, width, facts, outlines, sentences)
