"""Figures by name: which samples count, intervals, differences, places."""

import numpy as np
import pytest

from rs2sam2.evaluation.figures import (
    MASK_FIGURES,
    NATIVE_FIGURES,
    PAPER_FIGURES,
    by_unit,
    differences,
    measure,
)


def columns(rows):
    """Rows of (intersection, union, meant, found); boundaries and 1024 px repeat the overlap."""
    part, union, meant, found = (np.array(column) for column in zip(*rows, strict=True))
    return {
        "intersection": part,
        "union": union,
        "boundary_intersection": part,
        "boundary_union": union,
        "matched_prediction": part,
        "prediction_boundary": union,
        "matched_target": part,
        "target_boundary": union,
        "intersection_at_1024": part,
        "union_at_1024": union,
        "meant": meant.astype(bool),
        "found": found.astype(bool),
    }


# Half right; refused; a false alarm; rightly nothing.
ROWS = [(50, 100, 1, 1), (0, 80, 1, 0), (0, 20, 0, 1), (0, 0, 0, 0)]
UNITS = ["a", "a", "b", "b"]


def values(found):
    return {name: figure["value"] for name, figure in found.items()}


def test_what_counts_where_nothing_is_meant():
    native = values(measure(NATIVE_FIGURES, columns(ROWS), UNITS, 0))
    assert native["mean_iou"] == 0.25
    assert native["overall_iou"] == 0.25
    assert native["precision_at_0.5"] == 0.5
    assert native["mean_boundary_iou"] == native["mean_boundary_f1_at_3_px"] == 0.25
    assert native["generalised_mean_iou"] == (0.5 + 0 + 0 + 1) / 4
    assert (native["target_accuracy"], native["no_target_accuracy"]) == (0.5, 0.5)
    paper = values(measure(PAPER_FIGURES, columns(ROWS), UNITS, 0))
    assert (paper["mean_iou"], paper["overall_iou"], paper["precision_at_0.5"]) == (0.125, 0.25, 0.25)


def test_figures_without_samples_have_no_value():
    only_meant = columns(ROWS[:2])
    found = measure(NATIVE_FIGURES, only_meant, UNITS[:2], 0)
    assert found["no_target_accuracy"] == {"value": None, "low": None, "high": None}
    assert found["mean_iou"] == {"value": 0.25, "low": None, "high": None}


def test_names_and_meanings_are_their_own():
    for figures in (NATIVE_FIGURES, PAPER_FIGURES):
        assert len({figure.name for figure in figures}) == len({figure.meaning for figure in figures}) == len(figures)


def test_a_difference_is_second_less_first_and_its_interval_is_paired():
    rng = np.random.default_rng(3)
    union = rng.integers(200, 300, 60)
    hard = rng.random(60)  # how hard a sample is differs far more than the systems do
    first = columns([(int(u * h * 0.8), u, 1, 1) for u, h in zip(union, hard, strict=True)])
    second = columns([(int(u * h * 0.8) + 10, u, 1, 1) for u, h in zip(union, hard, strict=True)])
    units = [str(number) for number in range(60)]
    gap = differences(MASK_FIGURES, first, second, units, 0)["mean_iou"]
    own = [measure(MASK_FIGURES, side, units, 0)["mean_iou"] for side in (first, second)]
    assert gap["value"] == pytest.approx(own[1]["value"] - own[0]["value"])
    assert gap["low"] > 0
    assert gap["high"] - gap["low"] < 0.1 * (own[0]["high"] - own[0]["low"])
    nothing = differences(MASK_FIGURES, first, first, units, 0)["overall_iou"]
    assert nothing == {"value": 0, "low": 0, "high": 0}


def test_places_have_their_own_figures():
    found = by_unit(MASK_FIGURES, columns(ROWS), UNITS)
    assert found["a"]["mean_iou"] == 0.25
    assert found["a"]["overall_iou"] == pytest.approx(50 / 180)
    assert found["b"]["mean_iou"] is None
    assert found["b"]["overall_iou"] == 0
