"""Pairs of scenes: what is said means something in the first and certainly nothing in the second.

Claims, not words, are compared, so that both halves are verified by the same margins as training's sentences.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rs2sam2.data.attributes import Attributes, Fit
from rs2sam2.data.claims import GROUP_FORMS, SINGLE_FORMS, Claim
from rs2sam2.data.expressions import LEAST_SEEN, LEAST_SHARE

REASONS = ("class", "colour", "place")
"""Why a claim means nothing: no such thing at all, none of that colour, or none there."""

Lister = Callable[[Attributes], Iterable[tuple[str, Claim]]]
"""Gives form and claim of all that is compared between scenes."""

_NOBODY = Fit(frozenset(), frozenset())
_SHARES = SINGLE_FORMS | GROUP_FORMS


@dataclass(frozen=True)
class Meant:
    """A claim that means something in a scene: its form, its number among all claims, and the things it means."""

    form: str
    number: int
    targets: frozenset[int]


@dataclass(frozen=True)
class ClaimPair:
    """A claim with the numbers of the scene where it means `targets` and of the one where it means nothing, and why."""

    form: str
    claim: Claim
    there: int
    targets: frozenset[int]
    absent: int
    reason: str


@dataclass(frozen=True)
class _Catalogue:
    """What the claims about a scene come to.

    Attributes:
        classes: categories that are shown.
        meant: claims that mean something for certain.
        nothing: number of each claim that certainly means nothing -> index into `REASONS`.
    """

    classes: frozenset[str]
    meant: list[Meant]
    nothing: dict[int, int]


class PairMaker:
    """Collects scenes, then pairs them."""

    def __init__(self, listed: Lister) -> None:
        """Compare what `listed` gives of each scene."""
        self._listed = listed
        self._numbers: dict[Claim, int] = {}
        self._catalogues: list[_Catalogue] = []

    def add(self, attributes: Attributes) -> None:
        """List every claim about the next scene."""
        things = attributes.scene.things
        catalogue = _Catalogue(frozenset(things[index].category for index in attributes.shown), [], {})
        for form, claim in self._listed(attributes):
            number = self._numbers.setdefault(_of_no_scene(claim), len(self._numbers))
            if targets := _meant(attributes, claim):
                catalogue.meant.append(Meant(form, number, targets))
            elif not claim.fit.possible:
                catalogue.nothing[number] = REASONS.index(_reason(attributes, claim))
        self._catalogues.append(catalogue)

    def classes(self, scene: int) -> frozenset[str]:
        """Categories that a scene shows."""
        return self._catalogues[scene].classes

    def meant(self, scene: int) -> list[Meant]:
        """What means something in a scene."""
        return self._catalogues[scene].meant

    def claims(self) -> list[Claim]:
        """All claims by number, without what they fit."""
        return list(self._numbers)

    def pairs(self, turns: int, rng: np.random.Generator) -> Iterator[ClaimPair]:
        """A pair a turn where there is one, the scenes in turn; `REASONS` by turns, so that each gives a third."""
        reasons = np.full((len(self._catalogues), len(self._numbers)), -1, dtype=np.int8)
        for row, catalogue in enumerate(self._catalogues):
            reasons[row, list(catalogue.nothing)] = list(catalogue.nothing.values())
        claims = self.claims()
        uses = np.zeros(len(self._catalogues), dtype=np.int64)
        for turn in range(turns):
            there = turn % len(self._catalogues)
            for meant in by_weight(self._catalogues[there].meant, rng):
                absent = _least_used(reasons[:, meant.number] == turn % len(REASONS), uses, rng)
                if absent is not None:
                    reason = REASONS[reasons[absent, meant.number]]
                    yield ClaimPair(meant.form, claims[meant.number], there, meant.targets, absent, reason)
                    break


def by_weight(meant: Sequence[Meant], rng: np.random.Generator) -> Iterator[Meant]:
    """Claims in random order; a form comes early as often as it is used in expressions."""
    if not meant:
        return iter(())
    frequency: dict[str, int] = {}
    for one in meant:
        frequency[one.form] = frequency.get(one.form, 0) + 1
    weights = np.array([_SHARES[one.form] / frequency[one.form] for one in meant])
    order = rng.choice(len(meant), size=len(meant), replace=False, p=weights / weights.sum())
    return (meant[int(index)] for index in order)


def is_target(attributes: Attributes, index: int) -> bool:
    """Whether a thing is seen well enough to be meant, as `make_expressions` has it."""
    seen, full = attributes.seen_area[index], attributes.whole_area[index]
    large_enough = seen >= max(LEAST_SHARE * attributes.scene.labels.size, LEAST_SEEN * full)
    return bool(large_enough and attributes.scene.things[index].referable)


def _of_no_scene(claim: Claim) -> Claim:
    """The claim without what it fits, so that claims about several scenes can be equal."""
    anchor = None if claim.anchor is None else replace(claim.anchor, fit=_NOBODY)
    return replace(claim, fit=_NOBODY, anchor=anchor)


def _meant(attributes: Attributes, claim: Claim) -> frozenset[int]:
    """What a claim means beyond doubt: one thing that can be meant, or in the plural several, one of which can."""
    fit = claim.fit
    if fit.certain != fit.possible or (len(fit.certain) > 1) != claim.plural:
        return frozenset()
    return fit.certain if any(is_target(attributes, index) for index in fit.certain) else frozenset()


def _reason(attributes: Attributes, claim: Claim) -> str:
    of_class = attributes.category(claim.noun)
    if not of_class.possible:
        return "class"
    if claim.colour and not (of_class & attributes.colour(claim.colour)).possible:
        return "colour"
    return "place"


def _least_used(fitting: NDArray[np.bool_], uses: NDArray[np.int64], rng: np.random.Generator) -> int | None:
    """One of the fitting scenes that was used least often; counts the use."""
    if not fitting.any():
        return None
    least = np.flatnonzero(fitting & (uses == uses[fitting].min()))
    chosen = int(rng.choice(least))
    uses[chosen] += 1
    return chosen
