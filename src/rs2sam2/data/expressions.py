"""Referring expressions made from a scene's instance map, each verified: its targets fit, and nothing else could.

Three sorts: expressions of one thing, of a group, and expressions that mean nothing in the scene (empty targets). The
last say the same things in the same words: a class, object or colour that is not there, or that is certainly not where
they say it is.
"""

from bisect import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import accumulate
from typing import TypeVar

import numpy as np

from rs2sam2.data.absent_objects import ABSENT_OBJECTS
from rs2sam2.data.attributes import Attributes
from rs2sam2.data.claims import GROUP_FORMS, SINGLE_FORMS, Claim, Claims
from rs2sam2.data.scene import Scene
from rs2sam2.data.wording import Wording, ambiguous_names

# Class -> colours that expressions use and how often those do that mean nothing.
COLOURS: dict[str, dict[str, float]] = {
    "building": {"red": 4, "blue": 4, "white": 2.5, "orange": 1, "rusty brown": 1, "dark gray": 0.7, "green": 0.7},
    "aircraft": {"white": 1},
    "ship": {"white": 2, "red": 1, "blue": 1, "green": 0.5},
    "storage tank": {"white": 1, "rusty brown": 1},
    "vehicle": {"white": 2, "red": 2, "blue": 2, "black": 1, "yellow": 1, "green": 0.5},
    "tennis court": {"blue": 2, "green": 2, "red": 1, "orange": 0.5},
    "basketball court": {"blue": 2, "green": 2, "red": 1, "orange": 0.5},
    "swimming pool": {"blue": 1},
}
OTHER_COLOURS = {"white": 2.0, "red": 1, "blue": 1, "green": 1, "orange": 0.5, "dark gray": 0.5}
# A target has to be seen: this share of the image's pixels, and of the thing unless the part that is left is large.
LEAST_SHARE = 0.0006
LEAST_SEEN = 0.6
# The forms of plain language, and how often each is drawn.
PLAIN_FORMS = {"extreme": 4.0, "nearest corner": 4.0, "colour": 2.0}
ABSENT_OBJECT_SHARE = 0.35
ABSENT_GROUP_SHARE = 0.1
# Limits that keep scenes with little to say quick.
MOST_DRAWS = 12
MOST_ANCHORS = 5

T = TypeVar("T")


@dataclass(frozen=True)
class Expression:
    """Words that mean some things of a scene.

    Attributes:
        text: the words.
        kind: as in OAM-Ref: "position", "size", "size+position", "colour", "colour+position", "size+colour",
            "relation", "ordinal", "shape", "only", "class", "class+position", "group all|side|colour|colour+side", and
            "absent object" or "absent " and the kind that it would have if it meant something.
        targets: indices into `Scene.things`; empty if the words mean nothing in the scene.
        claim: what the words say.
        form: of the claim.
    """

    text: str
    kind: str
    targets: tuple[int, ...]
    claim: Claim
    form: str


def make_expressions(
    scene: Scene,
    rng: np.random.Generator,
    count: int,
    group_share: float = 0.12,
    absent_share: float = 0.2,
    *,
    plain: bool = False,
) -> list[Expression]:
    """Draw expressions that are true of a scene.

    Args:
        scene: the scene, as it will be shown (expressions made before a flip or cut would be false after it).
        rng: source of all choices.
        count: most expressions to return; fewer come back from scenes with little to say.
        group_share: chance for each to mean a group.
        absent_share: chance for each to mean nothing in the scene.
        plain: only extremes, colours and the like, each always in the same words (`PLAIN_FORMS`).

    Returns:
        Expressions with distinct texts, with different targets as far as possible.
    """
    maker = _Maker(scene, rng, plain)
    made: dict[str, Expression] = {}
    for _ in range(count):
        draw = rng.random()
        makers = [maker.single, maker.group]
        if draw < absent_share or not maker.classes:
            makers = [maker.absent]
        elif draw < absent_share + group_share:
            makers.reverse()
        expression = next((found for make in makers if (found := make()) is not None), None)
        if expression is not None:
            made.setdefault(expression.text, expression)
    return list(made.values())


def certainly_absent(expression: Expression, attributes: Attributes) -> bool:
    """Whether an expression that was made for one scene certainly means nothing in another.

    False in doubt: for what relates to other things, for classes of which the scene does not tell whether it has them,
    and for names that could mean things of another class there.

    Args:
        expression: as made for its own scene.
        attributes: of the other one.
    """
    claim, scene = expression.claim, attributes.scene
    shown = {scene.things[index].category for index in attributes.shown}
    known = scene.absent | {thing.category for thing in scene.things}
    if claim.anchor is not None or claim.noun not in known:
        return False
    if any(name in expression.text for name in ambiguous_names(shown | {claim.noun})):
        return False
    listed = Claims(attributes, claim.noun, (claim.colour,) if claim.colour else ()).of(expression.form)
    return any(not other.fit.possible and replace(other, fit=claim.fit) == claim for other in listed)


class _Maker:
    """Expressions of one scene; remembers what was listed and which targets were used."""

    def __init__(self, scene: Scene, rng: np.random.Generator, plain: bool) -> None:
        self._scene = scene
        self._rng = rng
        self._forms = PLAIN_FORMS if plain else SINGLE_FORMS
        self._attributes = Attributes(scene)
        things, shown = scene.things, self._attributes.shown
        self.classes = sorted({things[index].category for index in shown})
        self._wording = Wording(rng, ambiguous_names(self.classes), plain=plain)
        least = LEAST_SHARE * scene.labels.size
        area, full = self._attributes.seen_area, self._attributes.whole_area
        self._targets = frozenset(
            index for index in shown if things[index].referable and area[index] >= max(least, LEAST_SEEN * full[index])
        )
        self._used: set[int] = set()

    def single(self) -> Expression | None:
        """An expression of one thing."""
        drawn = self._drawn(self.classes, self._forms, self._means_one)
        if drawn is None:
            return None
        self._used |= drawn[0].fit.certain
        return self._said(*drawn)

    def group(self) -> Expression | None:
        """An expression of all things that fit, at least two."""
        drawn = self._drawn(self.classes, GROUP_FORMS, self._means_group)
        return None if drawn is None else self._said(*drawn)

    def absent(self) -> Expression | None:
        """An expression that means nothing here."""
        forms = GROUP_FORMS if self._rng.random() < ABSENT_GROUP_SHARE else self._forms
        unseen = not self.classes or self._rng.random() < ABSENT_OBJECT_SHARE
        drawn = self._drawn([self._absent_noun()] if unseen else self.classes, forms, _means_nothing)
        if drawn is None:
            return None
        return replace(self._said(*drawn), kind="absent object") if unseen else self._said(*drawn)

    def _said(self, claim: Claim, form: str) -> Expression:
        kind = claim.kind
        if kind == "position" and self.classes != ["building"]:
            kind = "class+position"
        targets = tuple(sorted(claim.fit.certain))
        return Expression(self._wording.phrase(claim), kind if targets else f"absent {kind}", targets, claim, form)

    def _drawn(
        self, nouns: Sequence[str], forms: Mapping[str, float], fits: Callable[[Claim], bool]
    ) -> tuple[Claim, str] | None:
        """A claim that `fits`, with its form: class and form are drawn, then a claim, unused targets first."""
        left = {(noun, form): share for noun in nouns for form, share in forms.items()}
        spare = None
        for _ in range(MOST_DRAWS):
            if not left:
                break
            noun, form = self._weighted(left)
            del left[noun, form]
            claims = [claim for claim in self._claims(noun, form, fits is not _means_nothing) if fits(claim)]
            fresh = [claim for claim in claims if not claim.fit.certain & self._used]
            if fresh:
                return self._one(fresh), form
            spare = (self._one(claims), form) if claims and spare is None else spare
        return spare

    def _claims(self, noun: str, form: str, present: bool) -> list[Claim]:
        """Claims of a form; colours that nothing shows are only worth listing for what is absent."""
        shares = COLOURS.get(noun, OTHER_COLOURS)
        if present:
            colours = [colour for colour in shares if self._attributes.colour(colour).certain]
        else:
            colours = [self._weighted(shares)]
        anchors = self._anchors if "relation" in form else ()
        return list(Claims(self._attributes, noun, colours, anchors).of(form))

    @cached_property
    def _anchors(self) -> list[Claim]:
        """A few claims that others may relate to."""
        found = [
            claim
            for noun in self.classes
            for claim in Claims(self._attributes, noun, COLOURS.get(noun, ())).anchors()
            if claim.fit.certain <= self._targets
        ]
        return [found[index] for index in self._rng.permutation(len(found))[:MOST_ANCHORS]]

    def _absent_noun(self) -> str:
        """A class whose things all lie outside the scene, or one that it is known not to show, or another object."""
        outside = {thing.category for thing in self._scene.things} - set(self.classes)
        unseen = self._scene.absent - set(self.classes)
        draw = self._rng.random()
        if outside and draw < 0.4:
            return self._one(sorted(outside))
        return self._one(sorted(unseen) if unseen and draw < 0.7 else _unseen_objects(unseen))

    def _means_one(self, claim: Claim) -> bool:
        return claim.fit.sole in self._targets

    def _means_group(self, claim: Claim) -> bool:
        fit = claim.fit
        clear = len(fit.certain) > 1 and fit.certain == fit.possible
        return clear and bool(fit.certain & self._targets)

    def _one(self, choices: Sequence[T]) -> T:
        return choices[int(self._rng.integers(len(choices)))]

    def _weighted(self, shares: Mapping[T, float]) -> T:
        totals = list(accumulate(shares.values()))
        return list(shares)[bisect(totals, self._rng.random() * totals[-1])]


@cache
def _unseen_objects(unseen: frozenset[str]) -> list[str]:
    """Objects that cannot be there when these classes are not."""
    return [name for name, rivals in ABSENT_OBJECTS.items() if rivals <= unseen]


def _means_nothing(claim: Claim) -> bool:
    return not claim.fit.possible
