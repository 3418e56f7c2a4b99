"""Does an expression speak of a whole scene, or of things that are known where they stand?

A large raster is looked at tile by tile. "Red cars" means the same in each of them; "the largest", "on the left" and
"the second from the top" do not: there is one answer in the scene, and each tile would give its own. English only;
words of other languages say nothing here.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """Choices of `--scope`."""

    auto = "auto"
    tile = "tile"
    scene = "scene"


@dataclass(frozen=True)
class ScopeChoice:
    """What an expression speaks of.

    Attributes:
        scope: `tile` (every instance, anywhere) or `scene` (one scene is meant as a whole).
        because: the words that decided for `scene`, as they were said; None if no word did.
    """

    scope: Scope
    because: str | None = None

    def __str__(self) -> str:
        """One line for the user."""
        if self.because is None:
            return f"{self.scope}, because no word speaks of the whole scene"
        return f"{self.scope}, because of '{self.because}'"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SIDES = _words("left right top bottom upper lower middle centre center central mid")
_COMPASS = frozenset(
    f"{direction}{ending}"
    for direction in ["north", "south", "east", "west", "northeast", "northwest", "southeast", "southwest"]
    for ending in ("", "ern", "erly")
)
_PLACES = _SIDES | _COMPASS
_RIMS = _words("corner edge border margin rim")
_PARTS = _RIMS | _words("hand side part half third quarter end area region section portion")
_INNER = frozenset({"centre", "center", "middle", "corner", "top"})
_ON_THE_IMAGE = frozenset({"foreground", "background"})
_IMAGE = _words("image picture photo photograph scene frame view map screen raster orthophoto mosaic aoi")
_BEFORE_IMAGE = _words("the this a an whole entire aerial satellite drone")
_SEVERAL = _words("two three four both pair them these those")
_DETERMINERS = _words("the a an this that each every all any")
_OWN = frozenset({"its", "their", "his", "her", "whose"})
_DIRECTED = frozenset(
    verb + ending
    for verb in ["turn", "point", "lead", "driv", "head", "fac", "go", "mov", "fly", "slop", "bend", "branch", "veer"]
    for ending in ("ing", "s", "es")
)
_HOW_FAR = frozenset({"very", "far", "extreme", "just"})
_PREPOSITIONS = _words(
    "in on at to of from by near along towards toward beside behind with inside outside over under above below beneath "
    "after before between next around opposite across against off into"
)
# With these a word of place names a kind of thing, wherever it is: a middle lane, an upper deck, a centre pivot.
_KINDS = _words(
    "lane turn turning marking arrow shoulder bank reservation median strip line island aisle deck floor storey story "
    "level wing pivot circle station park market courtyard school class angle way facing bound soil ground"
)
# After "the": there is one of the kind, and only the scene says which.
_ALONE = _words("only single lone one solitary main principal odd")
_ALL_OF = _words("whole entire full")
_ORDINALS = _words("first second third fourth fifth sixth seventh eighth ninth tenth last penultimate")
_ORDINAL_KINDS = _words(
    "aid lane floor storey story class hand party mile home rate degree responder year month week night season "
    "family way"
)
_COMPARATIVES = _words(
    "larger smaller bigger longer shorter taller higher wider narrower broader thicker thinner darker lighter brighter "
    "nearer closer farther further older newer greener"
)
_NO_SUPERLATIVES = _words(
    "forest rainforest west northwest southwest midwest harvest rest nest crest chest guest quest request conquest "
    "test contest protest arrest interest invest everest digest modest honest earnest priest tempest vest pest zest "
    "manifest"
)


def choose_scope(expression: str, wanted: Scope) -> ScopeChoice:
    """What the user wants, or with `auto` what the words say."""
    return scope_of(expression) if wanted is Scope.auto else ScopeChoice(wanted, "--scope")


def scope_of(expression: str) -> ScopeChoice:
    """Decide from the words alone."""
    words = re.findall(r"[^\W_]+(?:['\u2019-][^\W_]+)*", expression)
    tokens = [token for word in words for token in _split(word)]
    lower = [token.lower() for token in tokens]
    for at in range(len(lower)):
        length = _speaks_of_scene(lower, at)
        if length:
            return ScopeChoice(Scope.scene, " ".join(tokens[at : at + length]) if length > 1 else tokens[at])
    return ScopeChoice(Scope.tile)


def _split(word: str) -> list[str]:
    """'north-west' and 'left-hand' are words of place; 'top-loading' and 'second-hand' are one word each."""
    parts = word.split("-")
    if len(parts) > 1 and _place(parts[0].lower()) and all(_place(p) or p in _PARTS for p in map(str.lower, parts[1:])):
        return parts
    return [word]


def _speaks_of_scene(words: Sequence[str], at: int) -> int:
    """How many words from here on speak of the whole scene; 0 for none."""
    word, following, before = words[at], _at(words, at + 1), _at(words, at - 1)
    if _superlative(word) or word == "sole" or word in _ON_THE_IMAGE:
        return 1
    if word in {"most", "least"}:
        return 2 * (before in {"the", "with"})
    if word in _ALONE:
        is_one = following == _singular(following) and _at(words, at - 2) not in _PREPOSITIONS
        chosen = word == "only" or (is_one and following not in _ORDINAL_KINDS | _PREPOSITIONS | {""})
        return int(before == "the" and chosen)
    if word in {"others", "rest"}:  # what sets a thing apart from everything else
        return int(before == "the" and _at(words, at - 2) in _PREPOSITIONS | {"all", "unlike", "than"})
    if word in _ALL_OF and following.removesuffix("'s") in _IMAGE:
        return 2
    if word in _PARTS and following == "of" and not _place(before):
        return int(_names_image(words, at + 2))
    if word in _ORDINALS or re.fullmatch(r"\d+(st|nd|rd|th)", word):
        return int(before not in {"every", "each"} and _singular(following) not in _ORDINAL_KINDS)
    if word in _COMPARATIVES:
        # "Newer houses" are found one by one; "the newer house" is so beside another one, and so is "newer house".
        chosen = before in {"the", "is"} or (not before and following == _singular(following))
        of_each = (
            _at(words, at + 2) == "of" and _at(words, at + 3) not in _DETERMINERS | _SEVERAL
        )  # longer sides of fields
        return int(chosen and not of_each and "than" not in words[at:])
    if (_place(word) and not _place(before) and not _pair(words, at - 1)) or word in _RIMS:
        return _place_in_scene(words, at)
    return 0


def _place_in_scene(words: Sequence[str], at: int) -> int:
    """How many words from here on name a place in the scene, not one beside or within a thing, nor a kind of thing."""
    word, start = words[at], at - 1
    while _at(words, start) in _HOW_FAR:
        start -= 1
    before = _at(words, start)
    if before.removesuffix("'s") in _IMAGE:
        return 1
    if before in _OWN or _directed(words, start):
        return 0
    end = at + 1
    while _place(_at(words, end)) or _at(words, end) in _PARTS or _pair(words, end):
        end += 1
    following = _at(words, end)
    if before == "from" and "to" in words[at:end]:
        return 0  # from left to right
    if following in {"of", "from"} or (following == "to" and word != "right"):
        return (end - at) * _of_image(words, end + 1)
    if _at(words, end + 1) == "of" and following != "one":
        return (end - at) * _of_image(words, end + 2)  # the southern slope of the hill
    if word in _INNER and _within(words[max(start - 5, 0) : max(start - 1, 0)]):
        return 0
    if word in _RIMS or word in {"centre", "center"}:
        # "In the corner" has a place, a street corner and a shopping centre are things.
        alone = not following or following in _PREPOSITIONS
        named = before in {"the", ""} | _PREPOSITIONS
        return (end - at) * (named and (alone or word not in _RIMS) and _singular(following) not in _KINDS)
    if (
        word in {"top", "bottom"}
        and end == at + 1
        and before not in _DETERMINERS | _PREPOSITIONS | _PLACES | {"", "is"}
    ):
        return 0  # a tree top, a tank with a white top
    if word in {"left", "right"} and end == at + 1 and following in _PREPOSITIONS | {"standing", "over", "behind"}:
        # "Left on the verge" and "right at the pier" are no places, "on the left near the pier" is one.
        return int(before in {"the", "at", "on"} or start < at - 1)
    return (end - at) * (_singular(following) not in _KINDS and _singular(words[end - 1]) not in _KINDS)


def _directed(words: Sequence[str], at: int) -> bool:
    """Whether the words that end here say which way: turning, pointing to the, driving on the."""
    while _at(words, at) in {"the", "to", "on", "off", "towards"}:
        at -= 1
    return _at(words, at) in _DIRECTED


def _within(words: Sequence[str]) -> bool:
    """Whether the words before a place put it within a thing: a roundabout *with grass* in the centre."""
    return "with" in words and _at(words, words.index("with") + 1) != "the"


def _names_image(words: Sequence[str], at: int) -> bool:
    """Whether the words from here on name the image."""
    while _at(words, at) in _BEFORE_IMAGE:
        at += 1
    return _at(words, at).removesuffix("'s") in _IMAGE


def _of_image(words: Sequence[str], at: int) -> bool:
    """Whether the words from here on, after 'of', name the image, a place in it, or a few things to choose among."""
    if _names_image(words, at):
        return True
    while _at(words, at) in _BEFORE_IMAGE:
        at += 1
    return _at(words, at) in _SEVERAL | {"centre", "center", "middle"}


def _pair(words: Sequence[str], at: int) -> bool:
    """Whether this word joins two places: left and right, from north to south."""
    return _at(words, at) in {"and", "or", "to"} and _place(_at(words, at - 1)) and _place(_at(words, at + 1))


def _place(word: str) -> bool:
    return word in _PLACES


def _superlative(word: str) -> bool:
    parts = word.split("-")
    if any(part.endswith("est") and part not in _NO_SUPERLATIVES for part in parts):
        return True
    return parts[-1].endswith("most") and word not in {"most", "almost", "utmost"}


def _singular(word: str) -> str:
    return word.removesuffix("s") if not word.endswith("ss") else word


def _at(words: Sequence[str], index: int) -> str:
    return words[index] if 0 <= index < len(words) else ""
