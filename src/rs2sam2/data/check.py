"""What is wrong with a data set as it lies on disk: every file is opened, every mask decoded."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from rs2sam2.data.pixels import read_rgb
from rs2sam2.data.reading import read_bytes
from rs2sam2.data.sample import SPLITS, MaskFile, ReferringDataset, Sample
from rs2sam2.errors import DataError, ImageError

FORMAT = "rs2sam2.data-check/1"

Kind = Literal[
    "annotations unreadable",
    "image missing",
    "image damaged",
    "mask missing",
    "mask damaged",
    "image and mask differ in size",
    "mask empty",
    "sentence blank",
    "expression duplicated",
    "sample id duplicated",
    "image in several splits",
    "not the published set",
    "sentence too long for the model",
]
# What may be so on purpose, or says more about the model than about the data.
_WARNINGS = frozenset({"not the published set", "sentence too long for the model"})

Note = tuple[Kind, str]
Tick = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Finding:
    """One kind of fault.

    Attributes:
        kind: which one.
        level: "error", or "warning" where nothing need be wrong.
        examples: every place where it was found.
    """

    kind: Kind
    level: Literal["error", "warning"]
    examples: tuple[str, ...]


@dataclass(frozen=True)
class SplitCounts:
    """What a split holds; `published` is its number of sentences as published, None where not known."""

    sentences: int = 0
    images: int = 0
    no_object: int = 0
    published: int | None = None


@dataclass(frozen=True)
class Report:
    """What was looked at and what was found."""

    name: str
    root: str
    splits: Mapping[str, SplitCounts]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong; warnings do not count."""
        return all(finding.level == "warning" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """Plain containers, for JSON."""
        findings = [
            {"kind": found.kind, "level": found.level, "count": len(found.examples), "examples": list(found.examples)}
            for found in self.findings
        ]
        splits = {split: asdict(counts) for split, counts in self.splits.items()}
        return {"format": FORMAT, "name": self.name, "root": self.root, "ok": self.ok} | {
            "splits": splits,
            "findings": findings,
        }


def check(
    reader: type[ReferringDataset], root: Path, tokens: Callable[[str], int], most_tokens: int, tick: Tick
) -> Report:
    """Look at every sentence, image and mask of a data set.

    Args:
        reader: class of the data set.
        root: its folder.
        tokens: length of a sentence for the model.
        most_tokens: the longest that the model reads.
        tick: called with split, images done and images in all, from time to time.

    Raises:
        DataError: there is nothing of such a data set in this folder, or its annotations are not there.
        MissingExtraError: its masks are polygons, and pycocotools is not installed.
    """
    notes: list[Note] = []
    try:
        there = reader.splits(root)
    except DataError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise
        return Report(reader.name, str(root), {}, _findings([("annotations unreadable", str(error))]))
    if not there:
        raise DataError(f"{root}: nothing of {reader.name} here: check the folder and the name of the data set")
    counts: dict[str, SplitCounts] = {}
    seen: dict[str, dict[str, str]] = {}
    for split in dict.fromkeys((*(split for split in SPLITS if split in reader.published), *there)):
        samples: list[Sample] = []
        if split in there:
            try:
                samples = list(reader(root, split))
            except DataError as error:
                notes.append(("annotations unreadable", str(error)))
        files = _Files(reader, split, samples)
        seen[split] = files.hashes(tick, notes)
        counts[split] = SplitCounts(
            len(samples), len({sample.name for sample in samples}), files.no_object, reader.published.get(split)
        )
        notes += _sentence_notes(split, samples, tokens, most_tokens)
    notes += _count_notes(counts)
    notes += _shared_notes(seen)
    return Report(reader.name, str(root), counts, _findings(notes))


class _Files:
    """The images of a split with the sentences about each."""

    def __init__(self, reader: type[ReferringDataset], split: str, samples: Iterable[Sample]) -> None:
        self.split, self.empty_allowed, self.no_object = split, reader.has_no_object, 0
        self.by_image: dict[Path, list[Sample]] = defaultdict(list)
        for sample in samples:
            self.by_image[sample.path].append(sample)

    def hashes(self, tick: Tick, notes: list[Note]) -> dict[str, str]:
        """Open everything; gives the checksum of each image's file by the image's name."""
        found = {}
        # Threads, because decoders let go of Python's lock.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            try:
                for done, (name, checksum, made, empty) in enumerate(pool.map(self._look, self.by_image.values())):
                    notes += made
                    self.no_object += empty
                    found[name] = checksum
                    tick(self.split, done + 1, len(self.by_image))
            finally:
                pool.shutdown(cancel_futures=True)
        return found

    def _look(self, samples: list[Sample]) -> tuple[str, str, list[Note], int]:
        """Name and checksum of an image, what is wrong with it and its masks, and how many sentences mean nothing."""
        path, name = samples[0].path, samples[0].name
        notes: list[Note] = []
        checksum, size, empty = "", None, 0
        if path.is_file():
            try:
                checksum = sha256(read_bytes(path)).hexdigest()
                size = read_rgb(path).shape[:2]
            except (ImageError, DataError) as error:
                notes.append(("image damaged", f"{self.split}: {error}"))
        else:
            notes.append(("image missing", f"{self.split}: {path}"))
        # Sentences about one thing share its mask.
        for sharing in _by_truth(samples).values():
            truth = sharing[0].truth
            where = f"{self.split}: {name}, " + ", ".join(sample.sample_id for sample in sharing)
            try:
                mask = truth.read()
            except (ImageError, DataError) as error:
                missing = isinstance(truth, MaskFile) and not truth.path.is_file()
                notes.append(("mask missing" if missing else "mask damaged", f"{where}: {error}"))
                continue
            if size is not None and mask.shape != size:
                shapes = "image {}x{}, mask {}x{}".format(*size[::-1], *mask.shape[::-1])
                notes.append(("image and mask differ in size", f"{where}: {shapes}"))
            if not mask.any():
                empty += len(sharing)
                if not self.empty_allowed:
                    notes.append(("mask empty", where))
        return name, checksum, notes, empty


def _by_truth(samples: Iterable[Sample]) -> dict[int, list[Sample]]:
    groups = defaultdict(list)
    for sample in samples:
        groups[id(sample.truth)].append(sample)
    return groups


def _sentence_notes(
    split: str, samples: Iterable[Sample], tokens: Callable[[str], int], most_tokens: int
) -> Iterator[Note]:
    asked: dict[tuple[Path, str], list[str]] = defaultdict(list)
    ids: Counter[str] = Counter()
    for sample in samples:
        ids[sample.sample_id] += 1
        where = f"{split}: {sample.name}, {sample.sample_id}"
        if not any(letter.isalnum() for letter in sample.sentence):
            yield "sentence blank", f"{where}: {sample.sentence!r}"
            continue
        asked[sample.path, " ".join(sample.sentence.split()).casefold()].append(sample.sample_id)
        if (length := tokens(sample.sentence)) > most_tokens:
            yield "sentence too long for the model", f"{where}: {length} tokens, the model reads {most_tokens}"
    for (path, sentence), which in asked.items():
        if len(which) > 1:
            yield "expression duplicated", f"{split}: {path.name}, {', '.join(which)}: {sentence!r}"
    for name, times in ids.items():
        if times > 1:
            yield "sample id duplicated", f"{split}: {name}, {times} times"


def _count_notes(splits: Mapping[str, SplitCounts]) -> Iterator[Note]:
    for split, counts in splits.items():
        if counts.published not in (None, counts.sentences):
            yield "not the published set", f"{split}: {counts.sentences} sentences, published are {counts.published}"


def _shared_notes(seen: Mapping[str, Mapping[str, str]]) -> Iterator[Note]:
    """Images of one split that another has too, under the same name or with the same bytes."""
    names: dict[str, list[str]] = defaultdict(list)
    contents: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for split, hashes in seen.items():
        for name, checksum in hashes.items():
            names[name].append(split)
            if checksum:
                contents[checksum].append((split, name))
    for name, splits in names.items():
        if len(splits) > 1:
            yield "image in several splits", f"{name}: {', '.join(splits)}"
    for copies in contents.values():
        if len({split for split, _ in copies}) > 1 and len({name for _, name in copies}) > 1:
            listed = ", ".join(f"{split} {name}" for split, name in copies)
            yield "image in several splits", f"the same file under several names: {listed}"


def _findings(notes: Iterable[Note]) -> tuple[Finding, ...]:
    """Notes by kind, errors first, each kind once."""
    examples: dict[Kind, list[str]] = defaultdict(list)
    for kind, example in notes:
        examples[kind].append(example)
    found = [
        Finding(kind, "warning" if kind in _WARNINGS else "error", tuple(listed)) for kind, listed in examples.items()
    ]
    return tuple(sorted(found, key=lambda finding: (finding.level, -len(finding.examples))))
