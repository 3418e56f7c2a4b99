"""The layout of RefSegRS and RISBench: an image file, a mask file, and lines of text that say what the mask means."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from rs2sam2.data.reading import inside, read_bytes
from rs2sam2.data.sample import SPLITS, MaskFile, ReferringDataset, Sample, no_such_split, safe_id
from rs2sam2.errors import DataError


class PhraseDataset(ReferringDataset):
    """A set in this layout: the names of its folders are what the classes below this one say."""

    images: ClassVar[str]
    masks: ClassVar[str]
    suffix: ClassVar[str]
    above: ClassVar[int]

    @classmethod
    def splits(cls, root: str | Path) -> list[str]:
        """Names of the splits whose file of sentences is there."""
        return [split for split in SPLITS if _phrases(Path(root), split).exists()]

    def _read(self) -> list[Sample]:
        path = _phrases(self.root, self.split)
        if not path.exists():
            raise no_such_split(self.root, self.split, self.splits(self.root))
        samples = list(self._lines(path))
        if not samples:
            raise no_such_split(path, self.split, [])
        return samples

    def _lines(self, path: Path) -> Iterator[Sample]:
        try:
            text = read_bytes(path).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: not UTF-8 text ({error}): get the file again") from error
        said: Counter[str] = Counter()
        masks: dict[str, MaskFile] = {}
        # Not splitlines(), which also breaks at characters that may stand in a sentence.
        for number, line in enumerate(text.split("\n"), start=1):
            name, *sentence = line.split(maxsplit=1)[:2] if line.strip() else [""]
            if not name:
                continue
            if not sentence:
                raise DataError(f"{path}: line {number} names {name!r} and says nothing: get the file again")
            file_name = name + self.suffix
            stem = Path(file_name).stem
            said[stem] += 1
            mask = masks.setdefault(name, MaskFile(inside(self.root / self.masks, file_name), self.above))
            yield Sample(
                path=inside(self.root / self.images, file_name),
                name=file_name,
                sentence=sentence[0].strip(),
                sample_id=safe_id(stem, said[stem]),
                truth=mask,
            )


def _phrases(root: Path, split: str) -> Path:
    return inside(root, f"output_phrase_{split}.txt")
