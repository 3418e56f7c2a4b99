"""NWPU-Refer."""

from pathlib import Path
from typing import ClassVar

from rs2sam2.data.refer import ReferDataset


class NWPURefer(ReferDataset):
    """NWPU-Refer: sentences about one thing, several things or nothing in images of more than 30 countries.

    Source: published by its authors with the paper below.

    Licence: see the authors' page.

    Size: 15 003 images of 1024 to 2048 pixels, 49 745 targets. How many sentences a split has is not known to us.

    Classes: `Sample.category` where `instances.json` names them.

    Format, under `root`:
        * `image/image/*.jpg`
        * `new_refs(unc).p`, or `refs(unc).p` where there is no such file: fields as in RRSIS-D
        * `new_instances.json`, or `instances.json`: COCO; a segmentation is polygons or RLE

    Known of it: a name of a split may be longer than "test" (every one with that word in it is the test split);
    sentences are English or Chinese; where nothing is meant, the segmentation is empty and `Sample.present` False.

    Citation: Yang, Yao, Tian, Zhao, Li, Wang: A Large-Scale Referring Remote Sensing Image Segmentation Dataset and
    Benchmark. arXiv:2506.03583, 2025.

    Raises:
        DataError: files are missing, unsafe or inconsistent, or the split has no sentences.
    """

    name = "nwpu-refer"
    has_no_object: ClassVar = True
    images = Path("image/image")

    @classmethod
    def files(cls, root: Path, split_by: str) -> tuple[Path, Path]:
        """See the class."""
        return _newer(root, f"refs({split_by}).p"), _newer(root, "instances.json")


def _newer(root: Path, name: str) -> Path:
    new = root / f"new_{name}"
    return new if new.exists() else root / name
