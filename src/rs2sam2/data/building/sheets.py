"""Contact sheets of a set: pictures with outlines and what was said, to be judged by eye before any training."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from rs2sam2.data.contact_sheet import outlined, sheet
from rs2sam2.data.oam_ref import OAMRef
from rs2sam2.data.sample import Sample
from rs2sam2.data.scene import Scene, Thing

FOLDER = "contact_sheets"
_MEANT, _ABSENT = 18, 6
_COLUMNS, _SIDE = 4, 420


def write_sheets(root: Path, splits: Iterable[str], rng: np.random.Generator) -> None:
    """Write a sheet for each split of a set, of samples as they are read back from disk.

    Raises:
        DataError, ImageError: the set cannot be read.
    """
    (root / FOLDER).mkdir()
    for split in splits:
        samples = OAMRef(root, split)
        absent = np.array([sample.ref_id is None for sample in samples])
        chosen = [
            int(index)
            for numbers, most in ((np.flatnonzero(~absent), _MEANT), (np.flatnonzero(absent), _ABSENT))
            for index in np.sort(rng.permutation(numbers)[:most])
        ]
        pictures = [_outlined(samples[index]) for index in chosen]
        captions = [f"{samples[index].sentence} [{samples[index].kind}]" for index in chosen]
        sheet(pictures, captions, _COLUMNS, _SIDE).save(root / FOLDER / f"{split}.png")


def _outlined(sample: Sample) -> Image.Image:
    """The picture at the sheet's size first, so that a line is seen on large ones, too."""
    size = ImageOps.contain(Image.fromarray(sample.image), (_SIDE, _SIDE), Image.Resampling.LANCZOS)
    mask = Image.fromarray(sample.mask).resize(size.size, Image.Resampling.NEAREST)
    scene = Scene(np.asarray(size), np.asarray(mask, dtype=np.uint16), (Thing("", 0.0),))
    return ImageOps.pad(outlined(scene, (0,)), (_SIDE, _SIDE), color=(255, 255, 255))
