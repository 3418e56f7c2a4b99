"""Airliners, business jets, propeller planes and swept-wing military jets, from above."""

import numpy as np

from rs2sam2.data.synthetic.colours import AIRCRAFT, Paint, pick
from rs2sam2.data.synthetic.sprite import Colour, Light, Point, Pose, Sprite

KINDS = ("airliner", "airliner", "airliner", "jet", "propeller", "fighter")


def aircraft(rng: np.random.Generator, pose: Pose, kind: str, length: float, light: Light) -> tuple[Sprite, Paint]:
    """Draw an aircraft `length` metres long, its nose toward the pose's heading."""
    paint = pick(rng, AIRCRAFT)
    span = length * {"airliner": 0.94, "jet": 0.92, "propeller": 1.28, "fighter": 0.68}[kind]
    sprite = Sprite(pose, length * 1.08, span * 1.06, height=length * 0.1, floating=True)
    if kind == "propeller":
        _propeller(rng, sprite, length, span, paint.colour)
    elif kind == "fighter":
        paint = pick(rng, AIRCRAFT[2:])
        _fighter(sprite, length, span, paint.colour)
    else:
        _airliner(rng, sprite, length, span, paint.colour, kind == "jet", light)
    return sprite, paint


def _fuselage(length: float, radius: float, tail: float) -> list[Point]:
    """A rounded nose, straight sides, a tail that tapers over `tail` of the length."""
    a = length / 2
    side = [
        (a, 0.12), (a - 0.4 * radius, 0.5), (a - 1.2 * radius, 0.82), (a - 2.6 * radius, 1.0),
        (-a + tail * length, 1.0), (-a + 0.5 * tail * length, 0.62), (-a, 0.16),
    ]  # fmt: skip
    return [(x, -y * radius) for x, y in side] + [(x, y * radius) for x, y in reversed(side)]


def _wing(
    side: int, root: float, chord: float, sweep: float, reach: float, tip: float, start: float = 0.0
) -> list[Point]:
    """One wing: leading edge at x = root, `chord` long there, swept back by `sweep` at `reach`, `tip` long there."""
    return [
        (root, side * start),
        (root - sweep, side * reach),
        (root - sweep - tip, side * reach),
        (root - chord * 0.98, side * reach * 0.36),
        (root - chord, side * start),
    ]


def _airliner(
    rng: np.random.Generator, sprite: Sprite, length: float, span: float, colour: Colour, small: bool, light: Light
) -> None:
    radius = length * (0.052 if not small else 0.048)
    reach = span / 2
    accent: Colour = [(34.0, 62.0, 130.0), (186.0, 36.0, 44.0), (28.0, 110.0, 92.0), (226.0, 150.0, 40.0), colour][
        int(rng.integers(5))
    ]
    root = length * (0.13 if not small else 0.02)
    engines = [0.34] if rng.random() < 0.75 else [0.3, 0.58]
    for side in (-1, 1):
        if not small:
            for place in engines:
                x, y = root - place * length * 0.36 + 0.015 * length, side * place * reach
                sprite.box(length * 0.085, radius * 0.98, x, y, (142, 146, 152), solid=True)
                sprite.box(length * 0.014, radius * 0.9, x + length * 0.043, y, (54, 56, 62), solid=True)
        facing = light.facing(sprite.pose.angle + side * np.pi / 2) * 0.5 + 0.5
        wing = _wing(side, root, length * 0.2, length * 0.3, reach, length * 0.042)
        sprite.polygon(wing, (198, 202, 206), facing * 0.98)
        edge = [(root, side * radius), (root - length * 0.3, side * reach)]
        sprite.line(edge, (238, 240, 242), length * 0.008)
        flap = [(root - length * 0.19, side * reach * 0.36), (root - length * 0.325, side * reach * 0.94)]
        sprite.line(flap, (150, 154, 160), length * 0.006)
        tail = _wing(side, -length * 0.375, length * 0.1, length * 0.1, length * 0.17, length * 0.03)
        sprite.polygon(tail, (206, 209, 213), facing)
        if small:
            sprite.box(length * 0.11, radius * 0.9, -length * 0.24, side * radius * 1.5, colour, 0.86, solid=True)
            sprite.box(length * 0.012, radius * 0.8, -length * 0.185, side * radius * 1.5, (50, 52, 58), solid=True)
    sprite.polygon(_fuselage(length, radius, 0.3), colour, 0.86)
    inner = [(x, y * 0.66) for x, y in _fuselage(length * 0.99, radius, 0.3)]
    sprite.polygon(inner, colour, 1.04)
    sprite.box(length * 0.014, radius * 1.0, length / 2 - radius * 1.15, 0, (40, 46, 56))
    fin = [(-length * 0.33, 0.0), (-length * 0.46, radius * 0.16), (-length * 0.5, radius * 0.1),
           (-length * 0.5, -radius * 0.1), (-length * 0.46, -radius * 0.16)]  # fmt: skip
    sprite.polygon(fin, accent, 0.94)


def _propeller(rng: np.random.Generator, sprite: Sprite, length: float, span: float, colour: Colour) -> None:
    radius, reach = length * 0.062, span / 2
    accent: Colour = [(186.0, 40.0, 44.0), (40.0, 74.0, 150.0), (60.0, 62.0, 70.0)][int(rng.integers(3))]
    twin = rng.random() < 0.4
    root = length * 0.22
    for side in (-1, 1):
        wing = [
            (root, 0.0),
            (root - length * 0.03, side * reach),
            (root - length * 0.15, side * reach),
            (root - length * 0.2, 0.0),
        ]
        sprite.polygon(wing, colour, 0.95)
        sprite.line(
            [(root - length * 0.15, side * reach * 0.3), (root - length * 0.13, side * reach * 0.95)],
            colour,
            0.08,
            0.75,
        )
        sprite.box(length * 0.12, reach * 0.1, root - length * 0.09, side * reach * 0.93, accent)
        tail = [
            (-length * 0.36, 0.0),
            (-length * 0.39, side * length * 0.19),
            (-length * 0.47, side * length * 0.19),
            (-length * 0.48, 0.0),
        ]
        sprite.polygon(tail, colour, 0.95)
        if twin:
            sprite.box(length * 0.2, radius * 0.95, root, side * reach * 0.3, colour, 0.82, solid=True)
            sprite.box(0.12, length * 0.2, root + length * 0.11, side * reach * 0.3, (44, 44, 48), solid=True)
    sprite.polygon(_fuselage(length, radius, 0.55), colour, 0.86)
    sprite.polygon([(x, y * 0.6) for x, y in _fuselage(length * 0.98, radius, 0.55)], colour, 1.04)
    sprite.box(length * 0.07, radius * 1.5, root + length * 0.02, 0, (40, 50, 62))
    sprite.line([(-length * 0.34, 0), (-length * 0.49, 0)], accent, 0.2)
    if not twin:
        sprite.box(0.12, length * 0.24, length * 0.5, 0, (44, 44, 48), solid=True)


def _fighter(sprite: Sprite, length: float, span: float, colour: Colour) -> None:
    reach = span / 2
    for side in (-1, 1):
        wing = [
            (length * 0.16, side * length * 0.04),
            (-length * 0.16, side * reach),
            (-length * 0.25, side * reach),
            (-length * 0.24, 0.0),
        ]
        sprite.polygon(wing, colour, 0.92)
        tail = [
            (-length * 0.3, side * length * 0.05),
            (-length * 0.42, side * reach * 0.62),
            (-length * 0.49, side * reach * 0.62),
            (-length * 0.46, 0.0),
        ]
        sprite.polygon(tail, colour, 0.94)
        sprite.line(
            [(-length * 0.24, side * length * 0.07), (-length * 0.42, side * length * 0.1)], colour, length * 0.015, 0.6
        )
    body = [(0.5, 0.004), (0.36, 0.032), (0.12, 0.055), (-0.2, 0.07), (-0.46, 0.06)]
    outline = [(x * length, -y * length) for x, y in body] + [(x * length, y * length) for x, y in reversed(body)]
    sprite.polygon(outline, colour, 1.04)
    canopy = [(0.34, 0.0), (0.28, 0.022), (0.16, 0.016), (0.16, -0.016), (0.28, -0.022)]
    sprite.polygon([(x * length, y * length) for x, y in canopy], (46, 54, 62))
    for side in (-1, 1):
        sprite.box(length * 0.05, length * 0.04, -length * 0.47, side * length * 0.03, (52, 52, 56), solid=True)
