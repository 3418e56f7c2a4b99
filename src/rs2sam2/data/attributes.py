"""What can be said for certain about the things of a scene: place, size, order, colour, neighbours.

Every statement has three values. A `Fit` names the things that a description fits for certain and those that it could
fit in somebody's eyes; whatever is in neither certainly does not fit. A description means one thing beyond doubt when
both sets hold that thing alone, and means nothing when nobody could fit. Margins follow the rules by which the OAM-Ref
sentences were made: area 1.35x for superlatives, 6 % of the image width for the outermost, 8 % for distances, 1.6x for
the nearest neighbour.

Coordinates are fractions of the image's width (x) and height (y), y down.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rs2sam2.data.scene import Scene

Floats = NDArray[np.float64]

SIDES = ("left", "right", "upper", "lower")
CORNERS = ("upper left", "upper right", "lower left", "lower right")
RELATIONS = ("left of", "right of", "above", "below", "closest to", "next to")

AREA_MARGIN = 1.35
EXTREME_MARGIN = 0.06
DISTANCE_MARGIN = 0.08
NEIGHBOUR_MARGIN = 1.6
NEXT_TO_GAP = 0.06
DIRECT_GAP = 0.3
ELONGATED_CERTAIN, ELONGATED_POSSIBLE = 3.0, 2.2
SQUARE_CERTAIN, SQUARE_POSSIBLE = 1.1, 1.35

# (certain, possible) boxes of the centroid: x from, x to, y from, y to.
_REGIONS = {
    "left": ((0, 0.42, 0, 1), (0, 0.56, 0, 1)),
    "right": ((0.58, 1, 0, 1), (0.44, 1, 0, 1)),
    "upper": ((0, 1, 0, 0.42), (0, 1, 0, 0.56)),
    "lower": ((0, 1, 0.58, 1), (0, 1, 0.44, 1)),
    "upper left": ((0, 0.3, 0, 0.3), (0, 0.48, 0, 0.48)),
    "upper right": ((0.7, 1, 0, 0.3), (0.52, 1, 0, 0.48)),
    "lower left": ((0, 0.3, 0.7, 1), (0, 0.48, 0.52, 1)),
    "lower right": ((0.7, 1, 0.7, 1), (0.52, 1, 0.52, 1)),
    "upper left corner": ((0, 0.25, 0, 0.25), (0, 0.48, 0, 0.48)),
    "upper right corner": ((0.75, 1, 0, 0.25), (0.52, 1, 0, 0.48)),
    "lower left corner": ((0, 0.25, 0.75, 1), (0, 0.48, 0.52, 1)),
    "lower right corner": ((0.75, 1, 0.75, 1), (0.52, 1, 0.52, 1)),
    "middle left": ((0, 0.28, 0.38, 0.62), (0, 0.44, 0.25, 0.75)),
    "middle right": ((0.72, 1, 0.38, 0.62), (0.56, 1, 0.25, 0.75)),
    "upper middle": ((0.38, 0.62, 0, 0.28), (0.25, 0.75, 0, 0.44)),
    "lower middle": ((0.38, 0.62, 0.72, 1), (0.25, 0.75, 0.56, 1)),
    "centre": ((0.38, 0.62, 0.38, 0.62), (0.27, 0.73, 0.27, 0.73)),
}
REGIONS = tuple(_REGIONS)
_POINTS = {
    "upper left": (0.0, 0.0),
    "upper right": (1.0, 0.0),
    "lower left": (0.0, 1.0),
    "lower right": (1.0, 1.0),
    "centre": (0.5, 0.5),
}
POINTS = tuple(_POINTS)


@dataclass(frozen=True)
class Fit:
    """Indices of the things that a description fits for certain, and of all that it could fit."""

    certain: frozenset[int]
    possible: frozenset[int]

    def __and__(self, other: "Fit") -> "Fit":
        """What fits both descriptions."""
        return Fit(self.certain & other.certain, self.possible & other.possible)

    @property
    def sole(self) -> int | None:
        """The one thing that is meant beyond doubt, or None."""
        return next(iter(self.certain)) if len(self.possible) == 1 and self.certain == self.possible else None

    def only(self, index: int) -> "Fit":
        """A narrower description that this thing alone fits."""
        return Fit(frozenset({index}), frozenset({index}))

    def unclear(self) -> "Fit":
        """A narrower description that nobody fits for certain and any of these could fit."""
        return Fit(frozenset(), self.possible)


class Attributes:
    """Measured attributes of the visible things of one scene.

    Attributes:
        shown: indices of the things with pixels in the scene.
        x, y: centroids of the visible pixels.
        left, right, upper, lower: borders of the visible pixels.
        seen_area, whole_area: pixels of each thing within the scene, and of all of it.
    """

    def __init__(self, scene: Scene) -> None:
        """Measure all things of `scene` in one pass over its labels."""
        self.scene = scene
        height, width = scene.labels.shape
        count = len(scene.things)
        rows, columns = np.nonzero(scene.labels)
        owners = scene.labels[rows, columns].astype(np.int64) - 1
        by_column = np.bincount(owners * width + columns, minlength=count * width).reshape(count, width)
        by_row = np.bincount(owners * height + rows, minlength=count * height).reshape(count, height)
        self.seen_area: Floats = by_row.sum(1).astype(np.float64)
        self.whole_area: Floats = np.maximum(self.seen_area, [thing.full_area for thing in scene.things])
        self.shown = tuple(np.flatnonzero(self.seen_area).tolist())
        self.x, self.left, self.right, self._x_variance = _profile(by_column)
        self.y, self.upper, self.lower, self._y_variance = _profile(by_row)
        self._pixels = owners, columns, rows
        self._regions: dict[str, Fit] = {}

    def category(self, name: str) -> Fit:
        """The things of this class; whether one that no expression may mean is one of them is a matter of opinion."""
        things = self.scene.things
        possible = frozenset(index for index in self.shown if things[index].category == name)
        return Fit(frozenset(index for index in possible if things[index].referable), possible)

    def colour(self, name: str) -> Fit:
        """The things of this colour."""
        things = self.scene.things
        certain = frozenset(index for index in self.shown if name in things[index].colours)
        return Fit(certain, certain | {index for index in self.shown if name in things[index].maybe_colours})

    def region(self, name: str) -> Fit:
        """The things whose centroid lies in this part of the image (`REGIONS`)."""
        if name not in self._regions:
            certain, possible = (self._inside(box) for box in _REGIONS[name])
            self._regions[name] = Fit(certain, possible)
        return self._regions[name]

    def elongated(self) -> Fit:
        """The long and narrow things (side ratio from second moments; cut-off things could be anything)."""
        return self._by_ratio(self._side_ratio > ELONGATED_CERTAIN, self._side_ratio > ELONGATED_POSSIBLE)

    def square(self) -> Fit:
        """The square things, judged like `elongated` and by how far their box's rectangle is filled."""
        return self._by_ratio(self._side_ratio < SQUARE_CERTAIN, self._side_ratio < SQUARE_POSSIBLE)

    def largest(self, fit: Fit) -> Fit:
        """The largest of these things as far as they are seen, unless a rival is far larger beyond the border."""
        for index in fit.certain:
            rivals = list(fit.possible - {index})
            seen = self.seen_area[index]
            if (seen >= AREA_MARGIN * self.seen_area[rivals]).all() and (seen >= 0.7 * self.whole_area[rivals]).all():
                return fit.only(index)
        return fit.unclear()

    def smallest(self, fit: Fit) -> Fit:
        """The smallest of these things, seen whole, if it is so by the margin beside what is seen of the others."""
        for index in fit.certain:
            rivals = list(fit.possible - {index})
            if not self.cut_off[index] and (AREA_MARGIN * self.seen_area[index] <= self.seen_area[rivals]).all():
                return fit.only(index)
        return fit.unclear()

    def extreme(self, fit: Fit, side: str) -> Fit:
        """The outermost of these things towards `side`."""
        return self.ordinal(fit, side, 1)

    def ordinal(self, fit: Fit, side: str, number: int) -> Fit:
        """The `number`-th (from 1) of these things, counted from `side`; every step up to it has to be clear."""
        place, edge = self._towards(side)
        order = sorted(fit.possible, key=place.__getitem__)
        if len(order) < number or not set(order[:number]) <= fit.certain:
            return fit.unclear()
        for nearer, farther in pairwise(order[: number + 1]):
            if place[farther] - place[nearer] < EXTREME_MARGIN:
                return fit.unclear()
        target = order[number - 1]
        # A long thing may reach farther out than one whose centroid lies farther out: then eyes disagree.
        before, after = order[: number - 1], order[number:]
        if any(edge[target] < edge[other] for other in before) or any(
            edge[other] < edge[target] - 0.01 for other in after
        ):
            return fit.unclear()
        return fit.only(target)

    def nearest_to_point(self, fit: Fit, point: str) -> Fit:
        """The thing of these whose centroid is nearest to a corner or the centre (`POINTS`)."""
        x, y = _POINTS[point]
        distance = np.hypot(self.x - x, self.y - y)
        order = sorted(fit.possible, key=distance.__getitem__)
        if not order or order[0] not in fit.certain:
            return fit.unclear()
        if len(order) > 1 and distance[order[1]] - distance[order[0]] < DISTANCE_MARGIN:
            return fit.unclear()
        return fit.only(order[0])

    def related(self, fit: Fit, relation: str, anchor: int, direct: bool = False) -> Fit:
        """The things of `fit` that stand in `relation` to the thing `anchor`.

        Args:
            fit: candidates; the anchor itself is left out.
            relation: one of `RELATIONS`.
            anchor: index of the thing related to.
            direct: for the four directions, only the nearest one on that side ("directly above").
        """
        others = Fit(fit.certain - {anchor}, fit.possible - {anchor})
        if relation == "closest to":
            return self._nearest_neighbour(others, anchor, np.inf)
        if relation == "next to":
            return self._nearest_neighbour(others, anchor, NEXT_TO_GAP)
        beside = others & self._beside(relation, anchor)
        return self._nearest_neighbour(beside, anchor, DIRECT_GAP) if direct else beside

    @cached_property
    def gaps(self) -> Floats:
        """(things, things) least distance between outlines, in image widths; inf for things that are not shown."""
        points, owners = self._outline_points()
        count = len(self.scene.things)
        gaps = np.full((count, count), np.inf)
        starts = np.flatnonzero(np.diff(owners, prepend=-1))
        distances = np.hypot(points[:, None, 0] - points[None, :, 0], points[:, None, 1] - points[None, :, 1])
        least = np.minimum.reduceat(np.minimum.reduceat(distances, starts, axis=0), starts, axis=1)
        present = owners[starts]
        gaps[np.ix_(present, present)] = least
        return gaps

    @cached_property
    def cut_off(self) -> NDArray[np.bool_]:
        """Which things the border of the scene cuts."""
        seen_part: NDArray[np.bool_] = self.seen_area < 0.97 * self.whole_area
        return seen_part

    @cached_property
    def _side_ratio(self) -> Floats:
        """Ratio of the principal axes, at least 1; of the visible pixels."""
        height, width = self.scene.labels.shape
        owners, columns, rows = self._pixels
        count = np.maximum(self.seen_area, 1)
        moment = np.bincount(owners, (columns + 0.5) * (rows + 0.5), minlength=len(count)) / count
        covariance = moment - self.x * width * self.y * height
        x_variance, y_variance = self._x_variance * width**2, self._y_variance * height**2
        half_trace = (x_variance + y_variance) / 2
        root = np.sqrt(((x_variance - y_variance) / 2) ** 2 + covariance**2)
        ratio: Floats = np.sqrt((half_trace + root + 1 / 12) / np.maximum(half_trace - root + 1 / 12, 1 / 12))
        return ratio

    def _by_ratio(self, certain: NDArray[np.bool_], possible: NDArray[np.bool_]) -> Fit:
        certain, possible = certain & ~self.cut_off, possible | self.cut_off
        return Fit(
            frozenset(index for index in self.shown if certain[index]),
            frozenset(index for index in self.shown if possible[index]),
        )

    def _inside(self, box: tuple[float, float, float, float]) -> frozenset[int]:
        x_from, x_to, y_from, y_to = box
        inside = (self.x >= x_from) & (self.x <= x_to) & (self.y >= y_from) & (self.y <= y_to)
        return frozenset(index for index in self.shown if inside[index])

    def _towards(self, side: str) -> tuple[Floats, Floats]:
        """Centroid and outer border as distances from `side` of the image."""
        return {
            "left": (self.x, self.left),
            "right": (1 - self.x, 1 - self.right),
            "upper": (self.y, self.upper),
            "lower": (1 - self.y, 1 - self.lower),
        }[side]

    def _beside(self, relation: str, anchor: int) -> Fit:
        """Certain: clearly beyond the anchor and within a narrow cone. Possible: any that is not clearly elsewhere."""
        dx, dy = self.x - self.x[anchor], self.y - self.y[anchor]
        along, across = {
            "left of": (-dx, dy),
            "right of": (dx, dy),
            "above": (-dy, dx),
            "below": (dy, dx),
        }[relation]
        outward = {"left of": self.right, "right of": -self.left, "above": self.lower, "below": -self.upper}[relation]
        beyond = {"left of": self.x, "right of": -self.x, "above": self.y, "below": -self.y}[relation][anchor]
        certain = (along > 0.06) & (np.abs(across) < 0.6 * along) & (outward < beyond)
        possible = (along > 0) & (np.abs(across) < 2 * along)
        return Fit(
            frozenset(index for index in self.shown if certain[index]),
            frozenset(index for index in self.shown if possible[index]),
        )

    def _nearest_neighbour(self, fit: Fit, anchor: int, most_gap: float) -> Fit:
        """The thing of these nearest to the anchor by outline (1.6x) and by centroid, within a gap in image widths."""
        distance = np.hypot(self.x - self.x[anchor], self.y - self.y[anchor])
        gap = np.maximum(self.gaps[anchor], 0.01)
        for index in fit.certain:
            if gap[index] <= most_gap and all(
                gap[rival] >= NEIGHBOUR_MARGIN * gap[index] and distance[rival] > distance[index]
                for rival in fit.possible - {index}
            ):
                return fit.only(index)
        return fit.unclear()

    def _outline_points(self, most: int = 32) -> tuple[Floats, NDArray[np.int64]]:
        """(points, 2) pixels on outlines in image widths, about `most` a thing at most, and their owners, sorted."""
        labels = self.scene.labels
        inner = np.zeros(labels.shape, dtype=bool)
        core = labels[1:-1, 1:-1]
        inner[1:-1, 1:-1] = (
            (core == labels[:-2, 1:-1])
            & (core == labels[2:, 1:-1])
            & (core == labels[1:-1, :-2])
            & (core == labels[1:-1, 2:])
        )
        rows, columns = np.nonzero((labels > 0) & ~inner)
        owners = labels[rows, columns].astype(np.int64) - 1
        order = np.argsort(owners, kind="stable")
        rows, columns, owners = rows[order], columns[order], owners[order]
        counts = np.bincount(owners, minlength=len(self.scene.things))
        rank = np.arange(len(owners)) - (np.cumsum(counts) - counts)[owners]
        kept = rank % np.maximum(counts // most, 1)[owners] == 0
        points = np.stack([columns[kept], rows[kept]], axis=1) / labels.shape[1]
        return points, owners[kept]


def _profile(counts: NDArray[np.int64]) -> Iterator[Floats]:
    """Mean, first, last + 1 and variance of positions, in fractions of the length, from (things, positions) counts."""
    length = counts.shape[1]
    centres = np.arange(length) + 0.5
    total = np.maximum(counts.sum(1), 1)
    mean = counts @ centres / total
    taken = counts > 0
    first = taken.argmax(1) if length else np.zeros(len(counts))
    last = length - taken[:, ::-1].argmax(1) if length else np.zeros(len(counts))
    variance = counts @ centres**2 / total - mean**2
    return iter((mean / length, first / length, last / length, variance / length**2))
