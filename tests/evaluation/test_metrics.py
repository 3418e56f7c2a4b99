"""Metrics against plain arithmetic, the same to the last bit however samples are batched or spread over processes."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rs2sam2.evaluation.metrics import (
    BalancedPresenceAccuracy,
    ExpectedCalibrationError,
    GeneralisedMeanIoU,
    MeanBoundaryF1,
    MeanIoU,
    NoTargetAccuracy,
    OverallIoU,
    PrecisionAtIoU,
    TargetAccuracy,
    overlap,
)

COUNTS = st.lists(
    st.integers(0, 10**8).flatmap(lambda union: st.tuples(st.integers(0, union), st.just(union))),
    min_size=1,
    max_size=30,
)


BY_OVERLAP = (MeanIoU, GeneralisedMeanIoU, OverallIoU, lambda: PrecisionAtIoU(0.7))


def in_batches(metric, columns, cuts):
    for part in zip(*(np.split(np.asarray(column), cuts) for column in columns), strict=True):
        if len(part[0]):
            metric.update(*(torch.from_numpy(values) for values in part))
    return metric


@given(COUNTS, st.lists(st.integers(0, 30), max_size=5))
def test_batches_change_nothing(counts, cuts):
    columns = [list(column) for column in zip(*counts, strict=True)]
    for make in BY_OVERLAP:
        whole = in_batches(make(), columns, [])
        parted = in_batches(make(), columns, sorted(min(cut, len(counts)) for cut in cuts))
        backwards = in_batches(make(), [column[::-1] for column in columns], [])
        assert whole.compute().nan_to_num(-1) == parted.compute().nan_to_num(-1) == backwards.compute().nan_to_num(-1)


@given(COUNTS)
def test_figures_are_the_plain_ones(counts):
    intersections, unions = (torch.tensor(column) for column in zip(*counts, strict=True))
    ious = [Fraction(part, whole) if whole else Fraction(0) for part, whole in counts]
    mean, generalised, overall, precision = MeanIoU(), GeneralisedMeanIoU(), OverallIoU(), PrecisionAtIoU(0.6)
    for metric in (mean, generalised, overall, precision):
        metric.update(intersections, unions)
    agreed = sum(union == 0 for _, union in counts)
    assert float(generalised.compute()) == pytest.approx((float(sum(ious)) + agreed) / len(ious), abs=1e-6)
    assert float(mean.compute()) == pytest.approx(float(sum(ious) / len(ious)), abs=1e-6)
    assert float(precision.compute()) == pytest.approx(np.mean([iou >= Fraction(3, 5) for iou in ious]), abs=1e-6)
    if int(unions.sum()):
        assert float(overall.compute()) == pytest.approx(int(intersections.sum()) / int(unions.sum()), abs=1e-6)


@pytest.mark.parametrize("tenths", [5, 6, 7, 8, 9])
def test_precision_at_the_very_threshold(tenths):
    reached, missed = PrecisionAtIoU(tenths / 10), PrecisionAtIoU(tenths / 10)
    reached.update(torch.tensor([tenths * 10**7]), torch.tensor([10**8]))
    missed.update(torch.tensor([tenths * 10**7 - 1]), torch.tensor([10**8]))
    assert (reached.compute(), missed.compute()) == (1, 0)


def test_processes_add_up():
    rng = np.random.default_rng(0)
    unions = rng.integers(1, 1000, 12)
    columns = [rng.integers(0, unions + 1), unions]
    for make in BY_OVERLAP:
        ranks = [in_batches(make(), [column[rank::3] for column in columns], []) for rank in range(3)]
        gathered = make()
        for name, reduce in gathered._reductions.items():  # what torchmetrics does after gathering from all processes
            setattr(gathered, name, reduce(torch.stack([getattr(rank, name) for rank in ranks])))
        gathered._update_count = 1
        assert gathered.compute() == in_batches(make(), columns, []).compute()


BOUNDARIES = st.lists(
    st.tuples(st.integers(0, 10**4), st.integers(0, 10**4)).flatmap(
        lambda sizes: st.tuples(
            st.integers(0, sizes[0]), st.just(sizes[0]), st.integers(0, sizes[1]), st.just(sizes[1])
        )
    ),
    min_size=1,
    max_size=20,
)


@given(BOUNDARIES, st.lists(st.integers(0, 20), max_size=4), st.randoms())
def test_boundary_f1_is_the_plain_one_in_any_batches_and_order(counts, cuts, random):
    def columns(rows):
        return [list(column) for column in zip(*rows, strict=True)]

    plain = []
    for a, m, b, n in counts:
        precision, recall = (Fraction(part, whole) if whole else Fraction(0) for part, whole in ((a, m), (b, n)))
        plain.append(2 * precision * recall / (precision + recall) if precision + recall else Fraction(0))
    whole = in_batches(MeanBoundaryF1(), columns(counts), [])
    assert float(whole.compute()) == pytest.approx(float(sum(plain) / len(plain)), abs=1e-6)
    shuffled = random.sample(counts, len(counts))
    parted = in_batches(MeanBoundaryF1(), columns(shuffled), sorted(min(cut, len(counts)) for cut in cuts))
    assert parted.compute() == whole.compute()


def test_generalised_mean_iou_of_one_of_each():
    # Right and half right; refused; a false alarm; rightly nothing.
    metric = GeneralisedMeanIoU()
    metric.update(torch.tensor([50, 0, 0, 0]), torch.tensor([100, 80, 30, 0]))
    assert metric.compute() == (0.5 + 0 + 0 + 1) / 4


def test_overlap_counts_each_sample():
    prediction, target = torch.zeros(2, 3, 4, dtype=torch.bool), torch.zeros(2, 3, 4, dtype=torch.bool)
    prediction[0, 0], target[0, :, 0] = True, True
    target[1] = True
    intersection, union = overlap(prediction, target)
    assert intersection.tolist() == [1, 0]
    assert union.tolist() == [6, 12]


def test_presence_accuracies():
    true = torch.tensor([True, True, True, True, False, False])
    said = torch.tensor([True, True, True, False, False, True])
    target, no_target, balanced = TargetAccuracy(), NoTargetAccuracy(), BalancedPresenceAccuracy()
    for metric in (target, no_target, balanced):
        metric.update(said[:5], true[:5])
        metric.update(said[5:], true[5:])
    assert (target.compute(), no_target.compute(), balanced.compute()) == (0.75, 0.5, 0.625)


def test_calibration_of_a_perfect_and_of_a_sure_but_wrong_score():
    perfect, wrong = ExpectedCalibrationError(), ExpectedCalibrationError()
    scores = torch.tensor([0.0, 0.25, 0.25, 1.0], dtype=torch.float64)
    perfect.update(scores, torch.tensor([0.0, 0.2, 0.3, 1.0], dtype=torch.float64))
    wrong.update(torch.ones(4), torch.zeros(4))
    assert float(perfect.compute()) == pytest.approx(0, abs=1e-8)
    assert wrong.compute() == 1


def test_calibration_weighs_bins_by_their_samples():
    metric = ExpectedCalibrationError()
    metric.update(torch.tensor([0.95, 0.95, 0.95, 0.15]), torch.tensor([0.95, 0.95, 0.95, 0.55]))
    assert float(metric.compute()) == pytest.approx(0.4 / 4, abs=1e-6)
