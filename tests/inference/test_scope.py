"""Whether the words speak of a whole scene: 598 hand-written sentences, and why the rule says so."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rs2sam2.inference.scope import Scope, scope_of

TABLE = Path(__file__).with_name("scope_sentences.tsv")


def table() -> list[tuple[int, Scope, str]]:
    lines = [line.split("\t") for line in TABLE.read_text("utf-8").splitlines() if not line.startswith("#")]
    return [(int(number), Scope(scope), sentence) for number, scope, sentence in lines]


def test_the_table_is_what_it_says():
    rows = table()
    assert Counter(number for number, _, _ in rows) == {1: 200, 2: 90, 3: 60, 4: 50, 5: 99, 6: 99}
    assert len({sentence for _, _, sentence in rows}) == len(rows) == 598
    assert min(Counter(scope for _, scope, _ in rows).values()) > 270  # neither answer alone gets far


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6])
def test_at_least_95_percent_of_every_round_are_right(number):
    rows = [(scope, sentence) for of, scope, sentence in table() if of == number]
    wrong = [(str(scope_of(sentence)), sentence) for scope, sentence in rows if scope_of(sentence).scope != scope]
    assert len(wrong) <= 0.05 * len(rows), wrong


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("the largest building", "scene, because of 'largest'"),
        ("the Upper Left building", "scene, because of 'Upper Left'"),
        ("car in the lower right-hand corner", "scene, because of 'lower right hand corner'"),
        ("the most damaged house", "scene, because of 'most damaged'"),
        ("the left-hand lane markings", "tile, because no word speaks of the whole scene"),
        ("红色的屋顶", "tile, because no word speaks of the whole scene"),
    ],
)
def test_the_choice_says_why(expression, said):
    assert str(scope_of(expression)) == said


@given(st.text())
def test_any_text_has_a_scope_and_a_reason_taken_from_it(text):
    choice = scope_of(text)
    assert choice.scope in {Scope.tile, Scope.scene}
    assert (choice.because is None) == (choice.scope is Scope.tile)
    assert choice.because is None or all(word in text for word in choice.because.split())


def test_case_and_spaces_do_not_matter():
    for _, scope, sentence in table():
        assert scope_of("  " + sentence.upper() + " .").scope == scope_of(sentence).scope, (scope, sentence)
