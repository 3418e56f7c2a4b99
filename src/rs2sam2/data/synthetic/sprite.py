"""Where a thing stands (`Pose`), where the sun stands (`Light`), and the small picture a thing is drawn on (`Sprite`).

Things are drawn in metres in their own frame: x forward along the thing, y to its right, origin at its middle.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Point = tuple[float, float]
Colour = tuple[float, float, float]
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Pose:
    """Middle of a thing in image pixels, heading in radians (clockwise from the image's right), pixels per metre."""

    x: float
    y: float
    angle: float
    scale: float

    def pixels(self, points: Sequence[Point]) -> NDArray[np.float64]:
        """(N, 2) image coordinates of points given in metres in the thing's frame."""
        local = np.asarray(points, dtype=np.float64) * self.scale
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return np.stack(
            [self.x + local[:, 0] * cos - local[:, 1] * sin, self.y + local[:, 0] * sin + local[:, 1] * cos], 1
        )

    def moved(self, forward: float, right: float, turned: float = 0.0) -> "Pose":
        """The pose `forward` and `right` metres away, turned further by `turned` radians."""
        x, y = self.pixels([(forward, right)])[0]
        return Pose(float(x), float(y), self.angle + turned, self.scale)


@dataclass(frozen=True)
class Light:
    """The sun of a scene.

    Attributes:
        azimuth: direction in which shadows fall, radians clockwise from the image's right.
        reach: metres of shadow per metre of height.
        contrast: how much a sloping plane brightens or darkens, about 0.05 (overcast) to 0.35.
        darkness: brightness left in a shadow, 0 to 1.
    """

    azimuth: float
    reach: float
    contrast: float
    darkness: float

    def facing(self, direction: float) -> float:
        """Brightness factor of a plane that slopes down toward `direction` (radians in the image)."""
        return 1.0 - self.contrast * math.cos(direction - self.azimuth)


def rectangle(length: float, width: float, x: float = 0.0, y: float = 0.0) -> list[Point]:
    """Corners of a rectangle with its middle at (x, y)."""
    a, b = length / 2, width / 2
    return [(x - a, y - b), (x + a, y - b), (x + a, y + b), (x - a, y + b)]


def arc(radius: float, start: float, end: float, x: float = 0.0, y: float = 0.0, steps: int = 16) -> list[Point]:
    """Points on a circle around (x, y) between two angles in radians."""
    angles = np.linspace(start, end, steps)
    return [(x + radius * math.cos(a), y + radius * math.sin(a)) for a in angles]


def circle(radius: float, x: float = 0.0, y: float = 0.0, steps: int = 36) -> list[Point]:
    """A closed ring of points around (x, y)."""
    return arc(radius, 0.0, 2 * math.pi, x, y, steps + 1)[:-1]


def integers(colour: Colour, factor: float = 1.0) -> tuple[int, int, int]:
    """A colour (0 to 255 per channel) times a brightness, as Pillow takes it."""
    red, green, blue = (min(255, max(0, round(channel * factor))) for channel in colour)
    return red, green, blue


def picture(planes: Array) -> Image.Image:
    """An RGB image of (3, H, W) channels, 0 to 255; numpy is far faster on them than on (H, W, 3)."""
    return Image.merge("RGB", [Image.fromarray(plane) for plane in np.clip(planes, 0, 255).astype(np.uint8)])


@dataclass
class Sprite:
    """A thing's own picture, drawn finer than the image and reduced at the end.

    Attributes:
        pose: where the thing stands.
        length: metres along the thing that must fit (with `width`, before rotation).
        width: metres across.
        height: metres above ground, for the shadow.
        floating: True where the thing stands clear of the ground, so that its shadow is a copy and not a sweep.
    """

    pose: Pose
    length: float
    width: float
    height: float = 0.0
    floating: bool = False
    detail: int = field(init=False)
    left: int = field(init=False)
    top: int = field(init=False)
    image: Image.Image = field(init=False)
    mask: Image.Image = field(init=False)

    def __post_init__(self) -> None:
        """Find the frame in the image and choose how much finer to draw."""
        corners = self.pose.pixels(rectangle(self.length, self.width))
        low = np.floor(corners.min(axis=0)).astype(int) - 2
        high = np.ceil(corners.max(axis=0)).astype(int) + 2
        extent = int((high - low).max())
        self.detail = 4 if extent < 60 else 3 if extent < 140 else 2
        self.left, self.top = int(low[0]), int(low[1])
        size = (int(high[0] - low[0]) * self.detail, int(high[1] - low[1]) * self.detail)
        self.image = Image.new("RGB", size, (128, 128, 128))
        self.mask = Image.new("L", size, 0)
        self._draw = ImageDraw.Draw(self.image)
        self._draw_mask = ImageDraw.Draw(self.mask)

    @property
    def grain(self) -> float:
        """Fine pixels per metre."""
        return self.pose.scale * self.detail

    def fine(self, points: Sequence[Point]) -> list[Point]:
        """Fine pixel coordinates of points in metres."""
        placed = (self.pose.pixels(points) - (self.left, self.top)) * self.detail
        return [(float(x), float(y)) for x, y in placed]

    def polygon(self, points: Sequence[Point], colour: Colour, factor: float = 1.0, solid: bool = True) -> None:
        """Fill a polygon; `solid` ones also belong to the thing's outline."""
        placed = self.fine(points)
        self._draw.polygon(placed, fill=integers(colour, factor))
        if solid:
            self._draw_mask.polygon(placed, fill=255)

    def line(self, points: Sequence[Point], colour: Colour, width: float, factor: float = 1.0) -> None:
        """A line `width` metres wide, at least half an image pixel."""
        pixels = max(1, self.detail // 2, round(width * self.grain))
        self._draw.line(self.fine(points), fill=integers(colour, factor), width=pixels, joint="curve")

    def disc(self, radius: float, x: float, y: float, colour: Colour, factor: float = 1.0, solid: bool = False) -> None:
        """A filled circle."""
        self.polygon(circle(radius, x, y, 12 if radius * self.grain < 12 else 40), colour, factor, solid)

    def box(
        self, length: float, width: float, x: float, y: float, colour: Colour, factor: float = 1.0, solid: bool = False
    ) -> None:
        """A filled rectangle."""
        self.polygon(rectangle(length, width, x, y), colour, factor, solid)

    def coordinates(self, area: tuple[int, int, int, int] | None = None) -> tuple[Array, Array]:
        """Metres (x, y) in the thing's frame at every fine pixel of `area` (left, top, right, bottom)."""
        x0, y0, x1, y1 = area or (0, 0, *self.image.size)
        columns: Array = np.arange(x0, x1, dtype=np.float32) * np.float32(1 / self.detail)
        rows: Array = np.arange(y0, y1, dtype=np.float32)[:, None] * np.float32(1 / self.detail)
        columns += np.float32(self.left - self.pose.x)
        rows += np.float32(self.top - self.pose.y)
        cos = np.float32(math.cos(self.pose.angle) / self.pose.scale)
        sin = np.float32(math.sin(self.pose.angle) / self.pose.scale)
        return columns * cos + rows * sin, rows * cos - columns * sin

    def area(self, points: Sequence[Point]) -> tuple[int, int, int, int]:
        """Fine pixel box (left, top, right, bottom) around a polygon, kept inside the sprite."""
        placed = np.asarray(self.fine(points))
        low = np.maximum(np.floor(placed.min(axis=0)), 0).astype(int)
        high = np.minimum(np.ceil(placed.max(axis=0)) + 1, self.image.size).astype(int)
        return int(low[0]), int(low[1]), max(int(high[0]), int(low[0]) + 1), max(int(high[1]), int(low[1]) + 1)

    def paint(self, points: Sequence[Point], area: tuple[int, int, int, int], planes: Array) -> None:
        """Fill a polygon with the (3, h, w) `planes` that were computed for `area`; it belongs to the outline."""
        placed = [(x - area[0], y - area[1]) for x, y in self.fine(points)]
        mask = Image.new("L", (area[2] - area[0], area[3] - area[1]), 0)
        ImageDraw.Draw(mask).polygon(placed, fill=255)
        self.image.paste(picture(planes), area[:2], mask)
        self.mask.paste(255, area[:2], mask)

    def modulate(self, factor: Array) -> None:
        """Multiply the whole picture by an (h, w) field given at fine pixels."""
        bands = [np.asarray(band, dtype=np.float32) * factor for band in self.image.split()]
        self.image.paste(picture(np.stack(bands)))

    def reduced(self) -> tuple[Image.Image, Image.Image]:
        """Picture and coverage at the image's own resolution."""
        return self.image.reduce(self.detail), self.mask.reduce(self.detail)
