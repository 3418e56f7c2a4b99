"""What the classes of a data set are called in sentences, and which of those names could mean two of them."""

import re
from collections.abc import Iterable, Mapping

import numpy as np

from rs2sam2.data.attributes import Attributes, Fit
from rs2sam2.data.claims import Claim
from rs2sam2.data.wording import NAMES, Wording, ambiguous_names, plural
from rs2sam2.errors import ConfigError, DataError

UNKNOWN = ""
"""Class of an object whose class is not said: it could be of any."""

_SINGULARS = {plural(name): name for names in NAMES.values() for name in names}


def nouns(classes: Iterable[str], renamed: Mapping[str, str]) -> dict[str, str]:
    """Class -> noun in the singular, in lower case: "Storage-Tanks" -> "storage tank".

    Args:
        classes: as the data has them.
        renamed: class -> what it is called instead; "" leaves the class out of the set.

    Raises:
        ConfigError: a class that is renamed is not there, or nothing is left.
        DataError: a class has no letters.
    """
    classes = sorted(set(classes))
    for name in renamed:
        if name not in classes:
            raise ConfigError(f"--name {name!r}: the objects have no such class; they have {', '.join(classes)}")
    found = {name: _noun(name, renamed.get(name, name)) for name in classes if renamed.get(name) != ""}
    if not found:
        raise ConfigError("--name: leaves no class of objects: leave one in")
    return found


def parse_renamed(options: Iterable[str]) -> dict[str, str]:
    """CLASS=WORDS options as a mapping.

    Raises:
        ConfigError: one has no "=".
    """
    renamed = {}
    for option in options:
        name, equals, words = option.partition("=")
        if not equals:
            raise ConfigError(f"--name {option!r}: has no '=': say CLASS=WORDS, or CLASS= to leave a class out")
        renamed[name] = words.strip()
    return renamed


def _noun(name: str, words: str) -> str:
    noun = " ".join(re.sub(r"[^\w']|_", " ", words).lower().split())
    if not any(map(str.isalpha, noun)):
        raise DataError(f"class {name!r}: no sentence can name it: say what it is with --name '{name}=WORDS'")
    return _SINGULARS.get(noun, noun)


class SetWording(Wording):
    """Words for claims about a set with these nouns; no name is used that could mean another class of it."""

    def __init__(self, rng: np.random.Generator, nouns: Iterable[str]) -> None:
        """Draw from `rng`."""
        known = frozenset(nouns)
        names = {name for noun in known for name in NAMES.get(noun, ()) if name != noun}
        shared = {name for name in names if any(may_be(other, name) for other in known)}
        super().__init__(rng, ambiguous_names(known) | shared)

    def _name(self, noun: str) -> str:
        return super()._name(noun) if noun in NAMES else noun

    def _plural(self, claim: Claim) -> str:
        text, noun = super()._plural(claim), claim.noun
        return text.replace(f"{noun}s", f"{noun[:-1]}ies") if re.search(r"[^aeiou]y$", noun) else text


class NamedAttributes(Attributes):
    """Attributes that know that a large vehicle is a vehicle: a rival wherever vehicles are spoken of."""

    def category(self, name: str) -> Fit:
        """The things of this class; those that its name fits, too, and those of unknown class could be meant."""
        own, things = super().category(name), self.scene.things
        return Fit(own.certain, own.possible | {index for index in self.shown if may_be(things[index].category, name)})


def may_be(category: str, name: str) -> bool:
    """Whether a thing of this class could be called by this name."""
    return category in (UNKNOWN, name) or category.endswith(f" {name}")
