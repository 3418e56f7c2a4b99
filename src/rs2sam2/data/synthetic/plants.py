"""Trees, palms, banana plants and bushes: crowns grown once as height maps, then scaled, lit and coloured per scene."""

import math
from functools import lru_cache
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from rs2sam2.data.synthetic import noise
from rs2sam2.data.synthetic.sprite import Array, Light, picture

CROWN_SIZE: Final = 128
KINDS: Final = ("tree", "palm", "banana", "bush")
VARIANTS: Final = 12


def _tree(rng: np.random.Generator, clumps: int, rough: float) -> Image.Image:
    """Overlapping clumps of leaves, higher toward the middle."""
    size = CROWN_SIZE * 2
    height = Image.new("L", (size, size), 0)
    draw = ImageDraw.Draw(height)
    middle, reach = size / 2, size * 0.4
    lobes = [(0.0, 0.0, 0.62), *((*rng.uniform(-0.42, 0.42, 2), rng.uniform(0.4, 0.66)) for _ in range(4))]
    spots = []
    for _ in range(clumps):
        # A crown is several rounded limbs, each highest in its own middle.
        limb_x, limb_y, wide = lobes[int(rng.integers(len(lobes)))]
        angle, part = rng.uniform(0, 2 * math.pi), math.sqrt(rng.random())
        x, y = limb_x + part * wide * math.cos(angle), limb_y + part * wide * math.sin(angle)
        level = 0.96 - 0.42 * part**1.6 - 0.22 * math.hypot(x, y) + rng.normal(0, rough)
        spots.append((level, middle + reach * x, middle + reach * y, size * rng.uniform(0.03, 0.085)))
    for level, x, y, radius in sorted(spots):
        for ring in (1.0, 0.7, 0.4):
            tone = int(np.clip(255 * level * (0.74 + 0.26 * (1 - ring)), 25, 255))
            r = radius * ring
            draw.ellipse([x - r, y - r, x + r, y + r], fill=tone)
    return height.resize((CROWN_SIZE, CROWN_SIZE), Image.Resampling.BOX)


def _palm(rng: np.random.Generator, fronds: int, broad: float) -> Image.Image:
    """Leaves radiating from the trunk; palms have many thin ones, banana plants few broad ones."""
    size = CROWN_SIZE * 3
    height = Image.new("L", (size, size), 0)
    draw = ImageDraw.Draw(height)
    middle = size / 2
    for index in rng.permutation(fronds):
        angle = 2 * math.pi * (index + rng.uniform(-0.3, 0.3)) / fronds
        reach = size * rng.uniform(0.33, 0.48)
        bend = rng.normal(0, 0.35)
        tone = rng.uniform(0.55, 1.0)
        left, right, rib = [], [], []
        for t in np.linspace(0.03, 1.0, 12):
            direction = angle + bend * t * t
            x, y = middle + reach * t * math.cos(direction), middle + reach * t * math.sin(direction)
            half = size * broad * math.sin(math.pi * min(1.0, t**0.7)) ** 0.7
            if broad < 0.04:
                half *= rng.uniform(0.6, 1.25)
            nx, ny = -math.sin(direction), math.cos(direction)
            left.append((x + nx * half, y + ny * half))
            right.append((x - nx * half, y - ny * half))
            rib.append((x, y))
        draw.polygon(left + right[::-1], fill=int(200 * tone))
        draw.polygon(left + rib[::-1], fill=int(255 * tone))
    return height.resize((CROWN_SIZE, CROWN_SIZE), Image.Resampling.BOX)


@lru_cache(maxsize=1)
def _crowns() -> dict[str, list[tuple[Image.Image, Image.Image]]]:
    """Height maps and coverages (both "L") of every kind of plant."""
    rng = np.random.default_rng(515)
    crowns: dict[str, list[tuple[Image.Image, Image.Image]]] = {}
    for kind in KINDS:
        crowns[kind] = []
        for _ in range(VARIANTS):
            if kind == "palm":
                height = _palm(rng, int(rng.integers(13, 20)), 0.024)
            elif kind == "banana":
                height = _palm(rng, int(rng.integers(7, 11)), 0.055)
            else:
                clumps = int(rng.integers(110, 220)) if kind == "tree" else int(rng.integers(40, 80))
                height = _tree(rng, clumps, 0.1)
            cover = height.point(lambda value: min(255, value * 6)).filter(ImageFilter.MedianFilter(3))
            crowns[kind].append((height, cover))
    return crowns


def crown(
    rng: np.random.Generator, kind: str, radius: float, colour: tuple[float, float, float], light: Light
) -> tuple[Image.Image, Image.Image]:
    """Picture ("RGB") and coverage ("L") of a plant whose crown reaches `radius` pixels from its middle."""
    height, cover = _crowns()[kind][int(rng.integers(VARIANTS))]
    size = max(5, round(radius * 2 / 0.8))
    # Only quarter turns and mirrors: they keep the picture sharp, and the lighting is computed afterwards.
    turn = int(rng.integers(8))
    if turn % 4:
        rotation = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)[turn % 4 - 1]
        height, cover = height.transpose(rotation), cover.transpose(rotation)
    if turn >= 4:
        height, cover = (side.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for side in (height, cover))
    filtered = Image.Resampling.BILINEAR
    height, cover = height.resize((size, size), filtered), cover.resize((size, size), filtered)
    level = np.asarray(height, dtype=np.float32) / np.float32(255.0)
    leaves = noise.mixed(rng, size, size, {0.0: 0.05, 1.0: 0.09})
    bright = _lit(level, light, size) * (1 + leaves)
    # Leaves in full sun are yellower than those in the shade.
    sunlit = level * level
    planes = [
        channel * bright + gain * sunlit for channel, gain in zip(map(float, colour), (16.0, 14.0, -4.0), strict=True)
    ]
    return picture(np.stack(planes)), cover


def _lit(level: Array, light: Light, size: int) -> Array:
    """Brightness of a crown: its own depth plus the side that looks at the sun."""
    reach = max(1, size // 24)
    dx, dy = round(math.cos(light.azimuth) * reach), round(math.sin(light.azimuth) * reach)
    ahead, behind = np.roll(level, (-dy, -dx), axis=(0, 1)), np.roll(level, (dy, dx), axis=(0, 1))
    rising = np.clip(ahead - behind, -0.5, 0.5)
    return np.asarray(0.42 + 0.72 * level + (0.3 + 1.6 * light.contrast) * rising, dtype=np.float32)
