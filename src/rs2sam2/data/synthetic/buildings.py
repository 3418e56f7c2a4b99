"""Buildings: dwellings with tin, tile or concrete roofs, sheds, halls; in one, two or three wings."""

import math
from dataclasses import dataclass, replace

import numpy as np

from rs2sam2.data.synthetic.colours import ROOFS, Paint, unsure
from rs2sam2.data.synthetic.roofs import Cover, plane, rectangle_roof
from rs2sam2.data.synthetic.sprite import Light, Pose, Sprite, rectangle

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class House:
    """What kind of building to draw: roof paint (a name of `ROOFS`), roof shape, material, share of rust."""

    paint: str
    shape: str
    material: str
    rust: float = 0.0
    patchwork: float = 0.02


def building(
    rng: np.random.Generator, pose: Pose, length: float, width: float, house: House, light: Light
) -> tuple[Sprite, Paint]:
    """Draw a building of about `length` x `width` metres."""
    paint = ROOFS[house.paint].varied(rng, 7.0)
    height = 7.0 + rng.uniform(-2, 3) if house.shape == "flat" and house.material == "concrete" else rng.uniform(2.8, 4)
    sprite = Sprite(pose, length + 2.4, width + 2.4, height=float(height))
    cover = Cover(
        house.material,
        paint.colour,
        house.rust,
        house.patchwork,
        float(rng.choice([0.35, 0.5, 0.85])),
        (int(rng.integers(1024)), int(rng.integers(1024))),
    )
    wings = _wings(rng, length, width, 0.45 if house.shape != "shed" else 0.1)
    shape = house.shape
    if shape == "flat":
        _flat(rng, sprite, wings, cover, light)
    else:
        for wing in wings:
            rectangle_roof(sprite, shape, wing, cover, light)
        if house.material == "tin" and rng.random() < 0.3:
            _annexe(rng, sprite, wings[-1], cover, light)
        if rng.random() < 0.25:
            _patches(rng, sprite, wings[-1], cover)
    return sprite, _named(paint, house)


def _named(paint: Paint, house: House) -> Paint:
    """Rust blurs names: a roof that is neither clean nor wholly rusty has no certain one."""
    if house.paint == "rusty" or house.rust <= 0.06:
        return paint
    return unsure(paint.colour, ",".join({*paint.maybe, "rusty brown", "brown", "red", "orange"}))


def _wings(rng: np.random.Generator, length: float, width: float, chance: float) -> list[Box]:
    """One to three overlapping rectangles inside length x width; the last one is the main body."""
    if rng.random() > chance or min(length, width) < 6:
        return [(0.0, 0.0, length, width)]
    depth = width * rng.uniform(0.55, 0.72)
    side = float(rng.choice([-1.0, 1.0]))
    main = (0.0, -side * (width - depth) / 2, length, depth)
    across = length * rng.uniform(0.3, 0.5)
    ends = [-1.0, 1.0] if rng.random() < 0.3 and across < 0.36 * length else [float(rng.choice([-1.0, 0.0, 1.0]))]
    # A wing's far end reaches into the main body, so that its own hip or gable vanishes under it.
    wings = [(end * (length - across) / 2, side * depth * 0.3, across, width - depth * 0.6) for end in ends]
    return [*wings, main]


def _annexe(rng: np.random.Generator, sprite: Sprite, main: Box, cover: Cover, light: Light) -> None:
    """A lower lean-to of another sheet along one long side, within the sprite's margin."""
    x, y, length, width = main
    side = float(rng.choice([-1.0, 1.0]))
    span = length * rng.uniform(0.3, 0.8)
    middle = x + rng.uniform(-0.5, 0.5) * (length - span)
    tone = float(rng.uniform(0.8, 1.04))
    red, green, blue = cover.colour
    lean = replace(cover, colour=(red * tone, green * tone, blue * tone), rust=min(0.9, cover.rust * 1.5))
    edge = y + side * width / 2
    plane(sprite, rectangle(span, 1.1, middle, edge + side * 0.55), side * math.pi / 2, lean, light, 0.4)
    sprite.line([(middle - span / 2, edge), (middle + span / 2, edge)], cover.colour, 0.15, 0.7)


def _patches(rng: np.random.Generator, sprite: Sprite, main: Box, cover: Cover) -> None:
    """Replaced sheets and small things left on the roof."""
    x, y, length, width = main
    for _ in range(int(rng.integers(1, 4))):
        px, py = x + rng.uniform(-0.4, 0.4) * length, y + rng.uniform(-0.3, 0.3) * width
        size, tone = float(rng.uniform(0.4, 1.4)), float(rng.uniform(0.75, 1.12))
        sprite.box(size, 0.8, px, py, cover.colour, tone)


def _flat(rng: np.random.Generator, sprite: Sprite, wings: list[Box], cover: Cover, light: Light) -> None:
    """A concrete slab with parapet, the parapet's shadow, and what people keep up there."""
    bright = 1.12 if rng.random() < 0.7 else 0.9
    edge_colour = (184.0, 62.0, 58.0) if rng.random() < 0.25 else cover.colour
    rim = float(rng.uniform(0.25, 0.45))
    inner = []
    for x, y, length, width in wings:
        sprite.box(length, width, x, y, edge_colour, bright, solid=True)
        inner.append((x, y, length - 2 * rim, width - 2 * rim))
    turn = light.azimuth - sprite.pose.angle
    drop = 0.9 * light.reach
    fall = (math.cos(turn) * drop, math.sin(turn) * drop)
    for x, y, length, width in inner:
        rectangle_roof(sprite, "flat", (x, y, length, width), cover, light)
    for x, y, length, width in inner:
        side_x, side_y = -math.copysign(length / 2, fall[0]), -math.copysign(width / 2, fall[1])
        shade = tuple(channel * light.darkness for channel in cover.colour)
        tint = (shade[0], shade[1], shade[2])
        if len(wings) == 1:
            sprite.box(abs(fall[0]), width, x + side_x + fall[0] / 2, y, tint)
            sprite.box(length, abs(fall[1]), x, y + side_y + fall[1] / 2, tint)
    x, y, length, width = inner[-1]
    for _ in range(int(rng.integers(1, 7))):
        _clutter(rng, sprite, x + rng.uniform(-0.38, 0.38) * length, y + rng.uniform(-0.38, 0.38) * width, turn, light)
    if min(length, width) > 6 and rng.random() < 0.6:
        _cabin(rng, sprite, (x, y, length, width), cover, light, fall)


def _cabin(
    rng: np.random.Generator, sprite: Sprite, main: Box, cover: Cover, light: Light, fall: tuple[float, float]
) -> None:
    """The stair head: a small higher slab with its own shadow."""
    x, y, length, width = main
    sizes = (float(rng.uniform(0.22, 0.4)) * length, float(rng.uniform(0.25, 0.45)) * width)
    px = x + float(rng.choice([-1.0, 1.0])) * (length - sizes[0]) / 2
    py = y + float(rng.choice([-1.0, 1.0])) * (width - sizes[1]) / 2
    steps = max(2, int(max(abs(fall[0]), abs(fall[1])) * 2 * sprite.grain / 4))
    for i in range(1, steps + 1):
        part = 2.0 * i / steps
        px_s, py_s = px + fall[0] * part, py + fall[1] * part
        low_x, high_x = max(px_s - sizes[0] / 2, x - length / 2), min(px_s + sizes[0] / 2, x + length / 2)
        low_y, high_y = max(py_s - sizes[1] / 2, y - width / 2), min(py_s + sizes[1] / 2, y + width / 2)
        if high_x > low_x and high_y > low_y:
            middle = ((low_x + high_x) / 2, (low_y + high_y) / 2)
            sprite.box(high_x - low_x, high_y - low_y, *middle, cover.colour, light.darkness)
    rectangle_roof(sprite, "flat", (px, py, *sizes), replace(cover, seed=(cover.seed[1], cover.seed[0])), light)
    for corner in (-1, 1):
        sprite.line(
            [(px - sizes[0] / 2, py + corner * sizes[1] / 2), (px + sizes[0] / 2, py + corner * sizes[1] / 2)],
            cover.colour,
            0.2,
            1.15,
        )


def _clutter(rng: np.random.Generator, sprite: Sprite, x: float, y: float, turn: float, light: Light) -> None:
    """A water butt, a solar panel, a tarpaulin or a heap, each with a small shadow."""
    dark = (70.0, 68.0, 66.0)
    kind = rng.random()
    shift = 0.7 * light.reach
    if kind < 0.35:
        sprite.disc(0.6, x + shift * math.cos(turn), y + shift * math.sin(turn), dark)
        colours = [(34.0, 36.0, 40.0), (58.0, 138.0, 104.0), (226.0, 228.0, 230.0)]
        colour = colours[int(rng.integers(3))]
        sprite.disc(0.6, x, y, colour)
        sprite.disc(0.25, x, y, colour, 1.25)
    elif kind < 0.5:
        sprite.box(1.9, 1.1, x + 0.4 * math.cos(turn), y + 0.4 * math.sin(turn), dark)
        sprite.box(1.9, 1.1, x, y, (34, 42, 66))
        sprite.line([(x - 0.95, y), (x + 0.95, y)], (120, 130, 150), 0.06)
    elif kind < 0.6:
        colour = (float(rng.uniform(60, 230)), float(rng.uniform(60, 200)), float(rng.uniform(60, 220)))
        sprite.box(float(rng.uniform(0.6, 1.6)), float(rng.uniform(0.5, 1.2)), x, y, colour)
    else:
        tone = float(rng.uniform(70, 200))
        sprite.box(float(rng.uniform(0.3, 0.9)), float(rng.uniform(0.3, 0.7)), x, y, (tone, tone * 0.96, tone * 0.9))
