"""Pairs of rendered scenes: what is said means one thing in the first and certainly nothing in the second.

Claims, not words, are compared, so that both halves are verified by the same margins as training's sentences.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rs2sam2.data.attributes import Attributes, Fit
from rs2sam2.data.claims import SINGLE_FORMS, Claim, Claims
from rs2sam2.data.expressions import COLOURS, LEAST_SEEN, LEAST_SHARE
from rs2sam2.data.scene import Scene
from rs2sam2.data.synthetic import CATEGORIES
from rs2sam2.data.wording import Wording, ambiguous_names

REASONS = ("class", "colour", "place")
"""Why a claim means nothing: no such thing at all, none of that colour, or none there."""
_NOBODY = Fit(frozenset(), frozenset())


@dataclass(frozen=True)
class SentencePair:
    """A sentence with the numbers of the scene that shows its thing and of the one that does not, and why not."""

    sentence: str
    there: int
    absent: int
    reason: str


@dataclass(frozen=True)
class _Catalogue:
    """What the claims about a scene come to.

    Attributes:
        classes: categories that are shown.
        sole: form and number of each claim that means one thing.
        nothing: number of each claim that certainly means nothing -> index into `REASONS`.
    """

    classes: frozenset[str]
    sole: list[tuple[str, int]]
    nothing: dict[int, int]


class PairMaker:
    """Collects scenes, then pairs them."""

    def __init__(self) -> None:
        self._numbers: dict[Claim, int] = {}
        self._catalogues: list[_Catalogue] = []

    def add(self, scene: Scene) -> None:
        """List every claim about the next scene; relations are left out, for their anchors are of one scene."""
        attributes = Attributes(scene)
        catalogue = _Catalogue(frozenset(scene.things[index].category for index in attributes.shown), [], {})
        for form, claim in _listed(attributes):
            number = self._numbers.setdefault(replace(claim, fit=_NOBODY), len(self._numbers))
            if claim.fit.sole is not None:
                if _is_target(attributes, claim.fit.sole):
                    catalogue.sole.append((form, number))
            elif not claim.fit.possible:
                catalogue.nothing[number] = REASONS.index(_reason(attributes, claim))
        self._catalogues.append(catalogue)

    def pairs(self, count: int, rng: np.random.Generator) -> list[SentencePair]:
        """Up to `count` pairs, the scenes in turn; as far as scenes allow, each of `REASONS` gives a third."""
        reasons = np.full((len(self._catalogues), len(self._numbers)), -1, dtype=np.int8)
        for row, catalogue in enumerate(self._catalogues):
            reasons[row, list(catalogue.nothing)] = list(catalogue.nothing.values())
        claims = list(self._numbers)
        uses = np.zeros(len(self._catalogues), dtype=np.int64)
        made: list[SentencePair] = []
        for turn in range(count):
            there = turn % len(self._catalogues)
            for number in _by_weight(self._catalogues[there].sole, rng):
                absent = _least_used(reasons[:, number] == turn % len(REASONS), uses, rng)
                if absent is not None:
                    classes = self._catalogues[there].classes | self._catalogues[absent].classes
                    sentence = Wording(rng, ambiguous_names(classes)).phrase(claims[number])
                    made.append(SentencePair(sentence, there, absent, REASONS[reasons[absent, number]]))
                    break
        return made


def _listed(attributes: Attributes) -> Iterator[tuple[str, Claim]]:
    """Form and claim, about every class in every colour that is asked for."""
    for noun in CATEGORIES:
        claims = Claims(attributes, noun, COLOURS[noun])
        for form in SINGLE_FORMS:
            if "relation" not in form:
                yield from ((form, claim) for claim in claims.of(form))


def _is_target(attributes: Attributes, index: int) -> bool:
    """Whether a thing is seen well enough to be meant, as `make_expressions` has it."""
    seen, full = attributes.seen_area[index], attributes.whole_area[index]
    large_enough = seen >= max(LEAST_SHARE * attributes.scene.labels.size, LEAST_SEEN * full)
    return bool(large_enough and attributes.scene.things[index].referable)


def _reason(attributes: Attributes, claim: Claim) -> str:
    of_class = attributes.category(claim.noun)
    if not of_class.possible:
        return "class"
    if claim.colour and not (of_class & attributes.colour(claim.colour)).possible:
        return "colour"
    return "place"


def _by_weight(sole: Sequence[tuple[str, int]], rng: np.random.Generator) -> Iterator[int]:
    """Numbers of claims in random order; a form comes early as often as it is used in expressions."""
    if not sole:
        return iter(())
    frequency: dict[str, int] = {}
    for form, _ in sole:
        frequency[form] = frequency.get(form, 0) + 1
    weights = np.array([SINGLE_FORMS[form] / frequency[form] for form, _ in sole])
    order = rng.choice(len(sole), size=len(sole), replace=False, p=weights / weights.sum())
    return (sole[int(index)][1] for index in order)


def _least_used(fitting: NDArray[np.bool_], uses: NDArray[np.int64], rng: np.random.Generator) -> int | None:
    """One of the fitting scenes that was used least often; counts the use."""
    if not fitting.any():
        return None
    least = np.flatnonzero(fitting & (uses == uses[fitting].min()))
    chosen = int(rng.choice(least))
    uses[chosen] += 1
    return chosen
