"""A split of a data set in the REFER layout, as questions: RRSIS-D, or OAM-Ref with its groups and absent things."""

from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np

from rs2sam2.data.refer import read_bytes, read_json
from rs2sam2.data.rrsisd import ANNOTATIONS, RRSISD, no_target
from rs2sam2.errors import DataError
from rs2sam2.evaluation.diagnosis.predict import PackedMask, Question
from rs2sam2.evaluation.diagnosis.presence import PresenceQuestion
from rs2sam2.evaluation.diagnosis.scores import Target
from rs2sam2.inference.images import RasterImage, open_image

_REFS = {"single": "unc", "group": "group"}
_NO_TARGET = "no_target.json"


class RealSet:
    """Pictures are named by their files; places are mosaics where the set says so, else pictures."""

    def __init__(self, root: str | Path, split: str) -> None:
        """Take the folder of the set (`images` and `rrsisd`, or these in `refer`) and a split.

        Raises:
            DataError: if the annotations are missing or broken.
        """
        self.root, self.split = Path(root), split
        self.refer = self.root / "refer" if (self.root / "refer").is_dir() else self.root
        images = read_json(self.refer / ANNOTATIONS / "instances.json")
        try:
            self._images = {image["file_name"]: image for image in images["images"]}
        except (KeyError, TypeError) as error:
            raise DataError(f"{self.refer / ANNOTATIONS / 'instances.json'}: images lack a file name") from error
        self._paths: dict[str, Path] = {}

    @cached_property
    def single(self) -> list[Target]:
        """Sentences that mean one thing."""
        return self._targets("single")

    @cached_property
    def group(self) -> list[Target]:
        """Sentences that mean several things; none if the set has no such file."""
        return self._targets("group") if self._refs("group").is_file() else []

    @cached_property
    def absent(self) -> list[PresenceQuestion]:
        """Sentences that mean nothing in their picture; none if the set has no such file."""
        if not (self.root / _NO_TARGET).is_file():
            return []
        samples = no_target(self.root, self.split)
        self._paths |= {sample.name: sample.path for sample in samples}
        return [
            PresenceQuestion(
                Question(sample.name, sample.sentence), False, self.unit(sample.name), sample.kind or "any"
            )
            for sample in samples
        ]

    @property
    def has_outlines(self) -> bool:
        """Whether the pictures come with the outlines of all their buildings, as in OAM-Ref."""
        return all("mosaic" in image for image in self._images.values())

    def unit(self, picture: str) -> str:
        """The place that a picture shows."""
        return str(self._images[picture].get("mosaic", picture))

    def open(self, picture: str) -> RasterImage:
        """Open a picture as a user would.

        Raises:
            ImageError: if it is missing or damaged.
        """
        return open_image(self._paths[picture])

    @cached_property
    def checksum(self) -> str:
        """SHA-256 over names and contents of the annotation files, in the order of their names."""
        files = [self.refer / ANNOTATIONS / "instances.json", *map(self._refs, _REFS), self.root / _NO_TARGET]
        digest = sha256()
        for path in sorted(file for file in files if file.is_file()):
            digest.update(path.name.encode() + b"\0" + sha256(read_bytes(path)).digest())
        return digest.hexdigest()

    def _refs(self, kind: str) -> Path:
        return self.refer / ANNOTATIONS / f"refs({_REFS[kind]}).p"

    def _targets(self, kind: str) -> list[Target]:
        samples = list(RRSISD(self.refer, self.split, split_by=_REFS[kind]))
        self._paths |= {sample.name: sample.path for sample in samples}
        targets = []
        while samples:  # read and let go: unpacked, the masks of a split fill the memory
            sample = samples.pop(0)
            groups = {"kind": sample.kind or "any", "area": str(self._images[sample.name].get("area", "any"))}
            mask = PackedMask.of(np.asarray(sample.mask))
            question = Question(sample.name, sample.sentence)
            targets.append(Target(question, mask, self.unit(sample.name), groups, sample.ref_id))
        return targets


def swapped(targets: list[Target], seed: int) -> list[tuple[Target, Question]]:
    """For each target a sentence about another thing of its picture, drawn by `seed`; targets without one drop out."""
    rng = np.random.default_rng(seed)
    found = []
    for target in targets:
        others = [
            other.question
            for other in targets
            if other.question.picture == target.question.picture and other.thing != target.thing
        ]
        if others:
            found.append((target, others[int(rng.integers(len(others)))]))
    return found
