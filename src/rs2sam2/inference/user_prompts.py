"""Points and a box that somebody puts on an image beside the words.

Coordinates are pixels of the user's image, x to the right, y downwards, as in `Segmentation.bbox` and outlines: (0, 0)
is the upper left corner of the upper left pixel, whose centre lies at (0.5, 0.5). Shapes: N points.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rs2sam2.errors import PromptError

MOST_POINTS = 64
"""In one question: each costs another run of the mask decoder."""

Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True)
class UserPrompts:
    """At least one point or a box.

    Attributes:
        points: (x, y) in pixels, in the order in which they were made.
        labels: of each point, 1 for what belongs to the thing, 0 for what does not.
        box: (x0, y0, x1, y1) around the thing, in pixels, or None.
    """

    points: tuple[tuple[float, float], ...] = ()
    labels: tuple[int, ...] = ()
    box: Box | None = None

    @classmethod
    def of(
        cls, points: ArrayLike | None = None, labels: ArrayLike | None = None, box: ArrayLike | None = None
    ) -> Self | None:
        """Check what a user gives.

        Args:
            points: N pairs (x, y), or None.
            labels: N of 1 and 0; None stands for ones.
            box: x0, y0, x1, y1, or None.

        Returns:
            None if there is neither a point nor a box.

        Raises:
            PromptError: if something is malformed, is not finite or does not match, or there are too many points.
        """
        xy = _numbers("points", points, "give (x, y) pairs, such as [(120, 80), (40, 30.5)]")
        if xy.size and (xy.ndim != 2 or xy.shape[1] != 2):
            raise PromptError(f"points of shape {xy.shape}: give (x, y) pairs, such as [(120, 80), (40, 30.5)]")
        if len(xy) > MOST_POINTS:
            raise PromptError(f"{len(xy)} points: at most {MOST_POINTS} are taken")
        signs = np.ones(len(xy)) if labels is None else _numbers("labels", labels, "give 1 or 0 for each point")
        if signs.shape != (len(xy),):
            raise PromptError(f"{len(xy)} points and labels of shape {signs.shape}: give one label for each point")
        if not ((signs == 0) | (signs == 1)).all():  # `np.isin` would import masked arrays
            raise PromptError(f"labels {_listed(signs)}: 1 is for what belongs to the thing, 0 for what does not")
        corners = _box(box)
        if not len(xy) and corners is None:
            return None
        return cls(tuple((float(x), float(y)) for x, y in xy), tuple(int(sign) for sign in signs), corners)

    def check_inside(self, width: int, height: int) -> None:
        """Refuse what lies outside an image of this size, in pixels.

        Raises:
            PromptError: if something does; names it.
        """
        for x, y in self.points:
            if not (0 <= x < width and 0 <= y < height):
                raise PromptError(f"point ({x:g}, {y:g}) lies outside the image, which is {width} x {height} pixels")
        if self.box is not None:
            x0, y0, x1, y1 = self.box
            if not (x0 >= 0 and y0 >= 0 and x1 <= width and y1 <= height):
                raise PromptError(
                    f"box ({_listed(self.box)}) reaches out of the image, which is {width} x {height} pixels"
                )

    def clicks(self, count: int) -> Self:
        """With the first `count` of the points alone, and with the box."""
        return type(self)(self.points[:count], self.labels[:count], self.box)

    def moved(self, x: float, y: float) -> Self:
        """Shifted to the right and downwards, in pixels."""
        points = tuple((px + x, py + y) for px, py in self.points)
        box = None if self.box is None else (self.box[0] + x, self.box[1] + y, self.box[2] + x, self.box[3] + y)
        return type(self)(points, self.labels, box)

    def foreground(self, size: tuple[int, int], grid: tuple[int, int]) -> NDArray[np.intp]:
        """(M, 2) rows and columns on a grid of the pixels that were said to belong to the thing.

        Args:
            size: width and height of the image.
            grid: width and height of the grid, which covers the image.
        """
        xy = on_grid([point for point, sign in zip(self.points, self.labels, strict=True) if sign], size, grid)
        cells: NDArray[np.intp] = np.minimum(xy.astype(np.intp), np.array(grid) - 1)
        return cells[:, ::-1]


def on_grid(points: Sequence[Sequence[float]], size: tuple[int, int], grid: tuple[int, int]) -> NDArray[np.float64]:
    """(N, 2) points (x, y) of an image on a grid that covers it; sizes are width and height."""
    scaled: NDArray[np.float64] = np.asarray(points, dtype=np.float64).reshape(-1, 2) * np.array(grid) / np.array(size)
    return scaled


def _box(box: ArrayLike | None) -> Box | None:
    if box is None:
        return None
    corners = _numbers("box", box, "give x0, y0, x1, y1")
    if corners.shape != (4,):
        raise PromptError(f"box of shape {corners.shape}: give x0, y0, x1, y1")
    x0, y0, x1, y1 = map(float, corners)
    if not (x0 < x1 and y0 < y1):
        raise PromptError(f"box ({_listed(corners)}) is empty: give x0 < x1 and y0 < y1")
    return x0, y0, x1, y1


def _numbers(name: str, values: ArrayLike | None, remedy: str) -> NDArray[np.float64]:
    try:
        found = np.array([] if values is None else values)
        if found.size and found.dtype.kind not in "biuf":
            raise TypeError(f"they are {found.dtype}")
    except (TypeError, ValueError) as error:
        raise PromptError(f"{name} are no table of numbers ({error}): {remedy}") from error
    numbers = found.astype(np.float64)
    if not np.isfinite(numbers).all():
        raise PromptError(f"{name} {_listed(numbers.ravel())}: every number has to be finite")
    return numbers


def _listed(values: Any) -> str:  # noqa: ANN401 - whatever has numbers
    return ", ".join(f"{value:g}" for value in values)
