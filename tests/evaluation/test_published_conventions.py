"""Two conventions that published figures rest on: what an empty union counts, and whether Pr takes "at least"."""

import torch

from rs2sam2.evaluation.metrics import MeanIoU, PrecisionAtIoU, overlap

NOTHING = torch.zeros(1, 4, 4, dtype=torch.bool)


def halves() -> tuple[torch.Tensor, torch.Tensor]:
    """A mask of two pixels and a target of one of them: IoU 1/2 exactly."""
    prediction, target = NOTHING.clone(), NOTHING.clone()
    prediction[0, 0, :2], target[0, 0, 0] = True, True
    return prediction, target


def test_empty_union_counts_as_zero() -> None:
    mean, precision = MeanIoU(), PrecisionAtIoU(0.5)
    for metric in (mean, precision):
        metric.update(*overlap(NOTHING, NOTHING))
        assert metric.compute() == 0
    mean.update(*overlap(*halves()))
    assert mean.compute() == 0.25


def test_precision_takes_at_least() -> None:
    at, above = PrecisionAtIoU(0.5), PrecisionAtIoU(0.51)
    for metric in (at, above):
        metric.update(*overlap(*halves()))
    assert (at.compute(), above.compute()) == (1, 0)
