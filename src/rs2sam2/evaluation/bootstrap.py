"""Intervals by resampling whole places.

Sentences about one place are not independent (windows of a mosaic overlap and lie inside it), so a bootstrap draws
images, mosaics or rendered scenes, never sentences.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
_AT_ONCE = 250  # draws; of a large data set all of them would fill the memory
Floats = NDArray[np.float64]


def interval(
    rows: Floats, units: Sequence[str], figures: Callable[[Floats], Floats], seed: int
) -> tuple[list[float | None], list[float | None]]:
    """Percentile bootstrap of figures that are made of sums.

    Args:
        rows: (cases, sums) what each case adds.
        units: of each case; drawn with replacement, as many as there are.
        figures: from sums (..., sums) to figures (..., figures).
        seed: of the draws.

    Returns:
        2.5th and 97.5th percentile of each figure; None with fewer than two units, or where no draw gave a figure.
    """
    names, owners = np.unique(units, return_inverse=True)
    sums = np.zeros((len(names), rows.shape[1]))
    np.add.at(sums, owners, rows)
    rng, share = np.random.default_rng(seed), np.full(len(names), 1 / max(len(names), 1))
    drawn = [rng.multinomial(len(names), share, _AT_ONCE) @ sums for _ in range(RESAMPLES // _AT_ONCE)]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = figures(np.concatenate(drawn))
    lows: list[float | None] = []
    highs: list[float | None] = []
    for values in found.T:
        known = values[np.isfinite(values)]
        few = len(names) < 2 or not len(known)
        lows.append(None if few else float(np.percentile(known, 2.5)))
        highs.append(None if few else float(np.percentile(known, 97.5)))
    return lows, highs
