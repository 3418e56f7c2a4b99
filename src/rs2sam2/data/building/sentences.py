"""What is said about some pictures: several sentences for each thing, some for groups, and pairs for absent things.

An absent thing's sentence is true, word for word, of another picture of the same split: what is said gives nothing
away, only looking does.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice

import numpy as np

from rs2sam2.data.attributes import Attributes
from rs2sam2.data.building.names import NamedAttributes, SetWording
from rs2sam2.data.claim_pairs import Meant, PairMaker, by_weight, is_target
from rs2sam2.data.claims import GROUP_FORMS, SINGLE_FORMS, Claim, Claims
from rs2sam2.data.expressions import COLOURS, OTHER_COLOURS
from rs2sam2.data.roof_colours import COLOUR_NAMES
from rs2sam2.data.scene import Scene

GROUPS_PER_THING = 0.15
_FORMS = SINGLE_FORMS | GROUP_FORMS
# What relations relate to: claims that other pictures are likely to share.
_ANCHOR_FORMS = ("class", "size", "colour")
_MOST_ANCHORS = 5
# The distances between all outlines are compared: beyond so many things that takes hundreds of megabytes.
_MOST_RELATED = 40
# Draws of words for one more sentence, before there is none.
_TRIES = 4
# Turns of drawing a pair, for each that is wanted.
_TURNS = 12


@dataclass(frozen=True)
class Sentence:
    """What is written.

    Attributes:
        text: the words.
        kind: as `Expression.kind`.
        noun: class of what is spoken of.
        targets: things of the scene that are meant; none for what is absent.
        pair: number that the two halves of a pair share; None for a sentence without a counterpart.
    """

    text: str
    kind: str
    noun: str
    targets: frozenset[int]
    pair: int | None = None

    @property
    def single(self) -> bool:
        """Whether it means one thing."""
        return len(self.targets) == 1


@dataclass
class _Page:
    """Sentences about one picture by what people hear: case, "the" and a full stop make no difference."""

    sentences: dict[str, Sentence] = field(default_factory=dict)

    def add(self, sentence: Sentence) -> bool:
        """Whether it was new."""
        return self.sentences.setdefault(_heard(sentence.text), sentence) is sentence

    def get(self, text: str) -> Sentence | None:
        return self.sentences.get(_heard(text))

    def replace(self, sentence: Sentence) -> None:
        self.sentences[_heard(sentence.text)] = sentence


class SentenceMaker:
    """Collects scenes of one split, then says something about each."""

    def __init__(self, nouns: Sequence[str], rng: np.random.Generator) -> None:
        """Speak of these classes; `rng` decides what is said and how."""
        self._nouns, self._rng = nouns, rng
        self._wording = SetWording(rng, nouns)
        self._maker = PairMaker(self._listed)
        self._pages: list[_Page] = []

    def add(self, scene: Scene) -> None:
        """Take the next scene; only what can be said about it is kept."""
        self._maker.add(NamedAttributes(scene))
        self._pages.append(_Page())

    def sentences(self, for_each: int, absent_share: float, first_pair: int) -> list[list[Sentence]]:
        """Sentences about each scene.

        Args:
            for_each: most of them for each thing, apart from those that a pair asks for.
            absent_share: share of all that mean nothing, as far as pairs can be found.
            first_pair: number of the first pair.
        """
        claims = self._maker.claims()
        for scene, page in enumerate(self._pages):
            self._say(page, self._maker.meant(scene), claims, for_each)
        said = sum(len(page.sentences) for page in self._pages)
        self._pair(round(said * absent_share / (1 - absent_share)), first_pair)
        return [list(page.sentences.values()) for page in self._pages]

    def _say(self, page: _Page, meant: Sequence[Meant], claims: Sequence[Claim], for_each: int) -> None:
        by_targets: dict[tuple[int, ...], list[Meant]] = {}
        for one in meant:
            by_targets.setdefault(tuple(sorted(one.targets)), []).append(one)
        singles = [targets for targets in by_targets if len(targets) == 1]
        groups = [targets for targets in by_targets if len(targets) > 1]
        most = int(self._rng.binomial(max(1, len(singles)), GROUPS_PER_THING)) if groups else 0
        drawn = [groups[int(index)] for index in self._rng.permutation(len(groups))[:most]]
        for targets in (*sorted(singles), *drawn):
            left = for_each
            for one in islice(cycle(_varied(by_weight(by_targets[targets], self._rng))), _TRIES * for_each):
                if left and page.add(self._worded(claims[one.number], one.targets)):
                    left -= 1

    def _pair(self, wanted: int, first_pair: int) -> None:
        """Say what is absent here and there elsewhere; a sentence that was said already may become one half."""
        found = 0
        for pair in self._maker.pairs(_TURNS * wanted, self._rng):
            if found == wanted:
                break
            there, absent = self._pages[pair.there], self._pages[pair.absent]
            sentence = self._worded(pair.claim, pair.targets)
            known = there.get(sentence.text)
            if absent.get(sentence.text) or (known and (known.targets != pair.targets or known.pair is not None)):
                continue
            text, number = known.text if known else sentence.text, first_pair + found
            kind = "absent object" if pair.reason == "class" else f"absent {sentence.kind}"
            there.replace(Sentence(text, sentence.kind, sentence.noun, pair.targets, number))
            absent.add(Sentence(text, kind, sentence.noun, frozenset(), number))
            found += 1

    def _worded(self, claim: Claim, targets: frozenset[int]) -> Sentence:
        kind = "class+position" if claim.kind == "position" and len(self._nouns) > 1 else claim.kind
        return Sentence(self._wording.phrase(claim), kind, claim.noun, targets)

    def _listed(self, attributes: Attributes) -> Iterator[tuple[str, Claim]]:
        """Form and claim, about every class of the set."""
        anchors = self._anchors(attributes)
        for noun in self._nouns:
            claims = Claims(attributes, noun, _colours(noun), anchors)
            for form in _FORMS:
                yield from ((form, claim) for claim in claims.of(form) if not _idle(attributes, claim))

    def _anchors(self, attributes: Attributes) -> list[Claim]:
        if len(attributes.shown) > _MOST_RELATED:
            return []
        found = [
            claim
            for noun in self._nouns
            for form in _ANCHOR_FORMS
            for claim in Claims(attributes, noun, _colours(noun)).of(form)
            if claim.fit.sole is not None and is_target(attributes, claim.fit.sole)
        ]
        return [found[int(index)] for index in self._rng.permutation(len(found))[:_MOST_ANCHORS]]


def _idle(attributes: Attributes, claim: Claim) -> bool:
    """Whether it compares a thing with none: nobody says "the largest ship" of the only one."""
    if not (claim.size or claim.extreme or claim.nearest):
        return False
    compared = attributes.category(claim.noun)
    if claim.colour:
        compared &= attributes.colour(claim.colour)
    if claim.region:
        compared &= attributes.region(claim.region)
    return len(compared.possible) == 1


def _colours(noun: str) -> list[str]:
    """The colours that are said of a class, as far as they are measured."""
    return [colour for colour in COLOURS.get(noun, OTHER_COLOURS) if colour in COLOUR_NAMES]


def _varied(ordered: Iterable[Meant]) -> list[Meant]:
    """The first claim of each form before the others."""
    first: dict[str, Meant] = {}
    others = [one for one in ordered if first.setdefault(one.form, one) is not one]
    return [*first.values(), *others]


def _heard(text: str) -> str:
    return text.casefold().removesuffix(".").removeprefix("the ")
