"""Container ships, tankers, bulk carriers, ferries and motor boats."""

import numpy as np

from rs2sam2.data.synthetic.colours import HULLS, Paint, pick, unsure
from rs2sam2.data.synthetic.sprite import Colour, Light, Point, Pose, Sprite

CONTAINERS = (
    (176, 58, 48),
    (46, 96, 156),
    (62, 122, 84),
    (206, 128, 52),
    (150, 152, 156),
    (222, 222, 218),
    (112, 62, 54),
)


def ship(rng: np.random.Generator, pose: Pose, kind: str, length: float, light: Light) -> tuple[Sprite, Paint]:
    """Draw a ship ("container", "tanker", "bulk", "ferry" or "boat") `length` metres long, bow forward."""
    width = length * float(rng.uniform(0.15, 0.19) if kind != "boat" else rng.uniform(0.27, 0.34))
    sprite = Sprite(pose, length * 1.04, width * 1.1, height=length * (0.05 if kind != "boat" else 0.1))
    if kind == "boat":
        return sprite, _boat(rng, sprite, length, width)
    if kind == "ferry":
        return sprite, _ferry(rng, sprite, length, width)
    paint = pick(rng, HULLS[:5])
    deck: Paint = pick(rng, HULLS[:5]) if rng.random() < 0.5 else paint
    sprite.polygon(_hull(length, width, 0.22), paint.colour, 0.62)
    sprite.polygon(_hull(length * 0.985, width * 0.93, 0.22), (212, 214, 212))
    sprite.polygon(_hull(length * 0.975, width * 0.89, 0.22), deck.colour, 1.0)
    if kind == "container":
        _containers(rng, sprite, length, width, light)
        names = unsure(deck.colour, ",".join({*paint.maybe, *deck.maybe, "red", "blue", "green", "orange", "white"}))
    elif kind == "bulk":
        _hatches(rng, sprite, length, width, light)
        names = unsure(deck.colour, ",".join({*paint.maybe, *deck.maybe, "gray", "white"}))
    else:
        _pipes(sprite, length, width)
        names = unsure(deck.colour, ",".join({*paint.maybe, *deck.maybe, "gray", "white"}))
        if deck is paint:
            names = Paint(deck.colour, paint.certain, names.maybe)
    _bridge(rng, sprite, length, width, light)
    return sprite, names


def _hull(length: float, width: float, bow: float) -> list[Point]:
    """Pointed bow over the first `bow` of the length, slightly rounded stern."""
    a, b = length / 2, width / 2
    side = [(a, 0.0), (a - 0.12 * bow * length, 0.3), (a - 0.4 * bow * length, 0.68), (a - 0.75 * bow * length, 0.93),
            (a - bow * length, 1.0), (-a + 0.08 * length, 1.0), (-a + 0.02 * length, 0.88), (-a, 0.7)]  # fmt: skip
    return [(x, -y * b) for x, y in side] + [(x, y * b) for x, y in reversed(side[1:])]


def _containers(rng: np.random.Generator, sprite: Sprite, length: float, width: float, light: Light) -> None:
    rows = max(5, int(width * 0.84 / 2.5)) if width > 14 else 5
    across = width * 0.84 / rows
    along = across * 2.4
    x = -length * 0.24
    while x < length * 0.33:
        sprite.box(along * 1.02, width * 0.86, x + along * 0.08, along * 0.05, (40, 42, 46))
        fit = width * (0.84 if x < length * 0.22 else 0.84 - 1.9 * (x / length - 0.22))
        for row in range(rows):
            y = (row + 0.5) * across - width * 0.42
            if abs(y) + across / 2 <= fit / 2 + 0.01 and rng.random() < 0.93:
                colour = CONTAINERS[int(rng.integers(len(CONTAINERS)))]
                sprite.box(along * 0.94, across * 0.9, x, y, colour, float(rng.uniform(0.85, 1.1)))
        x += along * 1.08


def _hatches(rng: np.random.Generator, sprite: Sprite, length: float, width: float, light: Light) -> None:
    count = int(rng.integers(4, 7))
    pitch = length * 0.6 / count
    colour: Colour = [(150.0, 148.0, 140.0), (112.0, 124.0, 118.0), (160.0, 120.0, 96.0)][int(rng.integers(3))]
    for i in range(count):
        x = -length * 0.23 + (i + 0.5) * pitch
        sprite.box(pitch * 0.74, width * 0.58, x + 0.012 * length, 0.02 * length, colour, 0.4)
        sprite.box(pitch * 0.74, width * 0.58, x, 0, colour)
        sprite.line([(x, -width * 0.29), (x, width * 0.29)], colour, pitch * 0.03, 0.7)
        if i % 2:
            sprite.box(pitch * 0.1, pitch * 0.1, x - pitch * 0.5, 0, (226, 206, 120))
            sprite.line([(x - pitch * 0.5, 0), (x - pitch * 0.1, width * 0.3)], (226, 206, 120), width * 0.03)


def _pipes(sprite: Sprite, length: float, width: float) -> None:
    for y in (-0.07, 0.0, 0.07):
        sprite.line([(-length * 0.24, y * width), (length * 0.34, y * width)], (196, 190, 182), width * 0.028)
    for x in np.linspace(-0.2, 0.3, 7):
        sprite.line([(x * length, -width * 0.4), (x * length, width * 0.4)], (178, 168, 160), width * 0.018)
        sprite.disc(width * 0.03, x * length, width * 0.2, (206, 200, 190))
    sprite.line([(length * 0.03, -width * 0.34), (length * 0.03, width * 0.34)], (222, 214, 200), width * 0.08)


def _bridge(rng: np.random.Generator, sprite: Sprite, length: float, width: float, light: Light) -> None:
    """Superstructure near the stern with wings, funnel and its shadow on the deck; a forecastle."""
    x = -length * 0.355
    turn = light.azimuth - sprite.pose.angle
    dx, dy = float(np.cos(turn)) * 0.03 * length, float(np.sin(turn)) * 0.03 * length
    sprite.box(length * 0.11, width * 0.8, x + dx, dy * 0.5, (44, 46, 50))
    sprite.box(length * 0.11, width * 0.8, x, 0, (222, 224, 224))
    sprite.box(length * 0.055, width * 0.98, x + length * 0.025, 0, (242, 243, 243), solid=True)
    sprite.box(length * 0.008, width * 0.86, x + length * 0.054, 0, (52, 60, 70))
    colour = CONTAINERS[int(rng.integers(4))]
    sprite.box(length * 0.04, width * 0.24, x - length * 0.06, 0, colour, 0.9)
    sprite.box(length * 0.02, width * 0.13, x - length * 0.06, 0, (34, 34, 36))
    sprite.disc(width * 0.05, length * 0.42, 0, (214, 210, 196))
    sprite.box(length * 0.012, width * 0.3, length * 0.385, 0, (196, 196, 190))


def _ferry(rng: np.random.Generator, sprite: Sprite, length: float, width: float) -> Paint:
    sprite.polygon(_hull(length, width, 0.3), (40, 62, 104) if rng.random() < 0.6 else (150, 52, 46), 0.9)
    sprite.polygon(_hull(length * 0.97, width * 0.88, 0.3), (232, 234, 234))
    sprite.box(length * 0.6, width * 0.7, -length * 0.08, 0, (206, 209, 211))
    sprite.box(length * 0.52, width * 0.58, -length * 0.09, 0, (244, 245, 245))
    sprite.box(length * 0.012, width * 0.62, length * 0.18, 0, (48, 58, 70))
    sprite.box(length * 0.07, width * 0.26, -length * 0.2, 0, (190, 60, 48))
    for side in (-1, 1):
        for x in np.linspace(-0.28, 0.1, 5):
            sprite.box(length * 0.045, width * 0.08, x * length, side * width * 0.38, (228, 122, 48))
    sprite.box(length * 0.12, width * 0.7, -length * 0.43, 0, (92, 112, 104))
    return Paint((238, 240, 240), frozenset({"white"}), frozenset({"white", "gray"}))


def _boat(rng: np.random.Generator, sprite: Sprite, length: float, width: float) -> Paint:
    hull = HULLS[5] if rng.random() < 0.75 else HULLS[int(rng.choice([0, 1, 3]))]
    paint = hull.varied(rng, 6.0)
    sprite.polygon(_hull(length, width, 0.5), paint.colour, 0.8)
    sprite.polygon(_hull(length * 0.95, width * 0.86, 0.5), paint.colour, 1.03)
    floor: Colour = (176.0, 146.0, 104.0) if rng.random() < 0.6 else (150.0, 154.0, 158.0)
    sprite.box(length * 0.42, width * 0.66, -length * 0.22, 0, floor)
    sprite.polygon(
        [
            (length * 0.12, -width * 0.34),
            (length * 0.2, 0.0),
            (length * 0.12, width * 0.34),
            (length * 0.02, width * 0.34),
            (length * 0.02, -width * 0.34),
        ],
        (44, 54, 66),
    )
    if rng.random() < 0.5:
        sprite.box(length * 0.2, width * 0.62, -length * 0.06, 0, paint.colour, 1.06)
    for x in (-0.16, -0.3):
        sprite.box(length * 0.06, width * 0.56, x * length, 0, (222, 216, 204))
    for side in (-1, 1) if width > 2.4 else (0,):
        sprite.box(length * 0.07, width * 0.14, -length * 0.5, side * width * 0.16, (40, 42, 46), solid=True)
    if hull is HULLS[5]:
        return Paint(paint.colour, frozenset({"white"}), frozenset({"white", "gray", "silver", "brown"}))
    return unsure(paint.colour, ",".join({*paint.maybe, "white", "brown"}))
