"""Airports: aircraft on an apron, cars, a terminal."""

import math

from rs2sam2.data.synthetic import aircraft as planes
from rs2sam2.data.synthetic import ground
from rs2sam2.data.synthetic.aircraft import aircraft
from rs2sam2.data.synthetic.canvas import Canvas
from rs2sam2.data.synthetic.ground import LANDS
from rs2sam2.data.synthetic.placing import anywhere, beyond, claim, hall, on_line, put_vehicle, square_turn
from rs2sam2.data.synthetic.sprite import Pose

_YELLOW = (222.0, 180.0, 60.0)


def airport(canvas: Canvas) -> None:
    """Aircraft parked on an apron of slabs or standing on a runway, with yellow guide lines, cars, a terminal."""
    rng = canvas.rng
    land = LANDS["lawn"] if rng.random() < 0.6 else LANDS["dry"]
    ground.natural(canvas, land)
    main = float(rng.uniform(0, 2 * math.pi))
    tone = float(rng.uniform(140, 196))
    offset = -float(rng.uniform(-0.12, 0.48)) * canvas.size
    slab = float(rng.uniform(5, 8)) if rng.random() < 0.75 else 0.0
    if not slab:
        tone = float(rng.uniform(84, 130))
    ground.paved(canvas, canvas.region(beyond(canvas, main, offset)), (tone, tone * 0.99, tone * 0.96), main, slab)
    sizes = {"airliner": (26.0, 46.0), "jet": (14.0, 22.0), "propeller": (8.0, 12.5), "fighter": (13.0, 19.0)}
    kinds = [kind for kind in planes.KINDS if 0.17 < sum(sizes[kind]) / 2 / canvas.extent < 0.5]
    same = str(rng.choice(kinds)) if rng.random() < 0.6 else ""
    typical = float(rng.uniform(0, 1))
    if rng.random() < 0.5:
        hall(
            canvas,
            on_line(canvas, main, offset - 0.12 * canvas.size, float(rng.uniform(-0.2, 0.2))),
            0.4 * canvas.extent,
            0.14 * canvas.extent,
        )
    goal, put = int(rng.integers(1, 10)), 0
    order = rng.random() < 0.65
    reach = float(rng.uniform(-0.65, -0.2)) * canvas.extent
    for _ in range(goal * 5):
        kind = same or str(rng.choice(kinds))
        low, high = sizes[kind]
        length = low + (high - low) * (typical if same else float(rng.random()))
        if order:
            pose = on_line(canvas, main, offset, 0.0).moved(
                reach, length * 0.62 + 2, -math.pi / 2 + float(rng.normal(0, 0.02))
            )
            reach += length * (1.06 if kind != "propeller" else 1.4) + 3
        else:
            pose = anywhere(canvas, main + square_turn(rng) + float(rng.normal(0, 0.4)), 0.0)
            # Keep to the paved side.
            side = -math.sin(main) * (pose.x - canvas.size / 2) + math.cos(main) * (pose.y - canvas.size / 2)
            if side < offset + 0.4 * length * canvas.scale:
                continue
        inside = -0.05 < pose.x / canvas.size < 1.05 and -0.05 < pose.y / canvas.size < 1.05
        span = length * {"airliner": 0.96, "jet": 0.94, "propeller": 1.3, "fighter": 0.7}[kind]
        if put < goal and inside and claim(canvas, pose, length, span, 0.5):
            _park(canvas, pose, kind, length)
            put += 1
    if order:
        taxi = ground.across(canvas, main, offset + 52 * canvas.scale)
        canvas.cover(0.8 * canvas.strokes([taxi], max(0.8, 0.3 * canvas.scale)), _YELLOW, 0.02, 0.0)
    for _ in range(int(rng.integers(0, 4))):
        pose = anywhere(canvas, main + square_turn(rng))
        put_vehicle(canvas, pose, str(rng.choice(["van", "truck", "bus", "pickup"])), 1.0)


def _park(canvas: Canvas, pose: Pose, kind: str, length: float) -> None:
    """An aircraft on its yellow guide line."""
    guide = [pose.pixels([(length * 0.42, 0.0), (-length * 1.2, 0.0)])]
    canvas.cover(0.8 * canvas.strokes(guide, max(0.8, 0.25 * canvas.scale)), _YELLOW, 0.02, 0.0)
    sprite, paint = aircraft(canvas.rng, pose, kind, length, canvas.light)
    canvas.put(sprite, "aircraft", paint)
