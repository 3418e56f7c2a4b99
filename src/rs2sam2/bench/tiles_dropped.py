"""What a setting of `Decision.drop_below` costs: found things that would be lost, and questions that are spared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MOST_LOST = 0.01
"""Of the things that are found without dropping anything."""
COVERED = 0.5
"""Of a thing's pixels, by the mask: then it is found."""


@dataclass(frozen=True)
class Asked:
    """One question to one tile.

    Attributes:
        early: P(present) of the union encoder alone.
        there: how many things of the kind the tile shows.
        found: how many of them the whole model finds.
    """

    early: float
    there: int
    found: int


def highest(asked: Sequence[Asked]) -> float:
    """The highest setting within `MOST_LOST`, rounded down to three decimals; 0 for none, or nothing to lose."""
    found = sum(one.found for one in asked)
    lost, reached = 0, 0.0
    if not found:
        return reached
    for one in sorted(asked, key=lambda one: one.early):
        reached = one.early
        lost += one.found
        if lost > MOST_LOST * found:
            break
    return float(min(0.999, np.floor(reached * 1000) / 1000))


def figures(asked: Sequence[Asked], drop_below: float) -> dict[str, Any]:
    """Counts of "questions", "holding_none" (whose tile has no such thing) and "things"; and the cost of a setting."""
    return {
        "questions": len(asked),
        "holding_none": sum(not one.there for one in asked),
        "things": sum(one.there for one in asked),
        **at(asked, drop_below),
    }


def at(asked: Sequence[Asked], drop_below: float) -> dict[str, Any]:
    """What is "found" without a setting, questions "dropped", things "lost", and "loss_in_recall", their ratio."""
    found = sum(one.found for one in asked)
    lost = sum(one.found for one in asked if one.early < drop_below)
    return {
        "drop_below": drop_below,
        "dropped": sum(one.early < drop_below for one in asked),
        "found": found,
        "lost": lost,
        "loss_in_recall": lost / found if found else None,
    }
