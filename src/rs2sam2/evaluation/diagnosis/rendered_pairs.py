"""Sentences about pairs of rendered scenes: they mean one thing in the first and certainly nothing in the second."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rs2sam2.data.attributes import Attributes
from rs2sam2.data.claim_pairs import PairMaker
from rs2sam2.data.claims import SINGLE_FORMS, Claim, Claims
from rs2sam2.data.expressions import COLOURS
from rs2sam2.data.synthetic import CATEGORIES
from rs2sam2.data.wording import Wording, ambiguous_names


@dataclass(frozen=True)
class SentencePair:
    """A sentence about one thing, asked of two scenes.

    Attributes:
        sentence: what is asked.
        there, absent: numbers of the scene that shows the thing and of the one that does not.
        reason: why it does not.
        kind: form of the sentence (`SINGLE_FORMS`).
        noun: class of the thing.
        target: its index in the scene that shows it.
    """

    sentence: str
    there: int
    absent: int
    reason: str
    kind: str
    noun: str
    target: int


def sentence_pairs(maker: PairMaker, count: int, rng: np.random.Generator) -> list[SentencePair]:
    """Up to `count` pairs; see `PairMaker.pairs`."""
    made = []
    for pair in maker.pairs(count, rng):
        ambiguous = ambiguous_names(maker.classes(pair.there) | maker.classes(pair.absent))
        sentence, (target,) = Wording(rng, ambiguous).phrase(pair.claim), pair.targets
        made.append(SentencePair(sentence, pair.there, pair.absent, pair.reason, pair.form, pair.claim.noun, target))
    return made


def listed(attributes: Attributes) -> Iterator[tuple[str, Claim]]:
    """Form and claim, about every class in every colour that is asked for; relations have anchors of one scene."""
    for noun in CATEGORIES:
        claims = Claims(attributes, noun, COLOURS[noun])
        for form in SINGLE_FORMS:
            if "relation" not in form:
                yield from ((form, claim) for claim in claims.of(form))
