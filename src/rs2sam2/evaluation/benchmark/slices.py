"""The same figures for parts of the samples: by kind of sentence, category, size of the target, place, picture."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from rs2sam2.evaluation.benchmark.score import SampleScore, columns
from rs2sam2.evaluation.figures import MASK_FIGURES, NATIVE_FIGURES, by_unit, measure

_SIZES = ((0.001, "up to 0.1 %"), (0.01, "0.1 to 1 %"), (0.1, "1 to 10 %"), (1.0, "over 10 %"))
NOTHING_MEANT = "nothing is meant"


def target_size(row: SampleScore) -> str:
    """The share of the image that is meant, as the name of a decade."""
    share = row.truth / (row.height * row.width)
    return NOTHING_MEANT if not row.meant else next(name for most, name in _SIZES if share <= most)


DIVISIONS: dict[str, Callable[[SampleScore], str]] = {
    "kind": lambda row: row.kind,
    "category": lambda row: row.category,
    "target_size": target_size,
}
"""Name of a division -> the part that a sample belongs to."""
_ORDER = {name: place for place, name in enumerate((NOTHING_MEANT, *(name for _, name in _SIZES)))}


def slices(scores: Sequence[SampleScore], seed: int) -> dict[str, Any]:
    """Figures of each part of each division that has more than one part.

    Returns:
        Division -> part -> "samples", "places" and the figures with their intervals. "place" and "picture" (where that
        is another) have the figures of each one without intervals: there is nothing to resample within one.
    """
    found: dict[str, Any] = {}
    for division, part_of in DIVISIONS.items():
        parts = sorted({part_of(row) for row in scores}, key=lambda part: (_ORDER.get(part, -1), part))
        if len(parts) > 1:
            found[division] = {part: _part([row for row in scores if part_of(row) == part], seed) for part in parts}
    by_place, by_picture = [row.place for row in scores], [row.picture for row in scores]
    found["place"] = _each(scores, by_place)
    if by_picture != by_place:
        found["picture"] = _each(scores, by_picture)
    return found


def _each(scores: Sequence[SampleScore], units: Sequence[str]) -> dict[str, Any]:
    samples = Counter(units)
    figures = by_unit(MASK_FIGURES, columns(scores), units)
    return {unit: {"samples": samples[unit], **values} for unit, values in figures.items()}


def _part(scores: Sequence[SampleScore], seed: int) -> dict[str, Any]:
    units = [row.place for row in scores]
    return {
        "samples": len(scores),
        "places": len(set(units)),
        **measure(NATIVE_FIGURES, columns(scores), units, seed),
    }
