"""Cars, vans, pick-ups, trucks and buses."""

import math

import numpy as np

from rs2sam2.data.synthetic.colours import BOXES, CARS, Paint, pick, unsure
from rs2sam2.data.synthetic.sprite import Colour, Light, Point, Pose, Sprite

GLASS = (34.0, 40.0, 50.0)
SIZES = {"car": (4.4, 1.85), "van": (5.2, 2.05), "pickup": (5.3, 1.95), "truck": (8.4, 2.5), "bus": (11.2, 2.6)}


def vehicle(rng: np.random.Generator, pose: Pose, kind: str, light: Light) -> tuple[Sprite, Paint]:
    """Draw a vehicle of a kind of `SIZES`, its front toward the pose's heading."""
    length, width = (side * float(rng.uniform(0.92, 1.08)) for side in SIZES[kind])
    height = {"car": 1.5, "van": 2.1, "pickup": 1.8}.get(kind, 3.1)
    sprite = Sprite(pose, length + 0.6, width + 0.8, height=height)
    if kind == "truck":
        return sprite, _truck(rng, sprite, length, width, light)
    if kind == "bus":
        return sprite, _bus(rng, sprite, length, width)
    paint = pick(rng, CARS)
    _car(rng, sprite, length, width, kind, paint.colour, light)
    return sprite, paint


def _body(length: float, width: float, nose: float) -> list[Point]:
    """Outline with rounded corners; `nose` is how far the front tapers (share of the width)."""
    a, b = length / 2, width / 2
    front = b * (1 - nose)
    return [
        (-a, -b * 0.78),
        (-a + 0.18, -b * 0.96),
        (-a * 0.4, -b),
        (a * 0.5, -b),
        (a - 0.5, -b * 0.96),
        (a - 0.12, -front),
        (a, -front * 0.6),
        (a, front * 0.6),
        (a - 0.12, front),
        (a - 0.5, b * 0.96),
        (a * 0.5, b),
        (-a * 0.4, b),
        (-a + 0.18, b * 0.96),
        (-a, b * 0.78),
    ]


def _car(
    rng: np.random.Generator, sprite: Sprite, length: float, width: float, kind: str, colour: Colour, light: Light
) -> None:
    """Bonnet, windscreen, roof, side windows, rear window or load bed."""
    a, b = length / 2, width / 2
    sprite.polygon(_body(length, width, 0.22), colour, 0.8)
    sprite.polygon(_body(length * 0.97, width * 0.88, 0.25), colour, 1.0)
    screen = a * (0.36 if kind != "van" else 0.66)
    rear = -a * {"car": float(rng.uniform(0.55, 0.8)), "van": 0.9, "pickup": 0.02}[kind]
    glass = [(screen, -b * 0.84), (screen, b * 0.84), (rear, b * 0.82), (rear, -b * 0.82)]
    sprite.polygon(glass, GLASS)
    slope = a * 0.2
    back = 0.06 * a if kind == "van" else 0.15 * a
    roof = [
        (screen - slope, -b * 0.66),
        (screen - slope, b * 0.66),
        (rear + back, b * 0.64),
        (rear + back, -b * 0.64),
    ]
    sprite.polygon(roof, colour, 1.06)
    for x in (screen - slope, (screen + rear) / 2 - 0.1 * a, rear + back):
        for side in (-1, 1):
            sprite.line([(x + 0.05, side * b * 0.66), (x + 0.12, side * b * 0.84)], colour, 0.09, 0.9)
    # Bonnet and screen catch the sky: a lighter edge tells the front from the rear.
    sprite.polygon(
        [(screen, -b * 0.8), (screen, b * 0.8), (screen - 0.1, b * 0.8), (screen - 0.1, -b * 0.8)], (90, 102, 116)
    )
    if kind == "pickup":
        sprite.box(a * 0.84, width * 0.74, -a * 0.5, 0, colour, 0.55)
        sprite.box(a * 0.72, width * 0.6, -a * 0.5, 0, (80, 78, 74))
    for side in (-1, 1):
        sprite.box(0.16, 0.36, a - 0.14, side * b * 0.68, (232, 232, 220))
        sprite.box(0.12, 0.3, -a + 0.1, side * b * 0.72, (150, 24, 24))
        sprite.box(0.22, 0.2, screen + 0.05, side * (b + 0.06), colour, 0.7, solid=True)
    lit = math.copysign(1.0, -math.sin(light.azimuth - sprite.pose.angle) or 1.0)
    sprite.line([(-a * 0.7, lit * b * 0.9), (a * 0.7, lit * b * 0.9)], colour, 0.1, 1.25)


def _truck(rng: np.random.Generator, sprite: Sprite, length: float, width: float, light: Light) -> Paint:
    """A cab and a box, a tarpaulin or an open bed behind it."""
    a, b = length / 2, width / 2
    cab, box = pick(rng, CARS), pick(rng, BOXES)
    sprite.box(length * 0.98, width * 0.5, 0, 0, (48, 48, 50), solid=True)
    front = a - 1.0
    sprite.polygon(
        [
            (a - 2.1, -b * 0.94),
            (a - 0.15, -b * 0.94),
            (a, -b * 0.8),
            (a, b * 0.8),
            (a - 0.15, b * 0.94),
            (a - 2.1, b * 0.94),
        ],
        cab.colour,
    )
    sprite.box(0.42, width * 0.82, a - 0.42, 0, GLASS)
    sprite.box(0.9, width * 0.6, front - 0.3, 0, cab.colour, 1.08)
    bed, middle = length - 2.4, -1.2
    sprite.box(bed, width, middle, 0, box.colour, 0.84, solid=True)
    if rng.random() < 0.6:
        sprite.box(bed - 0.2, width - 0.22, middle, 0, box.colour, 1.04)
        for x in np.arange(-bed / 2 + 0.9, bed / 2, 1.0):
            sprite.line([(middle + x, -b * 0.9), (middle + x, b * 0.9)], box.colour, 0.06, 0.9)
    else:
        cargo: Colour = [(150.0, 110.0, 80.0), (120.0, 118.0, 112.0), (86.0, 70.0, 56.0)][int(rng.integers(3))]
        sprite.box(bed - 0.36, width - 0.4, middle, 0, cargo, light.darkness + 0.1)
        sprite.box(bed - 0.7, width - 0.8, middle, 0, cargo)
    if cab.certain & box.certain:
        return Paint(box.colour, cab.certain & box.certain, cab.maybe | box.maybe)
    return unsure(box.colour, ",".join(cab.maybe | box.maybe))


def _bus(rng: np.random.Generator, sprite: Sprite, length: float, width: float) -> Paint:
    """A long roof with hatches and a cooling unit, glass at the front."""
    paint = pick(rng, (*BOXES, BOXES[0], BOXES[4]))
    a, b = length / 2, width / 2
    sprite.polygon(_body(length, width, 0.1), paint.colour, 0.72)
    sprite.polygon(_body(length * 0.97, width * 0.86, 0.1), paint.colour, 1.02)
    sprite.box(0.34, width * 0.8, a - 0.3, 0, GLASS)
    sprite.box(0.2, width * 0.7, -a + 0.25, 0, GLASS)
    sprite.box(2.2, width * 0.6, float(rng.uniform(-0.4, 0.4)) * a, 0, paint.colour, 0.82)
    for x in (-0.62, 0.6):
        sprite.box(0.8, 0.8, x * a, 0, paint.colour, 0.86)
        sprite.box(0.62, 0.62, x * a, 0, paint.colour, 1.1)
    for side in (-1, 1):
        sprite.line([(-a * 0.92, side * b * 0.8), (a * 0.9, side * b * 0.8)], paint.colour, 0.07, 0.85)
        sprite.box(0.3, 0.25, a - 0.1, side * (b + 0.1), (30, 30, 32), solid=True)
    return paint
