"""Each pixel to one expression.

Shapes: K expressions, at most 65535; H, W height and width of an image, or of a raster's strip, in pixels.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rs2sam2.inference.segmentation import Segmentation


def likeliest(
    answers: Iterable[tuple[NDArray[np.bool_], NDArray[np.float32] | NDArray[np.uint8]]],
) -> NDArray[np.uint16]:
    """Which expression each pixel belongs to.

    Args:
        answers: K masks (H, W) and their probabilities (H, W), at least one of them.

    Returns:
        (H, W), 0 where no mask is set, else k for the k-th expression: the one with the highest probability of those
        whose mask is set there, the first of these if there are several.
    """
    labels: NDArray[np.uint16] | None = None
    for number, (mask, probability) in enumerate(answers, 1):
        if labels is None:
            labels = np.zeros(mask.shape, dtype=np.uint16)
            best = np.full(mask.shape, -1.0, dtype=np.float32)
        wins = mask & (probability > best)
        labels[wins] = number
        best[wins] = probability[wins]
    if labels is None:
        raise ValueError("no mask to choose from")
    return labels


def exclusive(answers: Sequence[Segmentation]) -> list[Segmentation]:
    """The same answers with masks that do not overlap: each pixel goes to the likeliest expression."""
    labels = likeliest((answer.mask, answer.probability) for answer in answers)
    return [replace(answer, mask=labels == number) for number, answer in enumerate(answers, 1)]
