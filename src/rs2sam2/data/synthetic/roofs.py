"""Roof planes: what covers them (sheets, tiles, concrete, thatch), how they catch the light, where they rust."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rs2sam2.data.synthetic import noise
from rs2sam2.data.synthetic.sprite import Array, Light, Point, Sprite

RUST: Final = np.array([134.0, 84.0, 60.0], dtype=np.float32)
_SHEETS: Final = np.random.default_rng(7).standard_normal(4096).astype(np.float32)


@dataclass(frozen=True)
class Cover:
    """What a roof is covered with.

    Attributes:
        material: "tin", "tile", "concrete" or "thatch".
        colour: base colour, 0 to 255 per channel.
        rust: share of the surface that is rusty, 0 to 1.
        patchwork: how much the sheets differ from each other in brightness.
        ribs: metres between the visible ribs or rows.
        seed: offset into the noise, so that every roof looks different.
    """

    material: str
    colour: tuple[float, float, float]
    rust: float
    patchwork: float
    ribs: float
    seed: tuple[int, int]


def plane(sprite: Sprite, points: Sequence[Point], downhill: float, cover: Cover, light: Light, steep: float) -> None:
    """Paint one plane of a roof.

    Args:
        sprite: the building's picture.
        points: corners in metres.
        downhill: direction of the slope in the building's own frame, radians.
        cover: its material.
        light: the sun.
        steep: 0 for a flat plane, 1 for an ordinary pitch.
    """
    box = sprite.area(points)
    x, y = sprite.coordinates(box)
    cos, sin = math.cos(downhill), math.sin(downhill)
    slope, along = x * cos + y * sin, y * cos - x * sin
    facing = 1.0 + steep * (light.facing(sprite.pose.angle + downhill) - 1.0)
    bright, rusty = _surface(sprite, slope, along, cover)
    planes = np.asarray(cover.colour, dtype=np.float32)[:, None, None] * bright
    if rusty is not None:
        planes += (RUST[:, None, None] * (np.float32(0.75) + np.float32(0.3) * bright) - planes) * rusty
    sprite.paint(points, box, planes * np.float32(facing))


def _surface(sprite: Sprite, slope: Array, along: Array, cover: Cover) -> tuple[Array, Array | None]:
    """Brightness around 1 and, where the roof rusts, the cover of rust (0 to 1)."""
    row, column = cover.seed
    # Noise is looked up per metre here, so that a roof keeps its look at every scale.
    blotch = noise.looked_up(slope * 9 + row, along * 9 + column, 6.0)
    bright = 1.0 + np.float32(0.02) * noise.looked_up(slope * sprite.grain + row, along * sprite.grain + column, 1.0)
    if cover.material == "concrete":
        grime = noise.looked_up(slope * 22 + column, along * 22 + row, 6.0)
        bright += 0.05 * blotch - 0.07 * np.maximum(grime, 0)
        return bright, None
    if cover.material == "thatch":
        straw = noise.looked_up(slope * 4 + row, along * 40 + column, 2.5)
        return bright + 0.09 * straw + 0.04 * blotch, None
    across = slope if cover.material == "tile" else along
    strength = 0.055 * min(1.0, max(0.0, cover.ribs * sprite.pose.scale - 1.8))
    if strength > 0:
        bright += np.float32(strength) * np.sin(across * np.float32(2 * math.pi / cover.ribs))
    bright += 0.025 * blotch
    if cover.material == "tile":
        return bright + 0.03 * noise.looked_up(slope * 30 + row, along * 30 + column, 2.5), None
    # Sheets were laid by hand: each column of them starts a little higher or lower.
    number = np.floor(along / 0.85).astype(np.int32) * 37 + row
    sheet = number + np.floor(slope / 2.6 + 0.4 * _SHEETS[number & 4095]).astype(np.int32) * 11
    value = _SHEETS[sheet & 4095]
    bright += np.float32(cover.patchwork) * value
    if cover.rust <= 0.01:
        return bright, None
    streak = noise.looked_up(slope * 5 + column, along * 34 + row, 2.5)
    fine = noise.looked_up(slope * 30 + row, along * 60 + column, 2.5)
    amount = 0.45 * streak + 0.55 * value + 0.6 * blotch + 0.3 * fine
    # The sum is close to normal with deviation 1: the quantile of the wanted share is the edge.
    edge = 1.75 * math.log((1 - min(cover.rust, 0.98)) / min(cover.rust, 0.98)) / 1.7
    return bright, np.float32(0.85) * noise.step(amount, edge, 1.2)


def rectangle_roof(
    sprite: Sprite, shape: str, box: tuple[float, float, float, float], cover: Cover, light: Light
) -> None:
    """Cover a rectangle (x, y, length, width; metres, the ridge runs along its longer side) with a roof.

    `shape` is "gable", "hip", "shed" or "flat".
    """
    x, y, length, width = box
    turned = width > length
    a, b = (width / 2, length / 2) if turned else (length / 2, width / 2)

    def place(points: Sequence[Point]) -> list[Point]:
        return [(x - q, y + p) if turned else (x + p, y + q) for p, q in points]

    spin = math.pi / 2 if turned else 0.0
    if shape in ("flat", "shed"):
        downhill = math.pi / 2 if cover.seed[0] % 2 else -math.pi / 2
        corners = place([(-a, -b), (a, -b), (a, b), (-a, b)])
        plane(sprite, corners, downhill + spin, cover, light, 0.0 if shape == "flat" else 0.45)
        return
    end = a - b * (1.0 if shape == "hip" else 0.0)
    plane(sprite, place([(-a, -b), (a, -b), (end, 0), (-end, 0)]), spin - math.pi / 2, cover, light, 1.0)
    plane(sprite, place([(-a, b), (a, b), (end, 0), (-end, 0)]), spin + math.pi / 2, cover, light, 1.0)
    if shape == "hip":
        plane(sprite, place([(a, -b), (a, b), (end, 0)]), spin, cover, light, 1.0)
        plane(sprite, place([(-a, -b), (-a, b), (-end, 0)]), spin + math.pi, cover, light, 1.0)
        for corner in ((a, -b), (a, b)):
            sprite.line(place([corner, (end, 0)]), cover.colour, 0.12, 1.1)
        for corner in ((-a, -b), (-a, b)):
            sprite.line(place([corner, (-end, 0)]), cover.colour, 0.12, 1.1)
    sprite.line(place([(-end, 0), (end, 0)]), cover.colour, 0.16, 1.12)
