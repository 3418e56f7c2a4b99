"""Pairs on real ground: a sentence about a roof colour, asked where there is such a roof and where there is none.

That a roof is there is known from its outline and measured colour. That none is there is known from `no_target.json`,
whose sentences were checked against every building, mapped or not; or because no outlined roof could have the colour
in anybody's eyes and no patch of it lies anywhere else in the picture.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from rs2sam2.data.attributes import Attributes
from rs2sam2.data.roof_colours import certain_pixels
from rs2sam2.data.scene import Scene
from rs2sam2.evaluation.diagnosis.predict import Question
from rs2sam2.evaluation.diagnosis.presence import Pair, PresenceQuestion
from rs2sam2.evaluation.diagnosis.scores import Target

# Fewer pixels in a row are noise of the photograph, not a roof.
_PATCH_REACH = 2
_COLOUR_WORDS = {
    "blue": "blue",
    "red": "red",
    "orange": "orange",
    "green": "green",
    "white": "white",
    "bright white": "white",
    "dark gray": "dark gray",
    "dark grey": "dark gray",
    "rusty brown": "rusty brown",
    "rusty": "rusty brown",
}
_WORDS = "|".join(sorted(_COLOUR_WORDS, key=len, reverse=True)).replace(" ", "[ -]")
_PLAIN = re.compile(
    rf"the (?:(?P<before>{_WORDS})-roofed building|building with an? (?P<after>{_WORDS}) roof)"
    r"(?: (?:on|in) the (?P<region>left|right|upper|lower)(?: half)?)?"
)
_MENTIONED = re.compile(rf"\b(?P<word>{_WORDS})(?:-roofed| roofs?)\b")


@dataclass(frozen=True)
class _Statement:
    """What a sentence of `no_target.json` says is not there: a roof of this colour, in this part or ("") anywhere."""

    colour: str
    region: str


def colour_pairs(
    targets: Sequence[Target], absent: Sequence[PresenceQuestion], scenes: Mapping[str, Scene], seed: int
) -> list[Pair]:
    """All pairs that the set allows, of two sorts.

    Sentences of `absent` whose statement is certainly true of another picture (there it is asked too); and sentences of
    `targets` that mention a colour, asked in a picture where no roof at all has it.

    Args:
        targets: sentences that mean something, of one thing or several.
        absent: sentences that mean nothing in their pictures.
        scenes: every picture with outlines and roof colours, by name.
        seed: of the choice among pictures. Each area, and each picture of it, is used as seldom as can be, so that a
            place tells little about the answer.
    """
    places = {target.question.picture: target.unit for target in targets}
    places |= {question.question.picture: question.unit for question in absent}
    areas = {target.question.picture: target.groups["area"] for target in targets}
    attributes = {picture: Attributes(scene) for picture, scene in sorted(scenes.items()) if picture in areas}
    rng = np.random.default_rng(seed)
    choose_showing, choose_without = _Choice(areas, rng), _Choice(areas, rng)

    def pair(sentence: str, there: str, nowhere: str) -> Pair:
        return Pair(
            PresenceQuestion(Question(there, sentence), True, places[there], "", areas.get(there, "")),
            PresenceQuestion(Question(nowhere, sentence), False, places[nowhere], "colour", areas.get(nowhere, "")),
        )

    pairs = []
    without: dict[str, list[str]] = {}
    known_without: dict[str, set[str]] = defaultdict(set)
    for question in absent:
        statement = _statement(question.question.sentence)
        nowhere = question.question.picture
        if statement is None or nowhere not in attributes or _possible(attributes[nowhere], statement):
            continue
        if not statement.region:
            known_without[statement.colour].add(nowhere)
        showing = [picture for picture in attributes if _certain(attributes[picture], statement)]
        if showing:
            pairs.append(pair(question.question.sentence, choose_showing(showing), nowhere))
    for target in targets:
        colour = _mentioned(target.question.sentence)
        if colour and colour not in without:
            seen_nowhere = {picture for picture in attributes if _nowhere(attributes[picture], colour)}
            without[colour] = sorted(known_without[colour] | seen_nowhere)
        if without.get(colour):
            pairs.append(pair(target.question.sentence, target.question.picture, choose_without(without[colour])))
    return pairs


class _Choice:
    """Chooses among pictures at random, from the area and then the picture that was chosen least often before."""

    def __init__(self, areas: Mapping[str, str], rng: np.random.Generator) -> None:
        self._areas, self._rng = areas, rng
        self._uses: Counter[str] = Counter()

    def __call__(self, pictures: Sequence[str]) -> str:
        burden = {picture: (self._uses[self._areas[picture]], self._uses[picture]) for picture in pictures}
        least = [picture for picture in pictures if burden[picture] == min(burden.values())]
        picture = least[int(self._rng.integers(len(least)))]
        self._uses.update((picture, self._areas[picture]))
        return picture


def _statement(sentence: str) -> _Statement | None:
    """The statement of a plain sentence; None for sentences about something else."""
    found = _PLAIN.fullmatch(sentence.lower().rstrip("."))
    if found is None:
        return None
    return _Statement(_colour(found["before"] or found["after"]), found["region"] or "")


def _mentioned(sentence: str) -> str:
    """The one roof colour that a sentence mentions; empty for none or several."""
    colours = {_colour(found["word"]) for found in _MENTIONED.finditer(sentence.lower())}
    return colours.pop() if len(colours) == 1 else ""


def _colour(word: str) -> str:
    return _COLOUR_WORDS[word.replace("-", " ")]


def _certain(attributes: Attributes, statement: _Statement) -> bool:
    fits = attributes.colour(statement.colour).certain
    fits = fits & attributes.region(statement.region).certain if statement.region else fits
    things = attributes.scene.things
    return any(things[index].referable for index in fits)


def _possible(attributes: Attributes, statement: _Statement) -> bool:
    fits = attributes.colour(statement.colour).possible
    return bool(fits & attributes.region(statement.region).possible if statement.region else fits)


def _nowhere(attributes: Attributes, colour: str) -> bool:
    """Whether no outlined roof could have the colour, and no patch outside the outlines has it."""
    if attributes.colour(colour).possible:
        return False
    scene = attributes.scene
    elsewhere = certain_pixels(scene.image, colour) & (scene.labels == 0)
    return not ndimage.binary_opening(elsewhere, iterations=_PATCH_REACH).any()
