"""What things stand on: soil and grass, fields, paths, roads, paving, water."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rs2sam2.data.synthetic import noise
from rs2sam2.data.synthetic.canvas import Canvas, Line, channels
from rs2sam2.data.synthetic.sprite import Array, Colour, Point, Pose, Sprite


@dataclass(frozen=True)
class Land:
    """Colours of a region's ground and plants, and how much of it is grown over (0 to 1)."""

    soil: Colour
    pale: Colour
    grass: Colour
    deep: Colour
    leaf: Colour
    green: tuple[float, float]
    plants: tuple[tuple[str, float], ...]


LANDS: Final = {
    "coast": Land((178, 158, 122), (206, 190, 156), (128, 138, 84), (92, 112, 58), (104, 132, 62), (0.35, 0.85),
                  (("tree", 0.4), ("palm", 0.25), ("banana", 0.2), ("bush", 0.15))),
    "red earth": Land((196, 126, 88), (226, 176, 138), (116, 134, 66), (82, 104, 46), (92, 122, 50), (0.15, 0.65),
                      (("tree", 0.55), ("palm", 0.08), ("banana", 0.22), ("bush", 0.15))),
    "valley": Land((142, 132, 118), (172, 164, 152), (92, 108, 62), (64, 82, 44), (76, 98, 52), (0.3, 0.8),
                   (("tree", 0.5), ("banana", 0.1), ("bush", 0.4))),
    "dry": Land((186, 164, 132), (212, 196, 168), (152, 146, 104), (118, 118, 78), (98, 112, 64), (0.1, 0.45),
                (("tree", 0.5), ("bush", 0.5))),
    "lawn": Land((150, 134, 106), (176, 162, 134), (112, 136, 74), (88, 114, 58), (78, 106, 52), (0.8, 1.0),
                 (("tree", 0.75), ("bush", 0.25))),
}  # fmt: skip


def natural(canvas: Canvas, land: Land, thicket: float = 0.0) -> None:
    """Soil with paler trodden places, overgrown in patches; a share `thicket` of it by dense bushes."""
    mix = canvas.noise({45.0: 0.7, 16.0: 0.45, 6.0: 0.3, 2.5: 0.15})
    soil = channels(land.soil)
    canvas.ground = soil + (channels(land.pale) - soil) * noise.step(mix, 0.3, 1.6)
    growth = canvas.noise({45.0: 0.75, 16.0: 0.4, 6.0: 0.35, 2.5: 0.25, 1.0: 0.1})
    edge = _edge(float(canvas.rng.uniform(*land.green)))
    canvas.ground += (channels(land.grass) - canvas.ground) * (0.92 * noise.step(growth, edge, 0.7))
    canvas.ground += (channels(land.deep) - canvas.ground) * (0.7 * noise.step(growth - 0.4 * mix, edge + 0.8, 0.9))
    if thicket:
        _thicket(canvas, land, 0.93 * noise.step(growth + canvas.noise({2.5: 0.15}), _edge(thicket), 0.5))
    canvas.ground *= 1 + canvas.noise({1.0: 0.045, 2.5: 0.035, 6.0: 0.02, 0.0: 0.02})


def _edge(share: float) -> float:
    """Where to cut noise of deviation 0.95 so that `share` of it lies above (logistic approximation)."""
    bounded = min(max(share, 0.02), 0.98)
    return 0.55 * math.log((1 - bounded) / bounded)


def _thicket(canvas: Canvas, land: Land, mask: Array) -> None:
    """Bushes and weeds too many to draw one by one: bumpy noise, lit from the sun's side."""
    level = canvas.noise({1.0: 0.25, 2.5: 0.65, 6.0: 0.5, 16.0: 0.25})
    dx, dy = (round(2.4 * part) for part in (math.cos(canvas.light.azimuth), math.sin(canvas.light.azimuth)))
    rising = np.roll(level, (-dy, -dx), axis=(0, 1)) - np.roll(level, (dy, dx), axis=(0, 1))
    bright = 0.84 + 0.14 * level + (0.05 + 0.3 * canvas.light.contrast) * rising
    warm = channels((5.0, 0.0, -3.0)) * canvas.noise({16.0: 1.0, 6.0: 0.6})
    canvas.ground += ((channels(land.leaf) + warm) * np.clip(bright, 0.25, 1.6) - canvas.ground) * mask


def curve(canvas: Canvas, start: Point, end: Point, bend: float) -> list[Point]:
    """A wandering line between two points, up to about `bend` pixels off the straight one."""
    t = np.linspace(-0.05, 1.05, 24)
    shifts = canvas.rng.normal(0, bend, 3)
    off = (
        shifts[0] * np.sin(math.pi * t)
        + 0.5 * shifts[1] * np.sin(2 * math.pi * t)
        + 0.3 * shifts[2] * np.sin(3 * math.pi * t)
    )
    dx, dy = end[0] - start[0], end[1] - start[1]
    reach = math.hypot(dx, dy) or 1.0
    return [
        (float(start[0] + dx * a - dy / reach * o), float(start[1] + dy * a + dx / reach * o))
        for a, o in zip(t, off, strict=True)
    ]


def across(canvas: Canvas, angle: float, offset: float) -> tuple[Point, Point]:
    """A straight line through the whole picture: direction `angle`, `offset` pixels beside the middle."""
    middle, reach = canvas.size / 2, canvas.size * 0.75
    cos, sin = math.cos(angle), math.sin(angle)
    x, y = middle - sin * offset, middle + cos * offset
    return (x - cos * reach, y - sin * reach), (x + cos * reach, y + sin * reach)


def through(canvas: Canvas, angle: float, offset: float) -> NDArray[np.float64]:
    """(12, 2) points along the same straight line."""
    start, end = across(canvas, angle, offset)
    return np.linspace(np.array(start), np.array(end), 12)


def path(canvas: Canvas, land: Land, line: Line, metres: float) -> None:
    """A dirt track with ragged edges; wide ones keep grass between the wheels."""
    red, green, blue = land.pale
    tone = canvas.rng.uniform(0.94, 1.06)
    mask = canvas.strokes([line], metres * canvas.scale, ragged=1.5 + 0.12 * metres * canvas.scale)
    canvas.cover(mask * np.float32(0.85), (red * tone, green * tone, blue * tone), 0.04, 0.05)


def road(canvas: Canvas, line: Line, metres: float, marks: bool, tone: float) -> None:
    """Asphalt with pale shoulders, perhaps with a broken middle line and edge lines."""
    width = metres * canvas.scale
    canvas.cover(0.6 * canvas.strokes([line], width * 1.25, ragged=2.0), (tone + 40, tone + 34, tone + 22))
    canvas.cover(canvas.strokes([line], width), (tone, tone, tone + 2), 0.03, 0.035)
    canvas.take(_band(line, width))
    if not marks:
        return
    points = np.asarray(line, dtype=np.float64)
    steps = np.hypot(*np.diff(points, axis=0).T)
    travelled = np.concatenate([[0.0], np.cumsum(steps)])
    dashes = []
    for begin in np.arange(0, travelled[-1], 7.0 * canvas.scale):
        at = np.array([begin, begin + 3.0 * canvas.scale])
        dashes.append(np.stack([np.interp(at, travelled, points[:, 0]), np.interp(at, travelled, points[:, 1])], 1))
    white = (232.0, 232.0, 226.0)
    canvas.cover(0.85 * canvas.strokes(dashes, max(0.8, 0.14 * canvas.scale)), white, 0.02, 0.0)
    normal = _normals(points) * (width / 2 - 0.3 * canvas.scale)
    edges = [points + normal, points - normal]
    canvas.cover(0.7 * canvas.strokes(edges, max(0.7, 0.12 * canvas.scale)), white, 0.02, 0.0)


def _normals(points: NDArray[np.float64]) -> NDArray[np.float64]:
    along = np.gradient(points, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)[:, None]
    return np.stack([-along[:, 1], along[:, 0]], 1)


def _band(line: Line, width: float) -> NDArray[np.float64]:
    points = np.asarray(line, dtype=np.float64)
    normal = _normals(points) * (width / 2)
    return np.concatenate([points + normal, (points - normal)[::-1]])


def field_rows(canvas: Canvas, land: Land, pose: Pose, outline: list[Point]) -> None:
    """A tilled plot: rows of crops on bare soil."""
    points = pose.pixels(outline)
    mask = canvas.region(points, ragged=1.5)
    period = max(3.2, float(canvas.rng.uniform(0.6, 1.6)) * canvas.scale)
    rows, columns = np.mgrid[0 : canvas.size, 0 : canvas.size].astype(np.float32)
    phase = (columns * np.float32(-math.sin(pose.angle)) + rows * np.float32(math.cos(pose.angle))) * (
        2 * math.pi / period
    )
    crops = noise.step(np.sin(phase) + canvas.noise({2.5: 0.5, 6.0: 0.3}), 0.2, 1.2)
    red, green, blue = land.soil
    tone = canvas.rng.uniform(0.8, 1.02)
    canvas.cover(mask * np.float32(0.9), (red * tone, green * tone, blue * tone), 0.04, 0.05)
    leaf = land.grass if canvas.rng.random() < 0.7 else land.pale
    canvas.cover(mask * crops * np.float32(0.75), leaf, 0.06, 0.05)


def paved(canvas: Canvas, mask: Array, colour: Colour, angle: float, slab: float) -> None:
    """Concrete or asphalt; with `slab` metres between joints, or none for 0."""
    canvas.cover(mask, colour, 0.02, 0.03)
    stains = noise.step(canvas.noise({6.0: 0.6, 16.0: 0.8}), 1.5, 1.2)
    canvas.ground *= 1 - 0.14 * stains * mask
    if slab:
        pitch = slab * canvas.scale
        reach = int(canvas.size * 0.75 / pitch) + 1
        lines = [
            across(canvas, angle + turn, i * pitch) for i in range(-reach, reach + 1) for turn in (0.0, math.pi / 2)
        ]
        canvas.ground *= 1 - 0.13 * canvas.strokes(lines, max(0.6, 0.1 * canvas.scale)) * mask


def water(canvas: Canvas, colour: Colour) -> None:
    """A water surface over the whole picture: depth, wind ripples, glitter."""
    rng = canvas.rng
    angle = float(rng.uniform(0, math.pi))
    rows, columns = np.mgrid[0 : canvas.size, 0 : canvas.size].astype(np.float32)
    along = columns * np.float32(math.cos(angle)) + rows * np.float32(math.sin(angle))
    over = rows * np.float32(math.cos(angle)) - columns * np.float32(math.sin(angle))
    start = rng.integers(0, noise.BANK_SIZE, 2).astype(np.float32)
    ripples = noise.looked_up(along * 0.7 + start[0], over * 2.2 + start[1], 2.5)
    depth = canvas.noise({45.0: 1.0})
    bright = 1 + 0.035 * ripples + 0.05 * depth + canvas.noise({1.0: 0.02})
    canvas.ground = channels(colour) * bright + 14 * noise.step(ripples, 1.7, 1.0)


def wall(canvas: Canvas, lines: list[Line], colour: Colour, height: float, metres: float = 0.3) -> None:
    """Upright walls or hedges along lines given in image pixels."""
    points = np.concatenate([np.asarray(line, dtype=np.float64) for line in lines])
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (low + high) / 2
    pose = Pose(float(middle[0]), float(middle[1]), 0.0, canvas.scale)
    span = (high - low) / canvas.scale + 2 * metres + 1
    sprite = Sprite(pose, float(span[0]), float(span[1]), height=height)
    for line in lines:
        local = (np.asarray(line, dtype=np.float64) - middle) / canvas.scale
        for first, last in pairwise(local):
            along = last - first
            reach = float(np.hypot(*along))
            if reach > 0:
                nx, ny = -along[1] / reach * metres / 2, along[0] / reach * metres / 2
                corners = [(first[0] + nx, first[1] + ny), (last[0] + nx, last[1] + ny),
                           (last[0] - nx, last[1] - ny), (first[0] - nx, first[1] - ny)]  # fmt: skip
                sprite.polygon([(float(x), float(y)) for x, y in corners], colour)
    canvas.put(sprite, None)


def overgrow(canvas: Canvas, land: Land, count: int, radii: tuple[float, float], gathered: bool) -> None:
    """Plants all over the picture, or gathered in groves; radii in metres."""
    rng = canvas.rng
    left = count
    while left > 0:
        x, y = (float(v) for v in rng.uniform(-0.03, 1.03, 2) * canvas.size)
        grove = min(left, int(rng.integers(3, 14))) if gathered else 1
        left -= grove
        spread = float(rng.uniform(0.8, 1.6)) * radii[1] * math.sqrt(grove) * canvas.scale * 0.6
        leading = _kind(rng, land)
        for _ in range(grove):
            kind = leading if rng.random() < 0.6 else _kind(rng, land)
            dx, dy = rng.normal(0, spread, 2) if grove > 1 else (0.0, 0.0)
            _grow(canvas, land, kind, (x + float(dx), y + float(dy)), radii)


def _kind(rng: np.random.Generator, land: Land) -> str:
    kinds, weights = zip(*land.plants, strict=True)
    return str(kinds[int(rng.choice(len(kinds), p=np.array(weights) / sum(weights)))])


def _grow(canvas: Canvas, land: Land, kind: str, place: Point, radii: tuple[float, float]) -> None:
    rng = canvas.rng
    radius = (radii[0] + (radii[1] - radii[0]) * float(rng.random()) ** 1.5) * {"banana": 0.7, "bush": 0.55}.get(
        kind, 1.0
    )
    shade = {"tree": 0.9, "palm": 1.08, "banana": 1.18, "bush": 1.0}[kind] * float(rng.normal(1.0, 0.15))
    warm = float(rng.normal(0, 9))
    red, green, blue = land.leaf
    colour = (red * shade + warm, green * shade, blue * shade - warm * 0.5)
    canvas.plant(kind, *place, max(2.0, radius * canvas.scale), colour)
