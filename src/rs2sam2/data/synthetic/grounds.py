"""Tank farms and sports grounds."""

import math

from rs2sam2.data.synthetic import ground
from rs2sam2.data.synthetic.buildings import House
from rs2sam2.data.synthetic.canvas import Canvas
from rs2sam2.data.synthetic.courts import basketball_court, tennis_court
from rs2sam2.data.synthetic.ground import LANDS
from rs2sam2.data.synthetic.placing import (
    along_road,
    anywhere,
    at,
    central,
    claim,
    hall,
    put_building,
    put_pool,
    put_vehicle,
    square_turn,
)
from rs2sam2.data.synthetic.sprite import circle, rectangle
from rs2sam2.data.synthetic.tanks_pools import storage_tank


def industry(canvas: Canvas) -> None:
    """Storage tanks in bunds, pipes, halls, trucks, a road."""
    rng = canvas.rng
    land = LANDS["dry"] if rng.random() < 0.6 else LANDS["lawn"]
    ground.natural(canvas, land)
    main = float(rng.uniform(0, 2 * math.pi))
    tone = float(rng.uniform(126, 178))
    if rng.random() < 0.7:
        yard = at(canvas, canvas.size / 2, canvas.size / 2, main).pixels(
            rectangle(canvas.extent * 0.95, canvas.extent * float(rng.uniform(0.7, 1.0)))
        )
        ground.paved(canvas, canvas.region(yard), (tone, tone * 0.97, tone * 0.9), main, 0.0)
    offset = float(rng.choice([-1, 1]) * rng.uniform(0.32, 0.46)) * canvas.size
    line = ground.through(canvas, main, offset)
    ground.road(canvas, line, 6.5, rng.random() < 0.5, float(rng.uniform(84, 130)))
    radius = canvas.extent * float(rng.uniform(0.05, 0.13))
    pitch = radius * float(rng.uniform(2.5, 3.4))
    origin = central(canvas, main, 0.3)
    count, put = int(rng.integers(1, 10)), 0
    columns = max(1, round(math.sqrt(count)))
    pipes = []
    for index in range(count):
        pose = origin.moved((index % columns - (columns - 1) / 2) * pitch, (index // columns - 1) * pitch)
        size = radius * (float(rng.uniform(0.6, 1.0)) if rng.random() < 0.4 else 1.0)
        if not canvas.free(pose.pixels(circle(size * 1.1))):
            continue
        canvas.take(pose.pixels(circle(size * 1.1)))
        if rng.random() < 0.9:
            bund = pose.pixels([*rectangle(pitch * 0.96, pitch * 0.96), rectangle(pitch * 0.96, pitch * 0.96)[0]])
            canvas.cover(0.5 * canvas.region(bund), (land.pale[0] * 0.9, land.pale[1] * 0.9, land.pale[2] * 0.88))
            ground.wall(canvas, [bund], (186, 180, 168), 1.0, 0.5)
        pipes.append(pose.pixels([(size * 0.9, 0.2 * size), (pitch / 2, 0.2 * size), (pitch / 2, pitch)]))
        sprite, paint = storage_tank(rng, pose, size, canvas.light)
        canvas.put(sprite, "storage tank", paint)
        put += 1
    if pipes:
        canvas.cover(0.9 * canvas.strokes(pipes, max(1.0, 0.5 * canvas.scale)), (196, 194, 190), 0.02, 0.02)
    for _ in range(int(rng.integers(0, 4))):
        hall(canvas, anywhere(canvas, main + square_turn(rng)), float(rng.uniform(14, 40)), float(rng.uniform(9, 20)))
    for _ in range(int(rng.integers(0, 3))):
        put_vehicle(
            canvas, anywhere(canvas, main + square_turn(rng)), str(rng.choice(["truck", "truck", "car", "van"])), 1.0
        )
    if rng.random() < 0.6:
        along_road(canvas, main, offset, 1.6, "truck")
    ground.overgrow(canvas, land, int(rng.integers(0, 26)), (1.2, 3.6), gathered=True)


def sports_ground(canvas: Canvas) -> None:
    """Tennis and basketball courts in a park, with paths, a club house, a pool, parked cars."""
    rng = canvas.rng
    land = LANDS["lawn"] if rng.random() < 0.8 else LANDS["dry"]
    ground.natural(canvas, land)
    main = float(rng.uniform(0, math.pi))
    start, end = ground.across(
        canvas, main + float(rng.choice([0, math.pi / 2])), float(rng.uniform(-0.45, 0.45)) * canvas.size
    )
    ground.path(canvas, land, ground.curve(canvas, start, end, 0.05 * canvas.size), 2.2)
    goal, put = int(rng.integers(1, 7)), 0
    tennis = float(rng.choice([0.15, 0.5, 0.9]))
    row = central(canvas, main + square_turn(rng), 0.25)
    for index in range(goal * 3):
        if put >= goal:
            break
        pose = (
            row.moved(0, (index - goal / 2) * 19.5)
            if index < goal and goal > 1
            else anywhere(canvas, main + square_turn(rng), 0.0)
        )
        inside = 0.0 < pose.x / canvas.size < 1.0 and 0.0 < pose.y / canvas.size < 1.0
        if not inside or not claim(canvas, pose, 35.5, 18, 0.6):
            continue
        if rng.random() < tennis:
            sprite, paint = tennis_court(rng, pose, canvas.light)
            canvas.put(sprite, "tennis court", paint)
        else:
            sprite, paint = basketball_court(rng, pose)
            canvas.put(sprite, "basketball court", paint)
        if rng.random() < 0.5:
            fence = pose.pixels([*rectangle(36.5, 18.6), rectangle(36.5, 18.6)[0]])
            canvas.cover(0.6 * canvas.strokes([fence], max(0.8, 0.15 * canvas.scale)), (84, 88, 84))
        put += 1
    if rng.random() < 0.4:
        pose = anywhere(canvas, main + square_turn(rng))
        if claim(canvas, pose, 29, 16, 1.0):
            put_pool(canvas, pose, 25.0, float(rng.choice([10.0, 12.5])))
    for _ in range(int(rng.integers(0, 3))):
        house = House(
            str(rng.choice(["white", "dark gray", "brick red", "blue", "concrete"])),
            str(rng.choice(["gable", "hip"])),
            "tin",
            0.0,
            0.015,
        )
        put_building(
            canvas,
            anywhere(canvas, main + square_turn(rng)),
            float(rng.uniform(9, 20)),
            float(rng.uniform(7, 11)),
            house,
        )
    for _ in range(int(rng.integers(0, 5))):
        put_vehicle(
            canvas, anywhere(canvas, main + square_turn(rng)), str(rng.choice(["car", "car", "van", "bus"])), 1.0
        )
    ground.overgrow(canvas, land, int(rng.integers(5, 40)), (1.4, 4.2), gathered=bool(rng.random() < 0.5))
