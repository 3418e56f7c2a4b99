"""Cases, summaries, and intervals that resample whole places."""

import numpy as np
import pytest

from rs2sam2.evaluation.bootstrap import interval
from rs2sam2.evaluation.diagnosis.predict import Answer, PackedMask, Question
from rs2sam2.evaluation.diagnosis.scores import Target, by_size, compare, summary


def target(mask, unit="a", number=0, kind="position"):
    return Target(Question(unit, f"sentence {number}"), PackedMask.of(mask), unit, {"kind": kind})


def found(mask, present=True):
    return Answer(PackedMask.of(mask if present else np.zeros_like(mask)), present, float(present), 0.5, 0.5)


def square(side):
    mask = np.zeros((9, 13), dtype=bool)
    mask[:side, :side] = True
    return mask


def test_packing_keeps_every_pixel():
    mask = np.random.default_rng(0).random((7, 13)) > 0.5
    assert (PackedMask.of(mask).mask == mask).all()


def test_a_refused_thing_scores_nothing():
    assert compare(target(square(4)), found(square(4))).iou == 1
    assert compare(target(square(4)), found(square(4), present=False)).iou == 0


def test_summary_adds_up():
    cases = [
        compare(target(square(4), "a", 0), found(square(4))),
        compare(target(square(4), "a", 1, "size"), found(square(2))),
        compare(target(square(2), "b", 2), found(square(2), present=False)),
    ]
    figures = summary(cases, 0, ("kind",))
    assert (figures["count"], figures["units"]) == (3, 2)
    assert figures["mean_iou"]["value"] == pytest.approx((1 + 0.25 + 0) / 3, abs=1e-6)
    assert figures["overall_iou"]["value"] == pytest.approx((16 + 4) / (16 + 16 + 4), abs=1e-6)
    assert figures["precision_at_0.5"]["value"] == pytest.approx(1 / 3, abs=1e-6)
    assert {part: some["count"] for part, some in figures["by_kind"].items()} == {"position": 2, "size": 1}
    # Drawing a twice, once or never: the mean of a alone, of all, of b alone.
    assert figures["mean_iou"]["low"] == 0
    assert figures["mean_iou"]["high"] == pytest.approx(0.625)


def test_one_place_has_no_interval():
    figures = summary([compare(target(square(4)), found(square(4)))] * 3, 0)
    assert (figures["mean_iou"]["low"], figures["mean_iou"]["high"]) == (None, None)


def test_intervals_follow_places_not_sentences():
    rng = np.random.default_rng(1)
    values = rng.random(40)
    rows = np.stack([np.ones(400), np.repeat(values, 10)], axis=1)

    def mean(sums):
        return sums[:, 1:] / sums[:, :1]

    by_place = interval(rows, np.repeat(np.arange(40), 10).astype(str).tolist(), mean, 0)
    by_sentence = interval(rows, [str(number) for number in range(400)], mean, 0)
    widths = [high[0] - low[0] for low, high in (by_place, by_sentence)]
    assert widths[0] == pytest.approx(2 * 1.96 * values.std() / np.sqrt(40), rel=0.1)
    assert widths[0] == pytest.approx(np.sqrt(10) * widths[1], rel=0.15)


def test_thirds_by_size():
    cases = [compare(target(square(side), str(side), side), found(square(side))) for side in (1, 2, 3, 5, 7, 9)]
    thirds = by_size(cases, 0)
    assert [third["count"] for third in thirds.values()] == [2, 2, 2]
    assert thirds["smallest third"]["most_share"] < thirds["largest third"]["least_share"]


def test_fewer_cases_than_thirds():
    assert [third["count"] for third in by_size([compare(target(square(3)), found(square(3)))], 0).values()] == [1]
