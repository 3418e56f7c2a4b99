"""The picture under construction: ground first, then flat things, shadows, raised things and at last the plants.

Canvas coordinates are image pixels; one metre is `scale` pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from rs2sam2.data.scene import Thing
from rs2sam2.data.synthetic import noise
from rs2sam2.data.synthetic.colours import Paint
from rs2sam2.data.synthetic.plants import crown
from rs2sam2.data.synthetic.sprite import Array, Colour, Light, Point, Sprite, picture

SMALLEST_SHARE = 0.0012
SMALLEST_VISIBLE = 0.6
_COARSER = 2
_HALF = [255 if value >= 128 else 0 for value in range(256)]
Line = Sequence[Point] | NDArray[np.float64]


def channels(colour: Colour) -> Array:
    """A colour as a (3, 1, 1) array."""
    return np.asarray(colour, dtype=np.float32)[:, None, None]


@dataclass
class Canvas:
    """Everything that will be in the picture.

    Attributes:
        rng: the scene's random numbers.
        size: side of the square picture in pixels.
        scale: pixels per metre.
        light: the sun.
        ground: (3, size, size) colours of the ground, 0 to 255; channels first, where numpy applies masks far faster.
    """

    rng: np.random.Generator
    size: int
    scale: float
    light: Light
    ground: Array = field(init=False)

    def __post_init__(self) -> None:
        """Start with bare ground and nothing on it."""
        self.ground = np.zeros((3, self.size, self.size), dtype=np.float32)
        self._entries: list[tuple[Sprite, str | None, Paint | None]] = []
        self._plants: list[tuple[str, float, float, float, Colour]] = []
        self._taken = Image.new("L", (self.size // _COARSER + 1,) * 2, 0)

    @property
    def extent(self) -> float:
        """Side of the picture in metres."""
        return self.size / self.scale

    def noise(self, weights: dict[float, float]) -> Array:
        """Noise over the whole picture; see `noise.mixed`."""
        return noise.mixed(self.rng, self.size, self.size, weights)

    def cover(self, mask: Array, colour: Colour, grain: float = 0.03, blotch: float = 0.04) -> None:
        """Blend a surface over the ground where `mask` (0 to 1) says so; `grain` and `blotch` roughen it."""
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if not rows.size:
            return
        part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        height, width = mask[part].shape
        rough = 1 + noise.mixed(self.rng, height, width, {1.0: grain, 16.0: blotch})
        under = self.ground[(slice(None), *part)]
        under += (channels(colour) * rough - under) * mask[part]

    def region(self, points: Line, ragged: float = 0.0) -> Array:
        """(size, size) coverage of a polygon; `ragged` edges wander by about that many pixels."""
        mask, share = self._sheet(ragged)
        ImageDraw.Draw(mask).polygon([(float(x) * share, float(y) * share) for x, y in points], fill=255)
        return self._softened(mask, ragged)

    def strokes(self, lines: Sequence[Line], width: float, ragged: float = 0.0) -> Array:
        """(size, size) coverage of lines `width` pixels wide."""
        mask, share = self._sheet(ragged)
        draw = ImageDraw.Draw(mask)
        for line in lines:
            placed = [(float(x) * share, float(y) * share) for x, y in line]
            draw.line(placed, fill=255, width=max(1, round(width * share)), joint="curve")
        return self._softened(mask, ragged)

    def _sheet(self, ragged: float) -> tuple[Image.Image, float]:
        """An empty mask and its resolution: finer than the picture for sharp edges, coarser for soft ones."""
        side = self.size // 2 if ragged else self.size * 2
        return Image.new("L", (side, side), 0), side / self.size

    def _softened(self, mask: Image.Image, ragged: float) -> Array:
        if not ragged:
            return np.asarray(mask.reduce(2), dtype=np.float32) * np.float32(1 / 255)
        blurred = mask.filter(ImageFilter.GaussianBlur(ragged / 2))
        wide = np.asarray(blurred.resize((self.size, self.size), Image.Resampling.BILINEAR), dtype=np.float32)
        return noise.step(wide * np.float32(1 / 255) + self.noise({2.5: 0.07, 6.0: 0.08}), 0.5, 0.35)

    def _coarse(self, points: Line) -> list[Point]:
        return [(float(x) / _COARSER, float(y) / _COARSER) for x, y in points]

    def free(self, points: Line) -> bool:
        """True where a polygon meets nothing that has been put down."""
        placed = self._coarse(points)
        probe = Image.new("L", self._taken.size, 0)
        ImageDraw.Draw(probe).polygon(placed, fill=255, outline=255)
        return ImageChops.multiply(probe, self._taken).getbbox() is None

    def take(self, points: Line) -> None:
        """Keep the polygon free of later things."""
        ImageDraw.Draw(self._taken).polygon(self._coarse(points), fill=255, outline=255)

    def put(self, sprite: Sprite, category: str | None, paint: Paint | None = None) -> None:
        """Add a thing; without a category it is part of the surroundings."""
        self._entries.append((sprite, category, paint))

    def plant(self, kind: str, x: float, y: float, radius: float, colour: Colour) -> None:
        """Add a plant whose crown reaches `radius` pixels; not where its stem would stand on a thing."""
        limit = self._taken.size[0] - 1
        column, row = min(max(int(x) // _COARSER, 0), limit), min(max(int(y) // _COARSER, 0), limit)
        if self._taken.getpixel((column, row)) == 0:
            self._plants.append((kind, x, y, radius, colour))

    def finished(self) -> tuple[Image.Image, NDArray[np.uint16], tuple[Thing, ...]]:
        """Picture, instance map (0 background, i + 1 things[i]) and things."""
        image = picture(self.ground)
        labels = Image.new("L", image.size, 0)
        raised = Image.new("L", image.size, 0)
        shadow = Image.new("L", image.size, 0)
        leaf_shadow = Image.new("L", image.size, 0)
        things: list[tuple[str, Paint, int]] = []
        high = []
        for sprite, category, paint in sorted(self._entries, key=lambda entry: entry[0].height):
            drawn, mask = sprite.reduced()
            place = (sprite.left, sprite.top)
            hard = mask.point(_HALF)
            number = 0
            if category is not None and paint is not None:
                things.append((category, paint, hard.histogram()[255]))
                number = len(things)
            labels.paste(number, place, hard)
            if sprite.height > 0:
                high.append((drawn, mask, place))
                self._sweep(shadow, mask, place, sprite.height, sprite.floating)
            else:
                image.paste(drawn, place, mask)
        crowns = []
        for kind, x, y, radius, colour in self._plants:
            drawn, mask = crown(self.rng, kind, radius, colour, self.light)
            place = (round(x - drawn.width / 2), round(y - drawn.height / 2))
            crowns.append((drawn, mask, place))
            height = radius / self.scale * (1.1 if kind != "palm" else 1.9)
            self._sweep(leaf_shadow, mask, place, min(height, 7.0), floating=kind == "palm")
        self._darken(image, ImageChops.lighter(shadow, leaf_shadow), 1.0)
        for drawn, mask, place in high:
            image.paste(drawn, place, mask)
            raised.paste(mask, place, mask)
        if crowns and high:
            self._darken(image, ImageChops.multiply(leaf_shadow, raised), 0.7)
        for drawn, mask, place in crowns:
            image.paste(drawn, place, mask)
            labels.paste(0, place, mask.point(_HALF))
        return image, np.asarray(labels, dtype=np.uint16), self._things(things, labels)

    def _sweep(
        self, shadow: Image.Image, mask: Image.Image, place: tuple[int, int], height: float, floating: bool
    ) -> None:
        """Add the shadow of an upright thing: its outline drawn along the light's way."""
        reach = height * self.light.reach * self.scale
        dx, dy = math.cos(self.light.azimuth) * reach, math.sin(self.light.azimuth) * reach
        stride = max(1.0, min(mask.size) / 8)
        steps = max(1, math.ceil(reach / min(stride, 4.0)))
        for step in [steps] if floating else range(steps + 1):
            part = step / steps
            shadow.paste(255, (place[0] + round(dx * part), place[1] + round(dy * part)), mask)

    def _darken(self, image: Image.Image, mask: Image.Image, strength: float) -> None:
        """Put `mask` into shadow; sky light keeps shadows a little blue."""
        loss = (1 - self.light.darkness) * strength
        soft = noise.softened(np.asarray(mask, dtype=np.float32) * np.float32(loss), 0.25)
        image.paste((12, 14, 22), (0, 0), Image.fromarray(soft.astype(np.uint8)))

    def _things(self, drawn: list[tuple[str, Paint, int]], labels: Image.Image) -> tuple[Thing, ...]:
        visible = labels.histogram()
        things = []
        for number, (category, paint, full) in enumerate(drawn, start=1):
            seen = visible[number]
            clear = seen >= SMALLEST_VISIBLE * full and seen >= SMALLEST_SHARE * self.size**2
            things.append(Thing(category, float(full), paint.certain, paint.maybe, referable=clear))
        return tuple(things)
