"""Round things: storage tanks; and swimming pools."""

import math

import numpy as np

from rs2sam2.data.synthetic import noise
from rs2sam2.data.synthetic.colours import POOLS, TANKS, Paint, pick
from rs2sam2.data.synthetic.sprite import Light, Point, Pose, Sprite, circle, rectangle


def storage_tank(rng: np.random.Generator, pose: Pose, radius: float, light: Light) -> tuple[Sprite, Paint]:
    """A cylindrical tank with a cone roof or a sunken floating roof, rim, ladder and pipe."""
    paint = pick(rng, TANKS)
    sprite = Sprite(pose, radius * 2.3, radius * 2.3, height=float(radius * rng.uniform(0.5, 1.1)))
    sprite.disc(radius, 0, 0, paint.colour, 0.86, solid=True)
    turn = light.azimuth - sprite.pose.angle
    toward = (math.cos(turn), math.sin(turn))
    floating_roof = rng.random() < 0.35
    if floating_roof:
        _sunken(sprite, radius, paint, toward)
    else:
        sprite.disc(radius * 0.965, 0, 0, paint.colour, 1.0)
    width, height = sprite.image.size
    x, y = sprite.coordinates()
    lean = (x * np.float32(toward[0]) + y * np.float32(toward[1])) / np.float32(radius)
    stains = noise.mixed(rng, height, width, {16.0: 0.5, 2.5: 0.3, 1.0: 0.2})
    tilt = 0.0 if floating_roof else 0.30 + light.contrast * 0.5
    sprite.modulate(1.0 - np.float32(tilt * 0.6) * lean + np.float32(0.02) * stains)
    if not floating_roof:
        for angle in np.linspace(0, 2 * math.pi, int(rng.choice([8, 12, 16])), endpoint=False):
            end = (radius * 0.95 * math.cos(angle), radius * 0.95 * math.sin(angle))
            sprite.line([(0.0, 0.0), end], paint.colour, radius * 0.012, 0.86)
        sprite.disc(radius * 0.07, 0, 0, paint.colour, 0.72)
        sprite.disc(radius * 0.045, 0, 0, paint.colour, 1.1)
    ring = circle(radius * 0.975, steps=48)
    sprite.line([*ring, ring[0]], paint.colour, max(0.18, radius * 0.03), 1.12)
    start = float(rng.uniform(0, 2 * math.pi))
    stair = [
        (radius * 1.03 * math.cos(start + t), radius * 1.03 * math.sin(start + t)) for t in np.linspace(0, 1.1, 10)
    ]
    sprite.polygon([*stair, *[(x * 0.955, y * 0.955) for x, y in reversed(stair)]], (120, 116, 108))
    sprite.box(
        radius * 0.12, radius * 0.12, 0.8 * radius * math.cos(start), 0.8 * radius * math.sin(start), (104, 104, 104)
    )
    return sprite, paint


def _sunken(sprite: Sprite, radius: float, paint: Paint, toward: tuple[float, float]) -> None:
    """The roof floats below the rim: the wall on the sun's side throws a crescent of shadow onto it."""
    sprite.disc(radius * 0.95, 0, 0, paint.colour, 0.45)
    shift = radius * 0.26
    # The lit part is the roof's disc moved along the light, cut by the disc itself.
    x, y = sprite.coordinates()
    far = (x - np.float32(shift * toward[0])) ** 2 + (y - np.float32(shift * toward[1])) ** 2
    inside = (x**2 + y**2 < (0.95 * radius) ** 2) & (far < (0.95 * radius) ** 2)
    sprite.modulate(np.where(inside, np.float32(0.92 / 0.45), np.float32(1.0)))
    ring = circle(radius * 0.84, steps=40)
    sprite.line([*ring, ring[0]], paint.colour, radius * 0.02, 0.7)
    sprite.line([(0.0, 0.0), (radius * 0.9, 0.0)], paint.colour, radius * 0.05, 0.62)


def pool(rng: np.random.Generator, pose: Pose, length: float, width: float) -> tuple[Sprite, Paint]:
    """A pool with a pale rim: rectangle, oval, kidney or an L; water with ripples of light."""
    paint = pick(rng, POOLS)
    sprite = Sprite(pose, length + 1.6, width + 1.6)
    shape = _pool_outline(rng, length, width)
    rim = [(x * (1 + 0.7 / length), y * (1 + 0.7 / width)) for x, y in shape]
    sprite.polygon(rim, (226, 220, 206))
    sprite.polygon(shape, paint.colour, 0.72)
    sprite.polygon([(x * 0.955, y * 0.93) for x, y in shape], paint.colour, 1.0)
    a = length / 2
    size = sprite.image.size
    x, y = sprite.coordinates()
    # Water is darker at the deep end; only the water is modulated, the rim is drawn again afterwards.
    web = np.abs(noise.looked_up(x * 12 + float(rng.integers(1024)), y * 12 + float(rng.integers(1024)), 6.0))
    glitter = noise.window(rng, size[1], size[0], 2.5)
    sprite.modulate(1.0 - np.float32(0.14) * x / np.float32(a) + 0.10 * np.exp(-6 * web) + np.float32(0.015) * glitter)
    sprite.line([*rim, rim[0]], (232, 228, 216), 0.35)
    if length > 14:
        for lane in np.arange(-width / 2 + 2.0, width / 2 - 1.0, 2.0):
            sprite.line([(-a + 0.5, lane), (a - 0.5, lane)], paint.colour, 0.16, 0.55)
    else:
        sprite.box(0.9, width * 0.32, -a + 0.7, 0, paint.colour, 1.22)
        sprite.line([(a * 0.4, width / 2 + 0.2), (a * 0.4, width / 2 - 0.4)], (240, 240, 240), 0.1)
    return sprite, paint


def _pool_outline(rng: np.random.Generator, length: float, width: float) -> list[Point]:
    a, b = length / 2, width / 2
    kind = rng.random() if length <= 14 else 0.0
    if kind < 0.5:
        c = min(0.5, b * 0.3) if rng.random() < 0.5 else 0.05
        return [(-a, -b + c), (-a + c, -b), (a - c, -b), (a, -b + c), (a, b - c), (a - c, b), (-a + c, b), (-a, b - c)]
    if kind < 0.65:
        return [(-a, -b), (a, -b), (a, b), (0.1 * a, b), (0.1 * a, 0.1 * b), (-a, 0.1 * b)]
    angles = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    if kind < 0.8:
        return [(a * math.cos(t), b * math.sin(t)) for t in angles]
    return [
        (a * math.cos(t), b * (math.sin(t) * (0.8 + 0.2 * math.cos(t)) + 0.3 * math.cos(t) ** 2 - 0.15)) for t in angles
    ]


def deck(sprite_pose: Pose, length: float, width: float) -> list[Point]:
    """Image points of the paved rectangle around a pool."""
    return [(float(x), float(y)) for x, y in sprite_pose.pixels(rectangle(length, width))]
