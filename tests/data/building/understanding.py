"""What a sentence means in a picture, found by other means than it was made: words are looked up one by one, things are
measured from the written masks, and colours are those of the world's own palette."""

import re
from dataclasses import dataclass

import numpy as np
from tests.data.building.world import COLOURS

_NAMES = {
    "building": "building|house|structure|home|rooftop|roof|hut|shed",
    "storage tank": "storage tank|oil tank|round tank|tank",
    "greenhouse": "greenhouse",
    "vehicle": "vehicle|car",
    "large vehicle": "large vehicle",
}
_SAID_COLOURS = {"red": "red", "blue": "blue", "white": "white", "dark gray": "dark gr[ae]y", "green": "green"}
_OTHER_COLOURS = "orange|rusty|brown"
_RELATION = re.compile(
    r"^(?P<what>.+?) (?:(?P<direct>directly|just|immediately) )?"
    r"(?P<how>to the left of|left of|west of|to the right of|right of|east of|above|north of|below|south of|"
    rf"closest to|nearest to|right next to|next to|beside) (?P<anchor>(?=.*\b(?:{'|'.join(_NAMES.values())})).+)$"
)
_DIRECTIONS = {
    "left": (-1, 0), "west": (-1, 0), "right": (1, 0), "east": (1, 0),
    "above": (0, -1), "north": (0, -1), "below": (0, 1), "south": (0, 1),
}  # fmt: skip
_SIDES = {
    "left": "leftmost|westernmost|farthest to the left",
    "right": "rightmost|easternmost|farthest to the right",
    "upper": "topmost|uppermost|highest|northernmost",
    "lower": "lowest|bottommost|lowermost|southernmost",
}


@dataclass(frozen=True)
class Seen:
    """An object as measured: centroid in fractions of the picture, area in pixels, side ratio."""

    number: int
    category: str
    colour: str
    x: float
    y: float
    area: int
    ratio: float


def see(number, category, mask, image):
    rows, columns = np.nonzero(mask)
    middle = np.median(image[mask], axis=0)
    colour = min(COLOURS, key=lambda name: np.abs(np.array(COLOURS[name]) - middle).sum())
    sides = sorted((np.ptp(rows) + 1, np.ptp(columns) + 1))
    height, width = mask.shape
    x, y = (columns.mean() + 0.5) / width, (rows.mean() + 0.5) / height
    return Seen(number, category, colour, x, y, int(mask.sum()), sides[1] / sides[0])


def meant(text, objects):
    """Numbers of the objects that a sentence means."""
    text = text.lower().replace("-", " ").removesuffix(".").removeprefix("the ")
    text = re.sub(r"^(all the|all|every) ", "", text)
    text = re.sub(r" (in|of) the (image|picture|scene|photo)$", "", text)
    return {one.number for one in _chosen(text, objects)}


def _chosen(text, objects):
    relation = _RELATION.match(text)
    if relation:
        return _related(relation, objects)
    found = _fitting(text, objects)
    text, rank = _ranked(text)
    found = _in_region(text, found)
    return rank(found)


def _fitting(text, objects):
    """By class, colour and shape."""
    named = [(len(m[0]), noun) for noun, names in _NAMES.items() for m in re.finditer(rf"\b({names})(?=s?\b)", text)]
    _, noun = max(named)
    nouns = {noun} | ({"large vehicle"} if noun == "vehicle" else set())
    found = [one for one in objects if one.category in nouns]
    for colour, said in _SAID_COLOURS.items():
        if re.search(rf"\b{said}\b", text):
            found = [one for one in found if one.colour == colour]
    if re.search(rf"\b({_OTHER_COLOURS})\b", text):
        found = []
    if re.search(r"\b(elongated|long)\b", text):
        found = [one for one in found if one.ratio > 2.6]
    if re.search(r"\bsquare\b", text):
        found = [one for one in found if one.ratio < 1.2]
    return found


def _ranked(text):
    """The text without its superlative, and what that chooses."""

    def least(key, number=1):
        return lambda found: sorted(found, key=key)[number - 1 : number]

    if match := re.search(r"(?:second|2nd|third|3rd)\b.* from the (left|right|top|bottom)", text):
        number = 2 if re.search("second|2nd", text) else 3
        key = {"left": lambda o: o.x, "right": lambda o: -o.x, "top": lambda o: o.y, "bottom": lambda o: -o.y}[match[1]]
        return "", least(key, number)
    if match := re.search(r"(?:closest to|nearest to|nearest) (?:the )?(.*)$", text):
        place, rest = match[1], text[: match.start()]
        if "edge" in place:
            return rest, least(_side_key(place))
        x = 0 if "left" in place else 1 if "right" in place else 0.5
        y = 0 if re.search("upper|top", place) else 1 if re.search("lower|bottom", place) else 0.5
        return rest, least(lambda o: (o.x - x) ** 2 + (o.y - y) ** 2)
    for side, words in _SIDES.items():
        if re.search(rf"\b({words})\b", text):
            key = {"left": lambda o: o.x, "right": lambda o: -o.x, "upper": lambda o: o.y, "lower": lambda o: -o.y}
            return re.sub(rf"\b({words})\b", "", text), least(key[side])
    if re.search(r"\b(largest|biggest|larger|bigger)\b", text):
        return text, least(lambda o: -o.area)
    if re.search(r"\b(smallest|tiniest|smaller)\b", text):
        return text, least(lambda o: o.area)
    return text, lambda found: found


def _side_key(place):
    if "left" in place:
        return lambda o: o.x
    if "right" in place:
        return lambda o: -o.x
    return (lambda o: o.y) if "top" in place else (lambda o: -o.y)


def _in_region(text, found):
    middle = bool(re.search(r"\b(middle|cent(re|er))\b", text))
    across = -1 if re.search(r"\bleft\b", text) else 1 if re.search(r"\bright\b", text) else 0
    down = -1 if re.search(r"\b(upper|top)\b", text) else 1 if re.search(r"\b(lower|bottom)\b", text) else 0

    # Farthest from a side that somebody could still call "in the corner", "at the middle left", "on the left".
    reach = 0.48 if across and down else 0.44 if middle else 0.5
    off_centre = 0.25 if across or down else 0.23

    def inside(value, sign):
        if sign:
            return (value if sign < 0 else 1 - value) < reach
        return abs(value - 0.5) < off_centre if middle else True

    return [one for one in found if inside(one.x, across) and inside(one.y, down)]


def _related(relation, objects):
    (anchor,) = _chosen(relation["anchor"].removeprefix("the "), objects) or [None]
    if anchor is None:
        return []
    found = [one for one in _fitting(relation["what"], objects) if one.number != anchor.number]
    direction = next(
        (vector for word, vector in _DIRECTIONS.items() if re.search(rf"\b{word}\b", relation["how"])), None
    )
    if "next" in relation["how"] or direction is None:
        return sorted(found, key=lambda o: np.hypot(o.x - anchor.x, o.y - anchor.y))[:1]

    def beside(one):
        along = (one.x - anchor.x) * direction[0] + (one.y - anchor.y) * direction[1]
        across = (one.x - anchor.x) * direction[1] + (one.y - anchor.y) * direction[0]
        return along > 0 and abs(across) < along

    found = [one for one in found if beside(one)]
    if relation["direct"]:
        found = sorted(found, key=lambda o: np.hypot(o.x - anchor.x, o.y - anchor.y))[:1]
    return found
