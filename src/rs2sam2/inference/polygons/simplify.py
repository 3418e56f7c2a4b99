"""Outlines with fewer points, neighbours kept as they are to each other. Needs the optional 'geo' dependencies."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from rs2sam2.inference.polygons.objects import Objects


def simplified(batches: Iterable[Objects], tolerance: float, *, exclusive: bool) -> Iterator[Objects]:
    """Simplify outlines so that shared borders stay shared, and what did not overlap still does not.

    Corners are taken away where the triangle that they cut off is smaller than `tolerance` squared (M. Visvalingam and
    J. D. Whyatt, "Line generalisation by repeated elimination of points", Cartographic Journal 30, 1993; as GEOS's
    coverage simplifier does it). Measures are left: they are those of the pixels.

    Args:
        batches: objects in the order of their first rows.
        tolerance: pixels, above 0.
        exclusive: whether objects of different expressions never overlap, so that borders are shared between these,
            too; else each expression's objects are simplified by themselves.

    Yields:
        The same objects in another order. A simplified outline stays within its object's bounding box, so an object
        is held back until no other's box can meet its own, directly or through others in between.
    """
    waiting = Objects.none()
    enough = 0
    for batch in batches:
        waiting = Objects.joined([waiting, batch])
        if len(waiting) < enough:
            continue
        ready = _complete(waiting, batch.first_row[-1], exclusive=exclusive)
        yield from _simplify(waiting[ready], tolerance, exclusive=exclusive)
        waiting = waiting[~ready]
        # Looking again at every batch would take quadratic time where nearly everything touches.
        enough = 2 * len(waiting)
    yield from _simplify(waiting, tolerance, exclusive=exclusive)


def _complete(objects: Objects, next_row: int, *, exclusive: bool) -> NDArray[np.bool_]:
    """Which objects no further one can touch, if these begin in `next_row` or below."""
    import shapely

    bounds = shapely.bounds(objects.outline)
    boxes = shapely.box(*bounds.T)
    first, second = shapely.STRtree(boxes).query(boxes, predicate="intersects")
    if not exclusive:
        alike = objects.expression[first] == objects.expression[second]
        first, second = first[alike], second[alike]
    size = len(objects)
    _, group = connected_components(
        coo_array((np.ones(len(first)), (first, second)), shape=(size, size)), directed=False
    )
    lowest = np.zeros(size)
    np.maximum.at(lowest, group, bounds[:, 3])
    return np.asarray(lowest[group] < next_row)


def _simplify(objects: Objects, tolerance: float, *, exclusive: bool) -> Iterator[Objects]:
    import shapely

    groups = [objects] if exclusive else [objects[objects.expression == k] for k in np.unique(objects.expression)]
    for group in groups:
        if not len(group):
            continue
        # Where three expressions meet on a straight side of one of them, that side needs a point, too.
        noded = shapely.transform(shapely.segmentize(group.outline, 1.0), np.rint) if exclusive else group.outline
        yield group.with_outlines(shapely.coverage_simplify(noded, tolerance))
