"""RRSIS-D, sets of its layout, and the sentences of OAM-Ref that mean nothing."""

from collections import Counter
from pathlib import Path
from typing import ClassVar

from rs2sam2.data.reading import inside, read_json, text, text_or_none
from rs2sam2.data.refer import ReferDataset
from rs2sam2.data.sample import CocoMask, Sample, safe_id
from rs2sam2.errors import DataError

__all__ = ["ANNOTATIONS", "IMAGES", "RRSISD", "Sample", "no_target"]

IMAGES = Path("images/rrsisd/JPEGImages")
ANNOTATIONS = Path("rrsisd")


class RRSISD(ReferDataset):
    """RRSIS-D: sentences about single things in images of DIOR. Also any set that was written in its layout.

    Source: obtained from its authors, with "Rotated Multi-Scale Interaction Network for Referring Remote Sensing Image
    Segmentation"; the images are DIOR's, from Google Earth.

    Licence: none is stated with the annotations; DIOR is for research.

    Size: 17 402 sentences: train 12 181, val 1 740, test 3 481. Images are mostly 800 x 800 pixels.

    Classes: the 20 of DIOR, such as airplane, bridge, harbor, ship, stadium, vehicle; `Sample.category` where
    `instances.json` names them.

    Format, under `root`:
        * `images/rrsisd/JPEGImages/*.jpg`
        * `rrsisd/refs(<split_by>).p`: pickle, a list of dicts with ref_id, ann_id, image_id, category_id, split and
          sentences (raw, sent, sent_id)
        * `rrsisd/instances.json`: COCO; a segmentation is RLE, compressed or not, or polygons

    Known of it: some images are 800 x 801 or 800 x 787 pixels with masks of 800 x 800 (see `Sample.mask`); three masks
    are empty.

    Citation: Liu, Ma, Zhang, Wang, Ji, Sun, Ji: Rotated Multi-Scale Interaction Network for Referring Remote Sensing
    Image Segmentation. CVPR 2024.

    Raises:
        DataError: files are missing, unsafe or inconsistent, or the split has no sentences.
    """

    name = "rrsisd"
    published: ClassVar = {"train": 12181, "val": 1740, "test": 3481}
    images = IMAGES

    @classmethod
    def files(cls, root: Path, split_by: str) -> tuple[Path, Path]:
        """See the class."""
        return root / ANNOTATIONS / f"refs({split_by}).p", root / ANNOTATIONS / "instances.json"


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
    instances = read_json(Path(root) / "refer" / ANNOTATIONS / "instances.json")
    samples = []
    asked: Counter[str] = Counter()
    try:
        sizes = {image["file_name"]: (image["height"], image["width"]) for image in instances["images"]}
        for entry in entries:
            name = Path(entry["image"]).name
            asked[name] += 1
            if split in (None, entry["split"]):
                samples.append(
                    Sample(
                        path=inside(Path(root), entry["image"]),
                        name=name,
                        sentence=text(entry["sentence"]),
                        sample_id=safe_id(Path(name).stem, "absent", asked[name]),
                        truth=CocoMask([], *sizes[name]),
                        kind=text_or_none(entry.get("kind")),
                    )
                )
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: an entry lacks what the layout asks for: {error!r}") from error
    return samples
