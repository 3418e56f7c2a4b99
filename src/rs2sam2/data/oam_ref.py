"""OAM-Ref: single things, groups, and sentences that mean nothing, as one data set."""

from itertools import chain
from pathlib import Path
from typing import ClassVar

from rs2sam2.data.rrsisd import RRSISD, no_target
from rs2sam2.data.sample import ReferringDataset, Sample

_REFER = "refer"


class OAMRef(ReferringDataset):
    """OAM-Ref: sentences about one building, about several, or about nothing, in drone images of three towns.

    Source: images of OpenAerialMap and outlines of OpenStreetMap, from the sample data of `hotosm/fAIr-utilities`; the
    sentences were made by a script and verified by rule.

    Licence: outlines ODbL 1.0; the images' terms are not confirmed one by one, so for testing and research.

    Size: 1 179 sentences: train 909 (614 about one building, 90 about several, 205 about nothing), val 270 (186, 20 and
    64). Images are 448 to 1024 pixels of 7.5 cm.

    Classes: building, building group; `Sample.category`. `Sample.kind` says how a sentence describes ("position",
    "group side", "absent colour").

    Format, under `root`:
        * `refer`: layout of RRSIS-D (see `RRSISD`), which also reads it alone: `refs(unc).p` for single buildings and
          `refs(group).p`, where there is one, for several
        * `no_target.json`, where there is one: a list of image, split, sentence and kind; the mask is empty

    Known of it: images of a split overlap, as windows of a few mosaics: sentences are no independent samples. A file
    name begins with the mosaic's.

    Citation: none; name OpenAerialMap and OpenStreetMap contributors.

    Raises:
        DataError: files are missing, unsafe or inconsistent, or the split has no sentences.
    """

    name = "oam-ref"
    published: ClassVar = {"train": 909, "val": 270}
    has_no_object: ClassVar = True

    @classmethod
    def splits(cls, root: str | Path) -> list[str]:
        """Names of the splits in `refs(unc).p`, train, val and test first."""
        return RRSISD.splits(Path(root) / _REFER)

    def _read(self) -> list[Sample]:
        refer = self.root / _REFER
        parts = [RRSISD(refer, self.split)]
        if RRSISD.files(refer, "group")[0].is_file() and self.split in RRSISD.splits(refer, "group"):
            parts.append(RRSISD(refer, self.split, "group"))
        absent = no_target(self.root, self.split) if (self.root / "no_target.json").is_file() else []
        return [*chain(*parts, absent)]
