"""What is asked: every sentence of a split, with the place that its picture shows."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path

from rs2sam2.data.places import PlacePattern
from rs2sam2.data.registry import open_dataset
from rs2sam2.data.sample import Sample
from rs2sam2.errors import DataError


@dataclass(frozen=True)
class Question:
    """A sentence about a picture.

    Attributes:
        sample: tells it from all others of the split; fit for a file name.
        picture: name of the image.
        place: is resampled as a whole; several pictures may show one place.
        sentence: the words.
        kind: of sentence, where the set records it; else "any".
        category: of thing, where the set records it; else "any".
        read: gives pixels and truth anew, so that none are kept longer than they are needed.
    """

    sample: str
    picture: str
    place: str
    sentence: str
    kind: str
    category: str
    read: Callable[[], Sample] = field(repr=False, compare=False)


def read_questions(data: str, root: Path, split: str, place_pattern: str | None = None) -> list[Question]:
    """Every sentence of a split, in the set's order.

    Args:
        data: name of the data set.
        root: its folder.
        split: of it.
        place_pattern: regular expression; what its first group finds in a picture's name is the place. Without it,
            every picture is a place of its own.

    Raises:
        DataError: the set cannot be read, or two samples have one name.
        ConfigError: the pattern is none, or does not fit a picture's name.
    """
    places = PlacePattern(place_pattern)
    samples = open_dataset(data, root, split)
    questions = [
        Question(
            sample.sample_id,
            sample.name,
            places(sample.name),
            sample.sentence,
            sample.kind or "any",
            sample.category or "any",
            partial(samples.__getitem__, index),
        )
        for index, sample in enumerate(samples)
    ]
    if len({question.sample for question in questions}) < len(questions):
        raise DataError(f"{root}: two samples of split {split!r} have the same name: get the data set again")
    return questions


def questions_sha256(questions: Sequence[Question]) -> str:
    """Checksum of what is asked: samples, pictures, places and words, but neither pixels nor truth."""
    digest = sha256()
    for one in questions:
        digest.update(
            json.dumps([one.sample, one.picture, one.place, one.sentence, one.kind, one.category]).encode() + b"\n"
        )
    return digest.hexdigest()
