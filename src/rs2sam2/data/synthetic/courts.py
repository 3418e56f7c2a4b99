"""Tennis and basketball courts with their line markings (ITF and FIBA measures, metres)."""

import math

import numpy as np
from PIL import Image

from rs2sam2.data.synthetic import noise
from rs2sam2.data.synthetic.colours import COURTS, Paint, pick
from rs2sam2.data.synthetic.sprite import Colour, Light, Point, Pose, Sprite, arc, rectangle

WHITE = (240.0, 242.0, 240.0)


def _surface(rng: np.random.Generator, sprite: Sprite, wear: float) -> None:
    """Stains and wear over everything drawn so far."""
    width, height = sprite.image.size
    sprite.modulate(1 + np.float32(wear) * noise.mixed(rng, height, width, {16.0: 0.6, 2.5: 0.25, 1.0: 0.25}))


def _ring(points: list[Point]) -> list[Point]:
    return [*points, points[0]]


def tennis_court(rng: np.random.Generator, pose: Pose, light: Light) -> tuple[Sprite, Paint]:
    """A court of 23.77 x 10.97 m with its run-off; the outline is the whole surface."""
    length, width = float(rng.uniform(30, 35)), float(rng.uniform(15.5, 17.5))
    sprite = Sprite(pose, length + 0.5, width + 0.5)
    inner, outer = pick(rng, COURTS[:6]), pick(rng, COURTS[:5])
    if rng.random() < 0.4:
        outer = inner
    sprite.box(length, width, 0, 0, outer.colour, solid=True)
    sprite.box(23.77, 10.97, 0, 0, inner.colour, 1.04)
    _surface(rng, sprite, 0.035)
    thick = 0.11
    for line in (
        _ring(rectangle(23.77, 10.97)),
        _ring(rectangle(23.77, 8.23)),
        _ring(rectangle(12.8, 8.23)),
        [(-6.4, 0.0), (6.4, 0.0)],
        [(-11.88, 0.0), (-11.5, 0.0)],
        [(11.88, 0.0), (11.5, 0.0)],
    ):
        sprite.line(line, WHITE, thick)
    _net(sprite, light)
    if outer is inner:
        return sprite, inner
    # People name the court inside the lines; its surround is only possible.
    return sprite, Paint(inner.colour, inner.certain, inner.maybe | outer.maybe)


def _net(sprite: Sprite, light: Light) -> None:
    turn = light.azimuth - sprite.pose.angle
    fall = 1.0 * light.reach * math.cos(turn)
    reach = 10.97 / 2 + 0.9
    shade = [(0.0, -reach), (fall, -reach), (fall, reach), (0.0, reach)]
    plain = sprite.image.copy()
    sprite.polygon(shade, (0, 0, 0), solid=False)
    # The net lets most of the light through.
    sprite.image.paste(Image.blend(sprite.image, plain, 0.78))
    sprite.line([(0.0, -reach), (0.0, reach)], (52, 56, 56), 0.1)
    sprite.line([(0.06, -reach), (0.06, reach)], (232, 232, 230), 0.06)


def basketball_court(rng: np.random.Generator, pose: Pose) -> tuple[Sprite, Paint]:
    """A court of 28 x 15 m with its margin."""
    margin = float(rng.uniform(1.0, 2.2))
    length, width = 28 + 2 * margin, 15 + 2 * margin
    sprite = Sprite(pose, length + 0.5, width + 0.5)
    inner, outer = pick(rng, COURTS), pick(rng, COURTS)
    if rng.random() < 0.4:
        outer = inner
    key: Colour = inner.colour if rng.random() < 0.3 else pick(rng, COURTS[:6]).colour
    sprite.box(length, width, 0, 0, outer.colour, solid=True)
    sprite.box(28, 15, 0, 0, inner.colour, 1.03)
    for side in (-1.0, 1.0):
        sprite.box(5.8, 4.9, side * 11.1, 0, key)
        sprite.polygon(
            arc(1.8, -math.pi / 2, math.pi / 2, 0, 0) if side > 0 else arc(1.8, math.pi / 2, 1.5 * math.pi),
            key,
            solid=False,
        )
    _surface(rng, sprite, 0.04)
    thick = 0.1
    lines: list[list[Point]] = [_ring(rectangle(28, 15)), [(0, -7.5), (0, 7.5)], arc(1.8, 0, 2 * math.pi, steps=32)]
    for side in (-1.0, 1.0):
        lines.append(_ring(rectangle(5.8, 4.9, side * 11.1, 0)))
        lines.append(arc(1.8, 0, 2 * math.pi, side * 8.2, 0, 32))
        spread = math.asin(6.6 / 6.75)
        middle = math.pi if side > 0 else 0.0
        three = arc(6.75, middle - spread, middle + spread, side * 12.425, 0, 40)
        first, last = three[0], three[-1]
        lines.append([(side * 14, first[1]), *three, (side * 14, last[1])])
    for line in lines:
        sprite.line(line, WHITE, thick)
    for side in (-1.0, 1.0):
        sprite.line([(side * 15.2, 0.0), (side * 12.9, 0.0)], (70, 72, 76), 0.16)
        sprite.box(0.14, 1.8, side * 12.8, 0, (246, 246, 246))
        sprite.disc(0.3, side * 12.42, 0, (226, 92, 40))
    if outer is inner:
        return sprite, Paint(inner.colour, inner.certain, inner.maybe)
    return sprite, Paint(inner.colour, frozenset(), inner.maybe | outer.maybe)
