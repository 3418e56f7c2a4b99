"""The baseline that sees no image."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rs2sam2.evaluation.diagnosis.words_only import words_only

WORDS = st.lists(st.sampled_from(["the", "red", "blue", "roof", "ship", "left"]), min_size=1, max_size=5).map(" ".join)


@given(st.lists(WORDS, min_size=1, max_size=20))
def test_exact_pairs_leave_it_at_half(sentences):
    asked = [sentence for sentence in sentences for _ in range(2)]
    present = [True, False] * len(sentences)
    assert (words_only(asked, present) == np.array(present)).mean() == 0.5


def test_telling_words_give_absence_away():
    asked = [f"the building on the {side} number {n}" for n in range(10) for side in ("left", "right")]
    asked += [f"the golf course {n}" for n in range(10)]
    present = [True] * 20 + [False] * 10
    assert (words_only(asked, present) == np.array(present)).mean() > 0.95


def test_a_sentence_is_judged_without_its_own_copies():
    asked = ["ship"] * 5 + ["building"] * 5
    assert words_only(asked, [True] * 5 + [False] * 5).tolist() == [False] * 5 + [True] * 5
