"""Villages and suburbs."""

import math
from itertools import pairwise

import numpy as np

from rs2sam2.data.synthetic import ground
from rs2sam2.data.synthetic.buildings import House
from rs2sam2.data.synthetic.canvas import Canvas, Line
from rs2sam2.data.synthetic.ground import LANDS
from rs2sam2.data.synthetic.placing import (
    along_road,
    anywhere,
    at,
    claim,
    put_building,
    put_pool,
    put_vehicle,
    square_turn,
)
from rs2sam2.data.synthetic.regions import SHED, roof
from rs2sam2.data.synthetic.sprite import Pose, rectangle


def village(canvas: Canvas) -> None:
    """Dwellings on bare soil or among trees, dirt tracks, plots, walls, unroofed ruins, now and then a car."""
    rng = canvas.rng
    region = ("coast", "red earth", "valley", "dry")[int(rng.choice(4, p=[0.36, 0.3, 0.2, 0.14]))]
    land = LANDS[region]
    main = float(rng.uniform(0, math.pi))
    ground.natural(canvas, land, float(rng.choice([0.0, 0.1, 0.25, 0.45])))
    metres = canvas.extent
    for _ in range(int(rng.poisson(0.9 * metres / 50))):
        place = anywhere(canvas, main + square_turn(rng))
        plot = rectangle(float(rng.uniform(8, 20)), float(rng.uniform(6, 14)))
        if region in ("valley", "coast") or rng.random() < 0.4:
            ground.field_rows(canvas, land, place, plot)
    for _ in range(int(rng.integers(1, 4))):
        start, end = ground.across(canvas, float(rng.uniform(0, math.pi)), float(rng.uniform(-0.4, 0.4)) * canvas.size)
        ground.path(canvas, land, ground.curve(canvas, start, end, 0.06 * canvas.size), float(rng.uniform(0.8, 3.6)))
    offset = float(rng.choice([-1, 1]) * rng.uniform(0.1, 0.42)) * canvas.size
    paved = rng.random() < 0.22
    if paved:
        line = ground.through(canvas, main, offset)
        ground.road(canvas, line, float(rng.uniform(5, 7)), rng.random() < 0.4, float(rng.uniform(95, 165)))
    _dwellings(canvas, region, main)
    if paved and rng.random() < 0.6:
        along_road(canvas, main, offset, 1.6, _traffic(rng))
    for _ in range(int(rng.integers(0, 3))):
        put_vehicle(canvas, anywhere(canvas, main + square_turn(rng) + float(rng.normal(0, 0.3))), _traffic(rng), 1.0)
    if rng.random() < 0.45:
        _ruin(canvas, main + float(rng.normal(0, 0.1)))
    if rng.random() < 0.45:
        _yard_wall(canvas, main)
    _litter(canvas)
    count = int(rng.choice([8, 20, 45, 80]) * (metres / 60) ** 1.3)
    ground.overgrow(canvas, land, min(count, 90), (1.0, 4.8), gathered=bool(rng.random() < 0.75))


def _traffic(rng: np.random.Generator) -> str:
    return str(rng.choice(["car", "car", "car", "van", "pickup", "truck"]))


def _dwellings(canvas: Canvas, region: str, main: float) -> None:
    """Houses near one common direction; a few halls and many small sheds."""
    rng = canvas.rng
    dense, gap = rng.choice([0.4, 0.8, 1.5, 2.2]), float(rng.choice([0.3, 1.0, 1.6]))
    goal = int(np.clip(rng.poisson(dense * canvas.extent**2 / 420) + 1, 1, 14))
    favourite = roof(canvas, region) if rng.random() < 0.35 else None
    built = 0
    for _ in range(goal * 5):
        if built >= goal:
            return
        angle = main + square_turn(rng) + float(rng.normal(0, 0.12 if rng.random() < 0.8 else 0.6))
        house = favourite if favourite is not None and rng.random() < 0.6 else roof(canvas, region)
        draw = rng.random()
        if draw < 0.14:
            length, width = rng.uniform(16, 34), rng.uniform(7, 10.5)
        elif draw < 0.36:
            length, width = rng.uniform(2.6, 6.5), rng.uniform(2.2, 4.5)
            house = roof(canvas, region) if house.shape != "flat" and rng.random() < 0.5 else SHED
        else:
            length = rng.uniform(7.5, 15)
            width = length * rng.uniform(0.55, 0.95)
        built += put_building(canvas, anywhere(canvas, angle), float(length), float(width), house, gap)


def _ruin(canvas: Canvas, angle: float) -> None:
    """Walls of a house without a roof: rooms, and weeds in them."""
    rng = canvas.rng
    length, width = float(rng.uniform(6, 11)), float(rng.uniform(5, 8))
    pose = anywhere(canvas, angle)
    if not claim(canvas, pose, length, width, 1.0):
        return
    a, b = length / 2, width / 2
    split, cross = float(rng.uniform(-0.4, 0.4)) * a, float(rng.uniform(-0.4, 0.4)) * b
    rooms = [
        [(-a, -b), (a, -b), (a, b), (-a * 0.2, b)],
        [(-a * 0.55, b), (-a, b), (-a, -b)],
        [(split, -b), (split, b)],
        [(-a, cross), (split, cross)],
    ]
    tone = float(rng.uniform(170, 215))
    ground.wall(canvas, [pose.pixels(room) for room in rooms], (tone, tone * 0.97, tone * 0.9), 1.8, 0.28)


def _yard_wall(canvas: Canvas, main: float) -> None:
    """A compound wall or hedge around a yard, broken by things that were there before."""
    rng = canvas.rng
    pose = anywhere(canvas, main)
    corners = pose.pixels(rectangle(float(rng.uniform(18, 34)), float(rng.uniform(16, 28))))
    sides: list[Line] = []
    for first, last in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        steps = np.linspace(first, last, 12)
        for begin, end in pairwise(steps):
            if canvas.free(np.array([begin, end, end + 1, begin + 1])):
                sides.append(np.array([begin, end]))
    if sides:
        tone = float(rng.uniform(130, 205))
        ground.wall(canvas, sides, (tone, tone * 0.94, tone * 0.86), 1.7, 0.3)


def _litter(canvas: Canvas) -> None:
    """Pale specks, heaps of sand or stones and scraps on the ground."""
    rng = canvas.rng
    for _ in range(2):
        specks = []
        for _ in range(int(rng.integers(4, 24))):
            x, y = rng.uniform(0, canvas.size, 2)
            dx, dy = rng.normal(0, 0.16 * canvas.scale, 2)
            specks.append(np.array([(x, y), (x + dx, y + dy)]))
        tone = float(rng.uniform(120, 235))
        wide = min(max(1.0, 0.22 * canvas.scale), 2.5)
        canvas.cover(0.7 * canvas.strokes(specks, wide), (tone, tone * 0.98, tone * 0.94), 0.2, 0.2)


def suburb(canvas: Canvas) -> None:
    """Houses in gardens along streets, with drives, cars, pools and trees."""
    rng = canvas.rng
    land = LANDS["lawn"] if rng.random() < 0.75 else LANDS["dry"]
    ground.natural(canvas, land)
    main = float(rng.uniform(0, math.pi))
    offset = float(rng.uniform(-0.3, 0.3)) * canvas.size
    wide = float(rng.uniform(6, 8))
    line = ground.through(canvas, main, offset)
    canvas.cover(0.9 * canvas.strokes([line], (wide + 3.4) * canvas.scale), (188, 184, 174))
    ground.road(canvas, line, wide, rng.random() < 0.5, float(rng.uniform(84, 132)))
    favourite = roof(canvas, "lawn")
    reach, pitch = canvas.extent * 0.72, float(rng.uniform(17, 22))
    things = 0
    for side in (-1.0, 1.0):
        for row in range(3):
            first = float(rng.uniform(-pitch, 0)) - reach
            for step in np.arange(first, reach, pitch):
                depth = wide / 2 + 11.5 + row * 27
                pose = _beside(canvas, main, offset, step, side * depth)
                inside = -0.06 < pose.x / canvas.size < 1.06 and -0.06 < pose.y / canvas.size < 1.06
                if inside and things < 12 and rng.random() < 0.9:
                    things += _plot(
                        canvas, pose, favourite if rng.random() < 0.5 else roof(canvas, "lawn"), side, row == 0
                    )
    for _ in range(int(rng.integers(0, 3))):
        along_road(canvas, main, offset, wide / 4, _traffic(rng))
    ground.overgrow(canvas, land, int(min(60, 10 + canvas.extent * rng.uniform(0.1, 0.6))), (1.2, 4.2), gathered=False)


def _beside(canvas: Canvas, angle: float, offset: float, forward: float, right: float) -> Pose:
    """A pose `forward` metres along and `right` metres beside a straight road."""
    middle = canvas.size / 2
    centre = at(canvas, middle - math.sin(angle) * offset, middle + math.cos(angle) * offset, angle)
    return centre.moved(forward, right)


def _plot(canvas: Canvas, pose: Pose, house: House, side: float, drive: bool) -> int:
    """A house, its drive with perhaps a car, and perhaps a pool behind it; returns how many things were put."""
    rng = canvas.rng
    length, width = float(rng.uniform(9, 14)), float(rng.uniform(7.5, 11))
    placed = int(put_building(canvas, pose.moved(0, 0, float(rng.normal(0, 0.03))), length, width, house, 0.8))
    if not placed:
        return 0
    if drive:
        at_side = float(rng.choice([-1.0, 1.0]))
        way = pose.moved(at_side * (length / 2 - 1.9), -side * (width / 2 + 3.4))
        canvas.cover(canvas.region(way.pixels(rectangle(3.4, 7.4))), (176, 172, 164))
        if rng.random() < 0.6:
            placed += put_vehicle(canvas, way.moved(0, 0.0, side * math.pi / 2), "car", 0.05)
    if rng.random() < 0.4:
        long, short = float(rng.uniform(6, 10)), float(rng.uniform(3.2, 5))
        spot = pose.moved(float(rng.uniform(-2, 2)), side * (width / 2 + short / 2 + 2.5))
        if claim(canvas, spot, long + 2, short + 2, 0.2):
            put_pool(canvas, spot, long, short)
            placed += 1
    return placed
