"""The REFER layout on disk, as RRSIS-D has it: a pickle of refs and a COCO file of instances."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from rs2sam2.data.plain_pickle import read_plain_pickle
from rs2sam2.data.reading import inside, read_bytes, read_json, text, text_or_none
from rs2sam2.data.sample import SPLITS, CocoMask, ReferringDataset, Sample, no_such_split, safe_id
from rs2sam2.errors import DataError

__all__ = ["MOST_SENTENCES", "ReferDataset", "read_bytes", "read_json"]

MOST_SENTENCES = 5_000_000
"""In one split. Pickles may name one list a million times over, at two bytes each."""


class ReferDataset(ReferringDataset):
    """A set in the REFER layout: where its files lie is what the classes below this one say.

    Several refs may share an image and a ref may have several sentences; each is a sample of its own. The pickle is
    read without running code: it may hold plain containers, strings and numbers only.
    """

    images: ClassVar[Path]

    def __init__(self, root: str | Path, split: str, split_by: str = "unc") -> None:
        """Read the annotations of one split.

        Args:
            root: folder of the set.
            split: "train", "val" or "test"; "test" takes every split with that word in its name, as REFER does.
            split_by: who split it: the word in the name of the pickle.

        Raises:
            DataError: files are missing, unsafe or inconsistent, or the split has no sentences.
        """
        self.split_by = split_by
        super().__init__(root, split)

    @classmethod
    def files(cls, root: Path, split_by: str) -> tuple[Path, Path]:
        """The pickle of refs and the file of instances."""
        raise NotImplementedError

    @classmethod
    def splits(cls, root: str | Path, split_by: str = "unc") -> list[str]:
        """Names of the splits in the pickle of refs, train, val and test first."""
        path = cls.files(Path(root), split_by)[0]
        refs = read_plain_pickle(path)
        try:
            there = _names(refs)
        except (KeyError, TypeError) as error:
            raise DataError(f"{path}: a ref lacks what the layout asks for: {error!r}") from error
        known = [split for split in SPLITS if any(_matches(split, name) for name in there)]
        return known + [name for name in there if not any(_matches(split, name) for split in known)]

    def _read(self) -> list[Sample]:
        refs_path, instances_path = self.files(self.root, self.split_by)
        refs = read_plain_pickle(refs_path)
        instances = read_json(instances_path)
        try:
            chosen = (ref for ref in refs if _matches(self.split, ref["split"]))
            samples = list(_samples(self.root / self.images, chosen, instances))
            there = _names(refs)
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{refs_path}: a ref or instance lacks what the layout asks for: {error!r}") from error
        if not samples:
            raise no_such_split(refs_path, self.split, there)
        return samples


def _names(refs: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted({str(ref["split"]) for ref in refs})


def _matches(split: str, name: str) -> bool:
    return name == split or (split == "test" and "test" in name)


def _samples(folder: Path, refs: Iterable[Mapping[str, Any]], instances: Mapping[str, Any]) -> Iterator[Sample]:
    """One sample for each sentence of each ref."""
    images = {image["id"]: image for image in instances["images"]}
    annotations = {annotation["id"]: annotation for annotation in instances["annotations"]}
    categories = {category["id"]: category["name"] for category in instances.get("categories", ())}
    count = 0
    for ref in refs:
        image, annotation = images[ref["image_id"]], annotations[ref["ann_id"]]
        truth = CocoMask(annotation["segmentation"], image["height"], image["width"])
        path = inside(folder, image["file_name"])
        for sentence in ref["sentences"]:
            count += 1
            if count > MOST_SENTENCES:
                raise DataError(f"{folder}: more than {MOST_SENTENCES} sentences in one split: get the file again")
            yield Sample(
                path=path,
                name=image["file_name"],
                sentence=text(sentence.get("raw") or sentence["sent"]),
                sample_id=safe_id(ref["ref_id"], sentence["sent_id"]),
                truth=truth,
                kind=text_or_none(sentence.get("kind")),
                category=text_or_none(categories.get(ref.get("category_id"))),
                ref_id=ref["ref_id"],
                sent_id=sentence["sent_id"],
            )
