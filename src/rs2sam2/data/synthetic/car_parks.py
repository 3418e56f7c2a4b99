"""Car parks."""

import math

import numpy as np

from rs2sam2.data.synthetic import ground
from rs2sam2.data.synthetic.buildings import House
from rs2sam2.data.synthetic.canvas import Canvas
from rs2sam2.data.synthetic.ground import LANDS
from rs2sam2.data.synthetic.placing import central, put_building, put_vehicle
from rs2sam2.data.synthetic.sprite import rectangle


def car_park(canvas: Canvas) -> None:
    """Asphalt with marked bays, some of them taken; trees and a building at the edge."""
    rng = canvas.rng
    land = LANDS["lawn"] if rng.random() < 0.7 else LANDS["dry"]
    ground.natural(canvas, land)
    main = float(rng.uniform(0, math.pi))
    pose = central(canvas, main, 0.4)
    rows, bay, deep, aisle = int(rng.integers(1, 3)), 2.6, 5.2, 6.5
    half = canvas.extent * float(rng.uniform(0.36, 0.8))
    total = rows * (2 * deep + aisle)
    tone = float(rng.uniform(78, 150))
    surface = canvas.region(pose.pixels(rectangle(2 * half, total + 1.5)))
    ground.paved(canvas, surface, (tone, tone, tone + 2), main, 0.0)
    marks, cars = [], 0
    full = float(rng.uniform(0.25, 0.8))
    bays = []
    for block in range(rows):
        middle = (block - (rows - 1) / 2) * (2 * deep + aisle)
        for side in (-1.0, 1.0):
            inner, outer = middle + side * aisle / 2, middle + side * (aisle / 2 + deep)
            for x in np.arange(-half + 0.5, half - bay, bay):
                marks.append(pose.pixels([(x, inner), (x, outer)]))
                bays.append((float(x) + bay / 2, (inner + outer) / 2, side))
            marks.append(pose.pixels([(-half + 0.5, outer), (half - 0.5, outer)]))
    canvas.cover(0.85 * canvas.strokes(marks, max(0.9, 0.12 * canvas.scale)), (228, 228, 222), 0.03, 0.0)
    limit = int(rng.integers(4, 15))
    for index in rng.permutation(len(bays)):
        x, y, side = bays[int(index)]
        spot = pose.moved(x, y + float(rng.normal(0, 0.15)), side * math.pi / 2 * (1 if rng.random() < 0.7 else -1))
        inside = -0.02 < spot.x / canvas.size < 1.02 and -0.02 < spot.y / canvas.size < 1.02
        if cars < limit and inside and rng.random() < full:
            cars += put_vehicle(canvas, spot, str(rng.choice(["car", "car", "car", "van", "pickup"])), 0.0)
    canvas.take(pose.pixels(rectangle(2 * half, total)))
    if rng.random() < 0.5:
        long = float(rng.uniform(14, 26))
        house = House(str(rng.choice(["concrete", "dark concrete", "white", "dark gray"])), "flat", "concrete")
        side = float(rng.choice([-1.0, 1.0]))
        put_building(canvas, pose.moved(float(rng.uniform(-10, 10)), side * (total / 2 + 8)), long, 11.0, house)
    ground.overgrow(canvas, land, int(rng.integers(4, 22)), (1.0, 2.8), gathered=False)
