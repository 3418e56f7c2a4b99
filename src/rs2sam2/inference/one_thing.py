"""From a probability map to the mask that answers an expression: one that means one thing may get one connected part.

Shapes: H, W height and width of the user's image in pixels.
"""

import re

import numpy as np
from numpy.typing import NDArray

from rs2sam2.config import Decision
from rs2sam2.inference.runs import Runs, joined, touching

_MANY = re.compile(
    "all|any|both|collection|couple|each|every|everything|few|group|cluster|many|most|multiple|other|pair|people|row|"
    "several|some|these|those|two|three|four|five|six|seven|eight|nine|ten"
)
_NOT_PLURAL = re.compile(r".*(?:ss|us|is|as|'s)|sports|lens")
_END_OF_THING = re.compile(
    r"\b(?:above|across|along|among|around|at|behind|below|beneath|beside|between|by|containing|for|from|has|having|in|"
    r"inside|is|near|of|on|outside|over|that|to|under|underneath|where|which|whose|with|within|without)\b|[,;:]"
)
_SECOND_THING = re.compile(r"\b(?:and|or|plus)\s+(?:the|a|an|all|both|every|another)\b|\bas well as\b")


def cut(
    probability: NDArray[np.float32],
    expression: str,
    decision: Decision,
    clicked: NDArray[np.intp] | None = None,
) -> NDArray[np.bool_]:
    """The mask (H, W) that a probability map means for an expression.

    Args:
        probability: (H, W) in 0..1.
        expression: what was asked.
        decision: of the weights.
        clicked: (M, 2) rows and columns that somebody said belong to the thing: parts with one of them are kept.
    """
    mask: NDArray[np.bool_] = probability > decision.mask_threshold
    if decision.one_thing == "surest part" and means_one_thing(expression):
        return surest_part(mask, probability, clicked)
    return mask


def means_one_thing(expression: str) -> bool:
    """Whether an English expression names a single thing, by the number of the words before its first preposition.

    "the largest building on the left" does; "all buildings", "the cars next to the road", "the pool and the court" and
    everything in another language do not. In doubt it does not.
    """
    text = expression.lower().replace("\u2019", "'")
    if not text.isascii() or (_SECOND_THING.search(text) and "between" not in text):
        return False
    words = re.findall(r"[a-z0-9']+", _END_OF_THING.split(text, maxsplit=1)[0])
    return bool(words) and not any(_MANY.fullmatch(word) or _plural(word) for word in words)


def _plural(word: str) -> bool:
    return word.endswith("s") and not _NOT_PLURAL.fullmatch(word)


def surest_part(
    mask: NDArray[np.bool_], probability: NDArray[np.float32], clicked: NDArray[np.intp] | None = None
) -> NDArray[np.bool_]:
    """Of a mask (H, W), the connected part (over sides and corners) with the greatest sum of probabilities.

    Args:
        mask: what was found, in any number of parts.
        probability: (H, W) in 0..1, of each pixel belonging to the thing.
        clicked: (M, 2) rows and columns; parts that hold one of them are kept, too.
    """
    pitch = mask.shape[1] + 1
    runs = Runs.of(mask, pitch)
    part = joined(*touching(runs, pitch, corners=True), len(runs))  # (N,) of the runs
    count = int(part.max(initial=-1)) + 1
    if count < 2:
        return mask
    parts = np.zeros(mask.shape, dtype=np.int64)  # (H, W), from 1; 0 where there is none
    parts[mask] = np.repeat(part + 1, runs.lengths)
    sums = np.bincount(parts[mask], weights=probability[mask])
    kept = np.zeros(count + 1, dtype=bool)
    kept[np.argmax(sums)] = True
    if clicked is not None:
        kept[parts[clicked[:, 0], clicked[:, 1]]] = True
        kept[0] = False  # what lies in no part
    found: NDArray[np.bool_] = kept[parts]
    return found
