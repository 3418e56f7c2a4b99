"""Where masks begin and end: counts of boundary pixels, for boundary IoU and boundary F1.

Shapes: H, W height and width of the image in pixels.
"""

from math import hypot
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]

DILATION_RATIO = 0.02
"""Width of the band that boundary IoU looks at, over the image's diagonal (Cheng et al.'s own)."""
TOLERANCE = 3
"""How far a boundary pixel may be from the other boundary and still match, in pixels of the masks."""


class BoundaryMatches(NamedTuple):
    """Boundary pixels, and how many of them have one of the other mask's within the tolerance."""

    matched_prediction: int
    prediction: int
    matched_target: int
    target: int


def boundary_overlap(prediction: Mask, target: Mask) -> tuple[int, int]:
    """Intersection and union of the inner boundary bands of two masks, in pixels.

    A mask's band is what is nearer than d pixels (rows or columns, whichever are more) to its outside, the image's
    border being outside; d is 2 % of the image's diagonal, rounded, at least 1. Cheng et al., "Boundary IoU: Improving
    Object-Centric Image Segmentation Evaluation", CVPR 2021. A thing that is thinner than 2 d is all band.

    Args:
        prediction: (H, W).
        target: (H, W).
    """
    width = max(1, round(DILATION_RATIO * hypot(*target.shape)))
    window = _window(prediction | target, 0)
    bands = [_band(mask[window], width) for mask in (prediction, target)]
    return int((bands[0] & bands[1]).sum()), int((bands[0] | bands[1]).sum())


def boundary_matches(prediction: Mask, target: Mask, tolerance: float = TOLERANCE) -> BoundaryMatches:
    """Boundary pixels of two masks that lie close together.

    A boundary pixel is in the mask and has one of its four neighbours outside; the image's border is no boundary, for
    there the picture ends and not the thing. Near is at most `tolerance` pixels in a straight line. Two masks that both
    fill the image have no boundary to differ in: they count as one boundary pixel each, matched.

    Args:
        prediction: (H, W).
        target: (H, W).
        tolerance: in pixels.
    """
    if prediction.all() and target.all():
        return BoundaryMatches(1, 1, 1, 1)
    window = _window(prediction | target, 1)
    found, meant = (_edge(mask[window]) for mask in (prediction, target))
    return BoundaryMatches(
        _near(found, meant, tolerance), int(found.sum()), _near(meant, found, tolerance), int(meant.sum())
    )


def _window(mask: Mask, margin: int) -> tuple[slice, slice]:
    """The part of the image that holds the mask and `margin` pixels around it, as far as the image goes."""
    lines = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    rows, columns = (
        slice(max(0, line[0] - margin), line[-1] + 1 + margin) if len(line) else slice(0) for line in lines
    )
    return rows, columns


def _band(mask: Mask, width: int) -> Mask:
    """What an erosion by `width` pixels takes away; around the window there is nothing of the mask."""
    if not mask.any():
        return mask
    inside = ndimage.minimum_filter(mask.view(np.uint8), size=2 * width + 1, mode="constant", cval=0)
    band: Mask = mask & ~inside.view(np.bool_)
    return band


def _edge(mask: Mask) -> Mask:
    """Pixels of a mask with a neighbour, above, below or beside, that is not in it."""
    if not mask.any():
        return mask
    kept = np.pad(mask, 1, mode="edge")
    inside = kept[:-2, 1:-1] & kept[2:, 1:-1] & kept[1:-1, :-2] & kept[1:-1, 2:]
    return mask & ~inside


def _near(edge: Mask, other: Mask, tolerance: float) -> int:
    """How many pixels of `edge` have one of `other` within `tolerance` pixels."""
    if not edge.any() or not other.any():
        return 0
    return int((ndimage.distance_transform_edt(~other)[edge] <= tolerance).sum())
