"""Words for claims: many ways to say the same, drawn at random, the same for claims that are true and that are not."""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from rs2sam2.data.claims import Claim

# Names of each class with their shares; a name that could mean a second class is kept out of scenes that show both.
NAMES: dict[str, dict[str, float]] = {
    "building": {"building": 50, "house": 20, "structure": 16, "home": 4, "roof": 4, "rooftop": 2, "hut": 2, "shed": 2},
    "aircraft": {"airplane": 4, "aircraft": 3, "plane": 3, "aeroplane": 1},
    "ship": {"ship": 5, "boat": 3, "vessel": 2},
    "storage tank": {"storage tank": 6, "tank": 3, "oil tank": 1, "round tank": 1},
    "vehicle": {"vehicle": 6, "car": 4},
    "tennis court": {"tennis court": 1},
    "basketball court": {"basketball court": 1},
    "swimming pool": {"swimming pool": 6, "pool": 4},
}
_PLURALS = {"aircraft": "aircraft"}
_COLOURS = {
    "white": ("bright white", "bright white", "bright-white", "white", "white"),
    "rusty brown": ("rusty brown", "rusty", "rusty-brown"),
    "dark gray": ("dark gray", "dark grey", "dark-gray"),
    "gray": ("gray", "grey"),
}
_SIZES = {
    "largest": ("largest", "largest", "biggest"),
    "smallest": ("smallest", "smallest", "tiniest"),
    "larger": ("larger", "bigger"),
    "smaller": ("smaller",),
}
_EXTREMES = {
    "left": ("leftmost", "leftmost", "leftmost", "westernmost"),
    "right": ("rightmost", "rightmost", "rightmost", "easternmost"),
    "upper": ("topmost", "uppermost", "highest", "northernmost"),
    "lower": ("lowest", "bottommost", "lowermost", "southernmost"),
}
_SHAPES = {"elongated": ("elongated", "long narrow", "long"), "square": ("square",)}
_NUMBERS = {2: ("second", "second", "second", "2nd"), 3: ("third", "third", "third", "3rd")}
_ENDS = {"left": "left", "right": "right", "upper": "top", "lower": "bottom"}
_RELATIONS = {
    "left of": ("to the left of", "to the left of", "left of", "west of"),
    "right of": ("to the right of", "to the right of", "right of", "east of"),
    "above": ("above", "above", "north of"),
    "below": ("below", "below", "south of"),
    "closest to": ("closest to", "nearest to"),
    "next to": ("right next to", "right next to", "next to", "beside"),
}
_DIRECTLY = ("directly", "just", "immediately")
_FRAMES = ("image", "image", "image", "picture", "scene", "photo")
_HALVES_ACROSS = (
    "on the {}",
    "on the {}",
    "on the {} side",
    "on the {} half of the {frame}",
    "on the {} side of the {frame}",
)
_HALVES_DOWN = (
    "in the {} half",
    "in the {} half",
    "in the {} half of the {frame}",
    "in the {} part",
    "in the {} part of the {frame}",
)
_QUARTERS = (
    "in the {}",
    "in the {}",
    "in the {} part of the {frame}",
    "in the {} part",
    "on the {} side",
    "at the {}",
)
_CORNERS = ("in the {} corner", "in the {} corner", "in the {} corner of the {frame}")
_MIDDLES = {
    "middle left": ("at the middle left", "on the left edge at middle height", "in the middle left"),
    "middle right": ("at the middle right", "on the right edge at middle height", "in the middle right"),
    "upper middle": (
        "at the top centre of the {frame}",
        "at the top middle",
        "in the upper middle",
        "at the top center",
    ),
    "lower middle": (
        "at the bottom centre of the {frame}",
        "at the bottom middle",
        "in the lower middle",
        "at the bottom center",
    ),
    "centre": (
        "in the centre",
        "in the center",
        "in the middle of the {frame}",
        "in the middle",
        "in the centre of the {frame}",
    ),
}
_NEAR = ("closest to", "nearest to", "closest to", "nearest to", "nearest")
_NEAR_CENTRE = (
    "closest to the middle",
    "closest to the centre of the {frame}",
    "nearest to the {frame} center",
    "nearest to the middle of the {frame}",
    "closest to the center",
)


class Wording:
    """Words for the claims about one scene."""

    def __init__(
        self, rng: np.random.Generator, ambiguous: frozenset[str] = frozenset(), *, plain: bool = False
    ) -> None:
        """Draw from `rng`; names in `ambiguous` ("structure" beside tanks) are not used.

        Plain wording says the same thing always in the same, first words.
        """
        self._rng = rng
        self._ambiguous = ambiguous
        self._plain = plain

    def phrase(self, claim: Claim) -> str:
        """One way to say the claim."""
        text = self._plural(claim) if claim.plural else self._singular(claim)
        if self._chance(0.06):
            text = text.removeprefix("the ")
        if self._chance(0.06):
            text = text[0].upper() + text[1:]
        return text + "." if self._chance(0.04) else text

    def _singular(self, claim: Claim, framed: bool = True) -> str:
        name = self._name(claim.noun)
        before = [self._one(_SIZES[claim.size])] if claim.size else []
        after = []
        where = self._where(claim.region)
        if claim.ordinal:
            before.insert(0, self._one(_NUMBERS[claim.ordinal]))
            after.append(f"from the {_ENDS[claim.extreme]}")
        elif claim.extreme:
            if claim.extreme in ("left", "right") and not where and self._chance(0.12):
                after.append(f"farthest to the {claim.extreme}")
            else:
                before.insert(0, self._one(_EXTREMES[claim.extreme]))
        if claim.nearest:
            after.append(self._nearest(claim.nearest))
        if claim.only:
            before.insert(0, self._one(("only", "only", "single")))
        if claim.shape:
            before.append(self._one(_SHAPES[claim.shape]))
        if (
            claim.size
            and claim.noun == "building"
            and not claim.colour
            and not where
            and "roof" not in name
            and self._chance(0.4)
        ):
            before, name = [], f"{name} with the {self._one(_SIZES[claim.size])} roof"
        adjective, name = self._painted(claim, name, plural=False)
        before += adjective
        if (
            where
            and not (claim.extreme or claim.size or claim.only)
            and claim.region in self._short
            and self._chance(0.1)
        ):
            before.insert(0, self._compass(claim.region))
            where = ""
        if where:
            after.append(where)
        if claim.relation and claim.anchor is not None:
            directly = f"{self._one(_DIRECTLY)} " if claim.direct else ""
            after.append(
                f"{directly}{self._one(_RELATIONS[claim.relation])} {self._singular(claim.anchor, framed=False)}"
            )
        elif framed and not (where or claim.nearest or claim.ordinal) and self._chance(0.35 if before else 0.1):
            after.append(self._frame())
        return " ".join(["the", *before, name, *after])

    def _plural(self, claim: Claim) -> str:
        name = self._name(claim.noun)
        where = self._where(claim.region)
        every = self._chance(0.25)
        if claim.noun == "building" and name == "building" and not claim.colour and not where and self._chance(0.3):
            return "the building roofs"
        adjective, name = self._painted(claim, name if every else plural(name), plural=not every)
        start = "every" if every else self._one(("all", "all", "all the", "the"))
        tail = [where] if where else [self._frame()] if self._chance(0.5) else []
        return " ".join([start, *adjective, name, *tail])

    def _painted(self, claim: Claim, name: str, plural: bool) -> tuple[list[str], str]:
        """Adjectives before the name, and the name with what follows it, for the claim's colour."""
        if not claim.colour:
            return [], name
        colour = self._one(_COLOURS.get(claim.colour, (claim.colour,)))
        if claim.noun != "building" or "roof" in name:
            return [colour], name
        if self._chance(0.4):
            return [f"{colour.replace(' ', '-')}-roofed"], name
        if self._chance(1 / 6):
            return [colour], name
        article = "" if plural or self._chance(0.12) else "an " if colour[0] in "aeiou" else "a "
        return [], f"{name} with {article}{colour} roof{'s' if plural else ''}"

    _short = frozenset({"left", "right", "upper left", "upper right", "lower left", "lower right"})

    def _where(self, region: str) -> str:
        if not region:
            return ""
        if region in _MIDDLES:
            return self._fill(self._one(_MIDDLES[region]), "")
        if region.endswith("corner"):
            return self._fill(self._one(_CORNERS), self._compass(region.removesuffix(" corner")))
        if " " in region:
            return self._fill(self._one(_QUARTERS), self._compass(region))
        forms = _HALVES_ACROSS if region in ("left", "right") else _HALVES_DOWN
        return self._fill(self._one(forms), self._compass(region))

    def _nearest(self, place: str) -> str:
        if place == "centre":
            return self._fill(self._one(_NEAR_CENTRE), "")
        if place.endswith("edge"):
            return f"{self._one(_NEAR)} the {_ENDS[place.removesuffix(' edge')]} edge"
        tail = " corner" + (" of the {frame}" if self._chance(0.35) else "")
        return self._fill(f"{self._one(_NEAR)} the {{}}{tail}", self._compass(place))

    def _compass(self, region: str) -> str:
        """Another word for a side or corner: "lower left", "bottom left", "lower-left"."""
        if "upper" in region and self._chance(0.35):
            region = region.replace("upper", "top")
        if "lower" in region and self._chance(0.35):
            region = region.replace("lower", "bottom")
        return region.replace(" ", "-") if self._chance(0.12) else region

    def _fill(self, form: str, place: str) -> str:
        return form.format(place, frame=self._one(_FRAMES))

    def _frame(self) -> str:
        return f"{self._one(('in', 'in', 'of'))} the {self._one(_FRAMES)}"

    def _name(self, noun: str) -> str:
        names = {name: share for name, share in NAMES.get(noun, {noun: 1}).items() if name not in self._ambiguous}
        if self._plain:
            return next(iter(names))
        shares = np.cumsum(list(names.values()))
        return list(names)[int(np.searchsorted(shares, self._rng.random() * shares[-1], side="right"))]

    def _one(self, choices: Sequence[str]) -> str:
        return choices[0 if self._plain else int(self._rng.integers(len(choices)))]

    def _chance(self, share: float) -> bool:
        return not self._plain and bool(self._rng.random() < share)


def plural(name: str) -> str:
    """The plural of a name: of its last word, or of the one before "of", "over", "at"."""
    if name in _PLURALS:
        return _PLURALS[name]
    match = re.match(r"(.+?)( (?:of|over|at) .+)?$", name)
    head, tail = match.groups(default="") if match else (name, "")
    if tail and head.endswith("s"):
        return name
    return head + ("es" if head.endswith(("s", "x", "ch", "sh")) else "s") + tail


def ambiguous_names(classes: Iterable[str]) -> frozenset[str]:
    """Names that could mean things of two classes in a scene that shows these classes."""
    return frozenset({"structure"} if {"building", "storage tank"} <= set(classes) else ())
