"""What is no expression is refused; what the weights cannot know is said."""

import pytest

from rs2sam2.errors import ExpressionError
from rs2sam2.inference.language import check_expressions, language_warnings

ENGLISH = {"languages": ["en"], "vocabulary": ["the", "white", "building", "at", "left", "blue", "roofed"]}


@pytest.mark.parametrize(
    "text", ["", "  \t\n", "\u200b\ufeff", "...", "\u3000", "a\0b", "a\x1b[31m", "bad \udcff byte"]
)
def test_no_expression(text: str) -> None:
    with pytest.raises(ExpressionError) as error:
        check_expressions(["fine", text])
    assert repr(text) in str(error.value) and "\n" not in str(error.value)


def test_no_expressions_at_all() -> None:
    with pytest.raises(ExpressionError, match="say what to look for"):
        check_expressions([])


@pytest.mark.parametrize("text", ["x", "2", "建物", "<s>", "the building\nat the left", "été"])
def test_expressions(text: str) -> None:
    check_expressions([text])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("белое здание", "Cyrillic"),
        ("白い建物", "Cjk, Hiragana"),
        ("the white здание", "Cyrillic"),
        ("le bâtiment blanc", "'le', 'bâtiment', 'blanc'"),
        ("the gazebo", "'gazebo'"),
    ],
)
def test_warned(text: str, says: str) -> None:
    (warning,) = language_warnings(text, ENGLISH)
    assert says in warning and "English" in warning and text in warning


@pytest.mark.parametrize(
    "text",
    ["the white building", "The WHITE building!", "the blue-roofed building", "the white building near 12 m²", "12"],
)
def test_not_warned(text: str) -> None:
    assert language_warnings(text, ENGLISH) == ()


def test_what_the_provenance_does_not_say_is_not_checked() -> None:
    assert language_warnings("белое здание", {}) == ()
    assert language_warnings("le bâtiment blanc", {"languages": ["en"]}) == ()
    assert language_warnings("белое здание", {"languages": ["en", "ru"]}) == ()
    assert language_warnings("x", {"languages": "en", "vocabulary": None}) == ()
