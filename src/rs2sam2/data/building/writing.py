"""The set on disk: `refer` in the layout of RRSIS-D, and `no_target.json` for absent things, as OAM-Ref is arranged."""

import json
import pickle
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rs2sam2.data.building.picture import Footprint
from rs2sam2.data.building.sentences import Sentence
from rs2sam2.data.coco_masks import encode_mask
from rs2sam2.data.rrsisd import ANNOTATIONS, IMAGES
from rs2sam2.errors import OutputError

REFER = Path("refer")
# What any pickle reader understands; the published loaders are older than protocol 5.
_PROTOCOL = 2


@dataclass(frozen=True)
class Outline:
    """An object of a picture as it is written: compressed run lengths, pixels, (left, upper, width, height)."""

    noun: str
    code: Mapping[str, Any]
    area: int
    box: tuple[int, int, int, int]
    referable: bool

    @classmethod
    def of(cls, footprint: Footprint, height: int, width: int, *, referable: bool) -> "Outline":
        """Take an object of a picture of this size.

        Raises:
            MissingExtraError: pycocotools is not installed.
        """
        tall, wide = footprint.mask.shape
        box = footprint.left, footprint.upper, wide, tall
        code = encode_mask(footprint.whole(height, width), "rs2sam2 data build")
        return cls(footprint.noun, code, int(footprint.mask.sum()), box, referable)


@dataclass(frozen=True)
class Entry:
    """A picture of the set with its objects and what is said about them."""

    name: str
    split: str
    place: str
    height: int
    width: int
    facts: Mapping[str, Any]
    outlines: Sequence[Outline]
    sentences: Sequence[Sentence]


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its place when the block ends well, and vanishes otherwise.

    Raises:
        OutputError: `path` exists, or cannot be written.
    """
    if path.exists() or path.is_symlink():
        raise OutputError(f"{path}: exists: give another folder, or remove this one first")
    try:
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    except OSError as error:
        raise OutputError(
            f"{path}: cannot be written ({error.strerror}): give a place in a folder that is there"
        ) from error
    try:
        yield temporary
        temporary.chmod(0o755)
        temporary.rename(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}): give another place") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_annotations(root: Path, entries: Sequence[Entry], nouns: Sequence[str]) -> None:
    """Write `instances.json`, `refs(unc).p`, `refs(group).p` if there are groups, and `no_target.json`.

    `instances.json` lists all objects, also those that no sentence means, and after them the union of each group.
    """
    writer = _Writer({noun: number for number, noun in enumerate(nouns, start=1)})
    for entry in entries:
        writer.add(entry)
    folder = root / REFER / ANNOTATIONS
    folder.mkdir(parents=True, exist_ok=True)
    categories = [{"id": number, "name": noun} for noun, number in writer.categories.items()]
    instances = {"images": writer.images, "annotations": writer.annotations, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(instances) + "\n", encoding="utf-8")
    for name, refs in (("unc", writer.single), ("group", writer.group)):
        if refs:
            # Once through JSON: plain containers, and the same bytes whichever texts happen to be one object.
            (folder / f"refs({name}).p").write_bytes(pickle.dumps(json.loads(json.dumps(refs)), protocol=_PROTOCOL))
    if writer.absent:
        text = json.dumps(writer.absent, indent=1, ensure_ascii=False)
        (root / "no_target.json").write_text(text + "\n", encoding="utf-8")


class _Writer:
    """Numbers everything in the order in which it comes, from 1."""

    def __init__(self, categories: Mapping[str, int]) -> None:
        self.categories = dict(categories)
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self.single: list[dict[str, Any]] = []
        self.group: list[dict[str, Any]] = []
        self.absent: list[dict[str, Any]] = []
        self._sentences = 0

    def add(self, entry: Entry) -> None:
        image = len(self.images) + 1
        self.images.append(
            {"id": image, "file_name": entry.name, "height": entry.height, "width": entry.width}
            | {"split": entry.split, "place": entry.place, **entry.facts}
        )
        ids = [
            self._annotate(image, outline.noun, outline.code, outline.area, outline.box, referable=outline.referable)
            for outline in entry.outlines
        ]
        by_targets: dict[tuple[int, ...], list[Sentence]] = {}
        for sentence in entry.sentences:
            if sentence.targets:
                by_targets.setdefault(tuple(sorted(sentence.targets)), []).append(sentence)
            else:
                self.absent.append(
                    {
                        "image": str(REFER / IMAGES / entry.name),
                        "split": entry.split,
                        "sentence": sentence.text,
                        "kind": sentence.kind,
                        "category": sentence.noun,
                        "pair": sentence.pair,
                    }
                )
        for targets, sentences in sorted(by_targets.items()):
            noun = entry.outlines[targets[0]].noun
            if len(targets) == 1:
                self._refer(self.single, entry, image, ids[targets[0]], noun, sentences)
            else:
                union = self._unite(image, noun, [ids[target] for target in targets])
                self._refer(self.group, entry, image, union, noun, sentences)

    def _annotate(
        self, image: int, noun: str, code: Mapping[str, Any], area: int, box: Sequence[int], **more: object
    ) -> int:
        number = len(self.annotations) + 1
        self.annotations.append(
            {"id": number, "image_id": image, "category_id": self.categories.get(noun), "iscrowd": 0}
            | {"segmentation": [code], "area": area, "bbox": list(box), **more}
        )
        return number

    def _unite(self, image: int, noun: str, members: Sequence[int]) -> int:
        from pycocotools import mask as coco_mask

        code = coco_mask.merge([self.annotations[member - 1]["segmentation"][0] for member in members])
        box = [int(value) for value in coco_mask.toBbox(code)]
        whole = {"size": [int(side) for side in code["size"]], "counts": code["counts"].decode()}
        return self._annotate(image, noun, whole, int(coco_mask.area(code)), box, members=list(members))

    def _refer(
        self, refs: list[dict[str, Any]], entry: Entry, image: int, annotation: int, noun: str, said: Sequence[Sentence]
    ) -> None:
        sentences = []
        for sentence in said:
            self._sentences += 1
            plain = sentence.text.lower().removesuffix(".")
            sentences.append(
                {"sent_id": self._sentences, "raw": sentence.text, "sent": plain, "tokens": plain.split()}
                | {"kind": sentence.kind, "pair": sentence.pair}
            )
        refs.append(
            {
                "ref_id": len(self.single) + len(self.group) + 1,
                "ann_id": annotation,
                "image_id": image,
                "category_id": self.categories[noun],
                "file_name": entry.name,
                "split": entry.split,
                "sentences": sentences,
                "sent_ids": [sentence["sent_id"] for sentence in sentences],
            }
        )
