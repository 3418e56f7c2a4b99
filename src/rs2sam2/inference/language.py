"""What can be said about an expression before a model reads it: is it text, and in a language the model knows?

Scripts are told apart by the Unicode names of letters, words by the vocabulary of the training sentences where the
weights' provenance lists it. Nothing is claimed about grammar.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from rs2sam2.errors import ExpressionError

_SCRIPTS = {
    "ar": {"ARABIC"},
    "el": {"GREEK"},
    "hi": {"DEVANAGARI"},
    "ja": {"CJK", "HIRAGANA", "KATAKANA"},
    "ko": {"HANGUL"},
    "ru": {"CYRILLIC"},
    "uk": {"CYRILLIC"},
    "zh": {"CJK"},
}
_NAMES = {"en": "English", "zh": "Chinese"}
_TOO_MANY_UNKNOWN = 0.5


class LanguageWarning(UserWarning):
    """An expression is written in a script or in words that the weights were not trained on."""


def check_expressions(expressions: Sequence[str]) -> None:
    """Refuse what cannot be an expression, without a model at hand.

    Raises:
        ExpressionError: if there is none, or one holds no word, control characters or bytes that are no text.
    """
    if not expressions:
        raise ExpressionError("no expression: say what to look for, for example 'the white building at the top left'")
    for expression in expressions:
        if not any(character.isalnum() for character in expression):
            raise ExpressionError(
                f"expression {expression!r} holds no word: say what to look for, "
                "for example 'the white building at the top left'"
            )
        if any(unicodedata.category(character) in {"Cc", "Cs"} and not character.isspace() for character in expression):
            raise ExpressionError(f"expression {expression!r} holds characters that are no text: take them out")


def language_warnings(expression: str, provenance: Mapping[str, object]) -> tuple[str, ...]:
    """Say where an expression leaves the script or the words that the weights were trained on.

    Args:
        expression: the user's.
        provenance: of the weights; reads `languages` (ISO 639-1 codes) and `vocabulary` (lower-case words). What
            is not there is not checked.

    Returns:
        At most one sentence; none if nothing is amiss.
    """
    languages = _strings(provenance, "languages")
    if not languages:
        return ()
    trained = " or ".join(_NAMES.get(language, language) for language in languages)
    known_scripts = set().union(*(_SCRIPTS.get(language, {"LATIN"}) for language in languages))
    foreign = sorted({_script(character) for character in expression if character.isalpha()} - known_scripts)
    if foreign:
        scripts = ", ".join(script.capitalize() for script in foreign)
        return (
            f"expression {expression!r} has letters in {scripts} script; these weights read {trained}: "
            "the answer may mean nothing",
        )
    vocabulary = frozenset(_strings(provenance, "vocabulary"))
    words = re.findall(r"[^\W\d_]+", expression.lower())
    unknown = list(dict.fromkeys(word for word in words if word not in vocabulary))
    if vocabulary and words and len(unknown) >= _TOO_MANY_UNKNOWN * len(set(words)):
        listed = ", ".join(repr(word) for word in unknown)
        return (
            f"expression {expression!r}: these weights ({trained}) never saw {listed}: the answer may mean nothing",
        )
    return ()


def _strings(provenance: Mapping[str, object], key: str) -> list[str]:
    values = provenance.get(key)
    return [str(value) for value in values] if isinstance(values, Sequence) and not isinstance(values, str) else []


def _script(character: str) -> str:
    return unicodedata.name(character, "UNKNOWN").split()[0]
