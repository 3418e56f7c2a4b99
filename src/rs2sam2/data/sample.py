"""What every reader of a referring data set hands out: samples, one for each sentence.

Shapes: H, W image height and width in pixels.
"""

import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rs2sam2.data.coco_masks import decode_segmentation
from rs2sam2.data.pixels import read_mask_file, read_rgb, read_size
from rs2sam2.data.plot import draw_sample
from rs2sam2.errors import DataError

SPLITS = ("train", "val", "test")


class MaskSizeWarning(UserWarning):
    """A mask and its image differ in size."""


class MaskSource(Protocol):
    """Where a mask is kept."""

    def read(self) -> NDArray[np.bool_]:
        """(H, W) mask as it is stored; its size may differ from the image's."""


@dataclass(frozen=True)
class CocoMask:
    """A segmentation as in a COCO file, with the height and width that the file gives for the image."""

    segmentation: Any
    height: int
    width: int

    def read(self) -> NDArray[np.bool_]:
        """See `decode_segmentation`."""
        return decode_segmentation(self.segmentation, self.height, self.width)


@dataclass(frozen=True)
class MaskFile:
    """An image file whose values greater than `above` are the mask."""

    path: Path
    above: int

    def read(self) -> NDArray[np.bool_]:
        """See `read_mask_file`."""
        return read_mask_file(self.path, self.above)


@dataclass(frozen=True)
class Sample(Mapping[str, Any]):
    """One sentence about one image: a read-only dictionary whose values are attributes, too.

    Keys: image, mask, sentence, name, sample_id, present; kind and category where the set records them. `dict(sample)`
    reads everything. Pixels and mask are read when they are first asked for and kept as long as the sample is.

    Attributes:
        path: of the image file.
        name: file name of the image.
        sentence: the words, without blanks around them.
        sample_id: unlike that of any other sample of the split; letters, digits, "_", "." and "-" only, so that a file
            can be named by it.
        truth: where the mask is kept.
        kind: kind of sentence where the set records it, else None.
        category: class of what is meant where the set records it, else None.
        ref_id: of the thing that is meant (None where the set has none).
        sent_id: of the sentence (None where the set has none).
    """

    path: Path
    name: str
    sentence: str
    sample_id: str
    truth: MaskSource = field(repr=False)
    kind: str | None = None
    category: str | None = None
    ref_id: int | None = None
    sent_id: int | None = None

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB.

        Raises:
            ImageError: the file is missing or damaged.
        """
        return read_rgb(self.path)

    @cached_property
    def stored_mask(self) -> NDArray[np.bool_]:
        """Boolean mask at the size in which it is stored: in some sets not quite the image's.

        Raises:
            DataError: the segmentation cannot be decoded.
            ImageError: the mask's file is missing or damaged.
        """
        return self.truth.read()

    @cached_property
    def mask(self) -> NDArray[np.bool_]:
        """(H, W) boolean mask on the image's own grid.

        One that is stored at another size is stretched to it (nearest neighbour): what loaders of these sets do, which
        bring image and mask to one square. It is warned about once.

        Raises:
            DataError, ImageError: as `stored_mask` and `image`.
        """
        height, width = self.image.shape[:2] if "image" in self.__dict__ else read_size(self.path)
        if self.stored_mask.shape == (height, width):
            return self.stored_mask
        # The same words each time, so that Python's own filter shows them once.
        warnings.warn(
            "a mask and its image differ in size: such masks are stretched to their images; "
            "`rs2sam2 data check` lists them",
            MaskSizeWarning,
            stacklevel=2,
        )
        return np.array(Image.fromarray(self.stored_mask).resize((width, height), Image.Resampling.NEAREST))

    @property
    def present(self) -> bool:
        """Whether the image shows what the sentence means: whether the mask has a pixel."""
        return bool(self.stored_mask.any())

    def __getitem__(self, key: str) -> Any:  # noqa: ANN401 - each key has its own type
        """The value of a key."""
        if key not in tuple(self):
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        """The keys."""
        yield from ("image", "mask", "sentence", "name", "sample_id", "present")
        yield from (key for key in ("kind", "category") if getattr(self, key) is not None)

    def __len__(self) -> int:
        """How many keys there are."""
        return sum(1 for _ in self)


class ReferringDataset:
    """A split of a referring data set, map-style: `data[i]` is the i-th sentence in the order of the file.

    Every look-up makes a fresh `Sample`: the data set itself never keeps pixels.

    Attributes:
        name: by which commands know the set.
        published: number of sentences in each split, as published; empty where that is not known to us.
        has_no_object: whether sentences that mean nothing belong to the set, so that empty masks are no fault.
        root: folder of the set.
        split: name of the split.
    """

    name: ClassVar[str]
    published: ClassVar[Mapping[str, int]] = {}
    has_no_object: ClassVar[bool] = False

    def __init__(self, root: str | Path, split: str) -> None:
        """Read the sentences of one split.

        Args:
            root: folder of the set.
            split: "train", "val" or "test".

        Raises:
            DataError: as the class says.
        """
        self.root, self.split = Path(root), split
        self._samples = self._read()

    @classmethod
    def splits(cls, root: str | Path) -> list[str]:
        """Names of the splits that lie under `root`, train, val and test first.

        Raises:
            DataError: the files that say so are missing or damaged.
        """
        raise NotImplementedError

    def _read(self) -> list[Sample]:
        raise NotImplementedError

    def __len__(self) -> int:
        """Number of sentences."""
        return len(self._samples)

    def __getitem__(self, index: int) -> Sample:
        """The sentence at this position."""
        return replace(self._samples[index])

    def __iter__(self) -> Iterator[Sample]:
        """All sentences."""
        return map(replace, self._samples)

    def plot(self, sample: Mapping[str, Any]) -> Image.Image:
        """A picture of a sample: the image with the mask outlined, and the sentence below.

        Raises:
            DataError, ImageError: the sample cannot be read.
        """
        return draw_sample(sample["image"], sample["mask"], sample["sentence"])


def safe_id(*parts: object) -> str:
    """A sample id of these parts, fit for a file name."""
    return re.sub(r"[^\w.-]", "_", "-".join(map(str, parts)), flags=re.ASCII).lstrip(".")


def no_such_split(place: Path, split: str, there: list[str]) -> DataError:
    """What to raise where a split has no sentences."""
    return DataError(f"{place}: no sentences in split {split!r}; it has {', '.join(there) or 'none'}")
