"""RRSIS-D and sets of its layout (REFER): one sample per sentence."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rs2sam2.data.refer import decode_segmentation, read_json, read_plain_pickle
from rs2sam2.errors import DataError, ImageError

IMAGES = Path("images/rrsisd/JPEGImages")
ANNOTATIONS = Path("rrsisd")


@dataclass(frozen=True)
class Sample:
    """One sentence about one image; pixels and mask are read when asked for.

    Attributes:
        path: of the image file.
        name: file name of the image.
        sentence: the words.
        kind: kind of sentence where the set records it, else None.
        ref_id: of the thing that is meant (None where nothing is).
        sent_id: of the sentence (None where the set has none).
        segmentation: as in COCO; empty for an empty mask.
        height, width: of the image as the annotations give it, in pixels.
    """

    path: Path
    name: str
    sentence: str
    kind: str | None
    ref_id: int | None
    sent_id: int | None
    segmentation: Any
    height: int
    width: int

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB.

        Raises:
            ImageError: the file is missing or damaged.
        """
        return read_rgb(self.path)

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W) boolean mask of what is meant, at the annotation's own size.

        Raises:
            DataError: the segmentation cannot be decoded.
        """
        return decode_segmentation(self.segmentation, self.height, self.width)


class RRSISD:
    """A split of RRSIS-D, or of a set in its layout, as a map-style data set over sentences.

    Source: Liu et al., "Rotated Multi-Scale Interaction Network for Referring Remote Sensing Image Segmentation",
    CVPR 2024. Images are mostly 800x800; masks are COCO RLE or polygons. Train 12181, val 1740, test 3481 sentences.

    Layout under `root`: `images/rrsisd/JPEGImages/*.jpg`, `rrsisd/refs(<split_by>).p`, `rrsisd/instances.json`. Several
    refs may share an image and a ref may have several sentences; each is a sample of its own. The pickle is read
    without running code: it may hold plain containers, strings and numbers only.
    """

    def __init__(self, root: str | Path, split: str, split_by: str = "unc") -> None:
        """Read the annotations of one split.

        Args:
            root: folder that holds `images` and `rrsisd`.
            split: "train", "val" or "test".
            split_by: who split it: the word in the name of the pickle.

        Raises:
            DataError: files are missing, unsafe or inconsistent, or the split has no sentences.
        """
        self.root, self.split, self.split_by = Path(root), split, split_by
        refs_path = self.root / ANNOTATIONS / f"refs({split_by}).p"
        refs = read_plain_pickle(refs_path)
        instances = read_json(self.root / ANNOTATIONS / "instances.json")
        try:
            images = {image["id"]: image for image in instances["images"]}
            annotations = {annotation["id"]: annotation for annotation in instances["annotations"]}
            self.samples = [
                sample for ref in refs if ref["split"] == split for sample in self._of(ref, images, annotations)
            ]
            splits = sorted({str(ref["split"]) for ref in refs})
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{refs_path}: a ref or instance lacks what the layout asks for: {error!r}") from error
        if not self.samples:
            raise DataError(f"{refs_path}: no sentences in split {split!r}; it has {', '.join(splits)}")

    def __len__(self) -> int:
        """Number of sentences."""
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        """The sentence at this position."""
        return self.samples[index]

    def __iter__(self) -> Iterator[Sample]:
        """All sentences in the order of the file."""
        return iter(self.samples)

    def _of(self, ref: dict[str, Any], images: dict[int, Any], annotations: dict[int, Any]) -> Iterator[Sample]:
        """One sample for each sentence of a ref."""
        image, annotation = images[ref["image_id"]], annotations[ref["ann_id"]]
        for sentence in ref["sentences"]:
            yield Sample(
                path=self.root / IMAGES / image["file_name"],
                name=image["file_name"],
                sentence=(sentence.get("raw") or sentence["sent"]).strip(),
                kind=sentence.get("kind"),
                ref_id=ref["ref_id"],
                sent_id=sentence["sent_id"],
                segmentation=annotation["segmentation"],
                height=image["height"],
                width=image["width"],
            )


def no_target(root: str | Path, split: str | None = None) -> list[Sample]:
    """Sentences of OAM-Ref that mean nothing in their image (`no_target.json`); their masks are empty.

    Args:
        root: folder that holds `no_target.json` and `refer`.
        split: only this split; None for all.

    Raises:
        DataError: the file is missing or is not a list of image, split and sentence.
    """
    path = Path(root) / "no_target.json"
    entries = read_json(path)
    sizes = {
        image["file_name"]: (image["height"], image["width"])
        for image in read_json(Path(root) / "refer" / ANNOTATIONS / "instances.json")["images"]
    }
    try:
        return [
            Sample(
                path=Path(root) / entry["image"],
                name=Path(entry["image"]).name,
                sentence=entry["sentence"],
                kind=entry.get("kind"),
                ref_id=None,
                sent_id=None,
                segmentation=[],
                height=sizes[Path(entry["image"]).name][0],
                width=sizes[Path(entry["image"]).name][1],
            )
            for entry in entries
            if split in (None, entry["split"])
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: an entry lacks what the layout asks for: {error!r}") from error


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 pixels of an image file of a data set.

    Raises:
        ImageError: the file is missing or damaged.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: cannot be read as an image ({error}): get the data set again") from error
