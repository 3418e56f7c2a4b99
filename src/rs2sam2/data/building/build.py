"""From pictures with outlined objects to a referring data set on disk: split by place, said, verified, written."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rs2sam2.data.building.picture import MOST_OBJECTS, Footprint, Picture, Source, scene_of
from rs2sam2.data.building.places import SPLITS, check_shares, split_places
from rs2sam2.data.building.sentences import SentenceMaker
from rs2sam2.data.building.sheets import write_sheets
from rs2sam2.data.building.writing import REFER, Entry, Outline, whole_folder, write_annotations
from rs2sam2.data.rrsisd import IMAGES
from rs2sam2.data.scene import Scene
from rs2sam2.errors import ConfigError, DataError

FORMAT = "rs2sam2.data-build/1"
# Pictures that are compared with each other for pairs: more would find few more, and take memory.
TOGETHER = 256
_PLACES, _ORDER, _SAID, _SHEETS = range(4)

Tick = Callable[[int, int], None]


@dataclass(frozen=True)
class Wishes:
    """What the set should be like.

    Attributes:
        val: share of the objects, by place.
        test: share of the objects, by place.
        sentences: most for each thing.
        absent: share of the sentences that mean nothing in their picture.
        seed: of everything that is drawn.
    """

    val: float = 0.15
    test: float = 0.15
    sentences: int = 3
    absent: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            ConfigError: a value is out of range.
        """
        check_shares(self.val, self.test)
        if not 0 <= self.absent <= 0.5:
            raise ConfigError(f"--absent {self.absent}: no share from 0 to 0.5: each such sentence is true elsewhere")
        if self.sentences < 1:
            raise ConfigError(f"--sentences {self.sentences}: nothing would be said: give 1 or more")


def build(source: Source, output: Path, wishes: Wishes, tick: Tick) -> dict[str, Any]:
    """Write a data set.

    Args:
        source: pictures with objects.
        output: folder to be made; it appears whole or not at all.
        wishes: what the set should be like.
        tick: called with pictures done and in all.

    Returns:
        What is also in `build.json`: of what and how it was made, counts for each split, notes.

    Raises:
        DataError, ImageError: a picture cannot be read, or a split gets no sentences.
        OutputError: the folder exists or cannot be written.
    """
    places = source.places()
    split_of = split_places(places, wishes.val, wishes.test, _generator(wishes, _PLACES))
    pictures = source.pictures(split_of)
    done = iter(range(1, len(pictures) + 1))
    with whole_folder(output) as root:
        (root / REFER / IMAGES).mkdir(parents=True)
        entries: list[Entry] = []
        crowded = pairs = 0
        for number, (split, chunk) in enumerate(_chunks(pictures, split_of, wishes)):
            drafts = []
            maker = SentenceMaker(source.nouns, _generator(wishes, _SAID, number))
            for picture in chunk:
                seen = picture.read()
                if seen is not None and len(seen[1]) <= MOST_OBJECTS:
                    scene, footprints = scene_of(*seen)
                    picture.write(root / REFER / IMAGES / picture.name, scene.image)
                    maker.add(scene)
                    drafts.append(_draft(picture, split, scene, footprints))
                else:
                    crowded += seen is not None
                tick(next(done), len(pictures))
            said = maker.sentences(wishes.sentences, wishes.absent, pairs + 1)
            pairs += sum(not sentence.targets for sentences in said for sentence in sentences)
            entries += [replace(draft, sentences=one) for draft, one in zip(drafts, said, strict=True)]
        entries = _kept(entries, pictures, root)
        counts = _counts(entries)
        _require_all(set(split_of.values()), counts)
        if crowded:
            source.notes.append(f"{crowded} pictures with more than {MOST_OBJECTS} objects were left out")
        record = {
            "format": FORMAT,
            "source": source.record,
            "wishes": asdict(wishes),
            "splits": counts,
            "notes": source.notes,
        }
        write_annotations(root, entries, source.nouns)
        (root / "build.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        write_sheets(root, sorted(counts), _generator(wishes, _SHEETS))
    return record


def _chunks(
    pictures: Sequence[Picture], split_of: Mapping[str, str], wishes: Wishes
) -> Iterator[tuple[str, list[Picture]]]:
    """Pictures of one split, in random order so that the far apart meet, `TOGETHER` at a time."""
    for split in SPLITS:
        found = [picture for picture in pictures if split_of[picture.place] == split]
        order = _generator(wishes, _ORDER, SPLITS.index(split)).permutation(len(found))
        for start in range(0, len(found), TOGETHER):
            yield split, [found[int(index)] for index in order[start : start + TOGETHER]]


def _draft(picture: Picture, split: str, scene: Scene, footprints: Sequence[Footprint]) -> Entry:
    """A picture with its objects, before anything is said about it."""
    height, width = scene.labels.shape
    outlines = [
        Outline.of(footprint, height, width, referable=thing.referable)
        for footprint, thing in zip(footprints, scene.things, strict=True)
    ]
    return Entry(picture.name, split, picture.place, height, width, picture.facts, outlines, ())


def _kept(entries: Sequence[Entry], pictures: Sequence[Picture], root: Path) -> list[Entry]:
    """Entries about which something is said, in the order of the pictures; the images of the others are removed."""
    position = {picture.name: number for number, picture in enumerate(pictures)}
    for entry in entries:
        if not entry.sentences:
            (root / REFER / IMAGES / entry.name).unlink()
    return sorted((entry for entry in entries if entry.sentences), key=lambda entry: position[entry.name])


def _counts(entries: Sequence[Entry]) -> dict[str, dict[str, int]]:
    """Of each split: places, images, things that are meant alone, and sentences of each sort."""
    counts = {}
    for split in SPLITS:
        chosen = [entry for entry in entries if entry.split == split]
        sizes = Counter(min(len(said.targets), 2) for entry in chosen for said in entry.sentences)
        if chosen:
            counts[split] = {
                "places": len({entry.place for entry in chosen}),
                "images": len(chosen),
                "things": sum(len({said.targets for said in one.sentences if said.single}) for one in chosen),
                "single": sizes[1],
                "group": sizes[2],
                "absent": sizes[0],
            }
    return counts


def _require_all(wanted: Collection[str], counts: Mapping[str, Mapping[str, int]]) -> None:
    bare = sorted(split for split in wanted if not counts.get(split, {}).get("single"))
    if bare:
        raise DataError(
            f"split {', '.join(bare)}: no sentence singles out anything there: give more images, other tiles, another "
            "--seed, or leave splits out with --val 0 --test 0"
        )


def _generator(wishes: Wishes, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(wishes.seed, spawn_key=key))
