"""The choice of thresholds from answers whose truth is known."""

import numpy as np
import pytest

from rs2sam2.config import Decision
from rs2sam2.evaluation.calibration.choose import MASK_THRESHOLDS, Known, choose, ious

TARGET = np.zeros((8, 8), bool)
TARGET[1:4, 1:4] = True


def probability(inside: float, stray: float) -> np.ndarray:
    values = np.zeros((8, 8), np.float32)
    values[TARGET] = inside
    values[6:8, 6:8] = stray
    return values


def known(ious, p_present, there, absent, source="mask") -> Known:
    return Known(ious, {source: p_present}, {source: there}, {source: absent})


def test_ious_follow_threshold_words_and_rule() -> None:
    found = ious(probability(0.58, 0.42), TARGET, "the building")
    several = ious(probability(0.58, 0.42), TARGET, "the buildings")
    for place, threshold in enumerate(MASK_THRESHOLDS):
        parts = 9 / 13 if threshold < 0.42 else float(threshold < 0.58)
        assert found["every part"][place] == pytest.approx(parts)
        assert found["surest part"][place] == float(threshold < 0.58)
        assert several["surest part"][place] == pytest.approx(parts)


def test_the_best_of_every_choice_is_taken() -> None:
    answers = known([ious(probability(0.38, 0.32), TARGET, "the building")], [0.9], [0.9, 0.82], [0.7, 0.79], "early")
    chosen, worth = choose({"train": answers}, Decision(presence="object_score"))
    assert chosen == Decision(0.35, "early", 0.8, "every part")
    assert worth["mean_iou"]["every part"]["0.35"] == 1
    assert worth["by_presence"]["balanced_accuracy"]["0.8"] == 1
    assert worth["by_presence"]["balanced_accuracy"]["0.5"] == 0.5


def test_refusing_costs_the_masks_that_are_refused() -> None:
    good, bad = (ious(probability(inside, 0.0), TARGET, "the building") for inside in (0.9, 0.0))
    pairs = [0.9, 0.9, 0.6, 0.6], [0.7, 0.7, 0.7, 0.1]
    cheap, _ = choose({"train": known([good, bad], [0.9, 0.6], *pairs)}, Decision())
    dear, _ = choose({"train": known([bad, good], [0.9, 0.6], *pairs)}, Decision())
    assert (cheap.presence_threshold > 0.7) and (dear.presence_threshold == 0.5)


def test_the_surest_part_is_taken_where_it_is_better() -> None:
    answers = known([ious(probability(0.9, 0.85), TARGET, "the building")], [0.9], [0.9], [0.1])
    chosen, _ = choose({"train": answers}, Decision())
    assert chosen == Decision(one_thing="surest part")


def test_what_makes_no_difference_stays() -> None:
    before = Decision(0.4, "mask", 0.3)
    answers = known([ious(probability(1.0, 0.0), TARGET, "the buildings")], [1.0], [1.0], [0.0])
    assert choose({"train": answers}, before)[0] == before


def test_sets_count_the_same_whatever_their_size() -> None:
    many = known([ious(probability(0.9, 0.0), TARGET, "it")] * 9, [1.0] * 9, [0.6] * 9, [0.25] * 9)
    few = known([ious(probability(0.3, 0.0), TARGET, "it")], [1.0], [0.3], [0.2])
    chosen, _ = choose({"many": many, "few": few}, Decision())
    assert chosen.mask_threshold == 0.25
    assert chosen.presence_threshold == 0.3


def test_presence_comes_from_where_it_is_known_best() -> None:
    good, guesses = [0.9, 0.8], [0.5, 0.5]
    answers = Known(
        [ious(probability(0.9, 0.0), TARGET, "it")],
        {"object_score": [0.9], "early": [0.9]},
        {"object_score": guesses, "early": good},
        {"object_score": guesses, "early": [0.1, 0.2]},
    )
    chosen, worth = choose({"train": answers}, Decision(presence="object_score"))
    assert chosen.presence == "early"
    assert worth["by_source"] == {"object_score": 0.5, "early": 1.0}
