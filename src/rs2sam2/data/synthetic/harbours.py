"""Harbours: ports with ships and quays, marinas with boats and jetties."""

import math

import numpy as np

from rs2sam2.data.synthetic import ground
from rs2sam2.data.synthetic.buildings import House
from rs2sam2.data.synthetic.canvas import Canvas
from rs2sam2.data.synthetic.ground import LANDS
from rs2sam2.data.synthetic.placing import anywhere, beyond, claim, hall, on_line, put_building, put_vehicle
from rs2sam2.data.synthetic.ships import ship
from rs2sam2.data.synthetic.sprite import Pose, rectangle


def harbour(canvas: Canvas) -> None:
    """Water with moored and moving ships; a quay with halls and trucks, or jetties with boats."""
    rng = canvas.rng
    colours = ((44.0, 84.0, 98.0), (56.0, 98.0, 100.0), (36.0, 62.0, 86.0), (74.0, 104.0, 92.0), (60.0, 110.0, 128.0))
    ground.water(canvas, colours[int(rng.integers(len(colours)))])
    main = float(rng.uniform(0, 2 * math.pi))
    if canvas.extent < 110:
        _marina(canvas, main)
    else:
        _port(canvas, main)


def _port(canvas: Canvas, main: float) -> None:
    rng = canvas.rng
    offset = float(rng.uniform(0.0, 0.42)) * canvas.size
    land = rng.random() < 0.8
    put = 0
    if land:
        tone = float(rng.uniform(130, 184))
        canvas.cover(canvas.region(beyond(canvas, main, offset - 0.5 * canvas.scale)), (46, 48, 46))
        ground.paved(
            canvas,
            canvas.region(beyond(canvas, main, offset)),
            (tone, tone * 0.98, tone * 0.93),
            main,
            float(rng.uniform(6, 10)),
        )
        for _ in range(int(rng.integers(1, 4))):
            depth = float(rng.uniform(22, 40))
            spot = on_line(canvas, main, offset, float(rng.uniform(-0.5, 0.5))).moved(0, depth)
            hall(canvas, spot, float(rng.uniform(24, 60)), float(rng.uniform(14, 24)))
        for _ in range(int(rng.integers(0, 3))):
            put_vehicle(
                canvas, on_line(canvas, main, offset, float(rng.uniform(-0.5, 0.5))).moved(0, 7.0), "truck", 1.0
            )
        for _ in range(int(rng.integers(1, 3))):
            length = canvas.extent * float(rng.uniform(0.25, 0.75))
            turn = math.pi if rng.random() < 0.5 else 0.0
            pose = on_line(canvas, main, offset, float(rng.uniform(-0.35, 0.35))).moved(0, -length * 0.1 - 1.5, turn)
            put += _put_ship(canvas, pose, length, False)
    for _ in range(int(rng.integers(0 if put else 3, 9))):
        length = canvas.extent * float(rng.uniform(0.14, 0.55))
        pose = anywhere(canvas, main + float(rng.uniform(0, 2 * math.pi)), -0.06)
        depth = -math.sin(main) * (pose.x - canvas.size / 2) + math.cos(main) * (pose.y - canvas.size / 2)
        if not land or depth < offset - length * 0.62 * canvas.scale:
            _put_ship(canvas, pose, length, True)


def _put_ship(canvas: Canvas, pose: Pose, length: float, may_move: bool) -> int:
    """A ship of a kind that fits its length, with a wake if it is under way."""
    rng = canvas.rng
    if not claim(canvas, pose, length, length * 0.2, 2.0):
        return 0
    if length < 16:
        kind = "boat"
    elif length < 50:
        kind = str(rng.choice(["ferry", "boat" if length < 22 else "ferry", "bulk"]))
    else:
        kind = str(rng.choice(["container", "container", "tanker", "bulk"]))
    if may_move and rng.random() < 0.6:
        _wake(canvas, pose, length)
    sprite, paint = ship(rng, pose, kind, length, canvas.light)
    canvas.put(sprite, "ship", paint)
    return 1


def _wake(canvas: Canvas, pose: Pose, length: float) -> None:
    """White water at the bow and along the sides, a widening band behind."""
    trail = length * float(canvas.rng.uniform(0.8, 2.0))
    w = length * 0.09
    band = pose.pixels(
        [(-length * 0.42, -w), (-length * 0.5 - trail, -w * 1.8), (-length * 0.5 - trail, w * 1.8), (-length * 0.42, w)]
    )
    foam = np.clip(0.35 + canvas.noise({2.5: 0.3, 6.0: 0.3}), 0, 1)
    canvas.cover(0.6 * canvas.region(band, 2.0) * foam, (206, 222, 222), 0.05, 0.05)
    arms = [
        pose.pixels([(length * 0.47, 0.0), (0.0, side * w * 1.5), (-length * 0.8, side * w * 3.0)]) for side in (-1, 1)
    ]
    canvas.cover(
        0.55 * canvas.strokes(arms, max(1.5, 0.035 * length * canvas.scale), ragged=1.5) * foam, (222, 232, 232)
    )


def _marina(canvas: Canvas, main: float) -> None:
    """Wooden jetties with motor boats on both sides, some boats under way."""
    rng = canvas.rng
    shore = float(rng.uniform(0.22, 0.48)) * canvas.size
    if rng.random() < 0.7:
        land = LANDS[str(rng.choice(["lawn", "dry", "coast"]))]
        keep = canvas.ground.copy()
        ground.natural(canvas, land)
        mask = canvas.region(beyond(canvas, main, shore), 3.0)
        canvas.ground = keep + (canvas.ground - keep) * mask
        beach = canvas.strokes([ground.across(canvas, main, shore)], 2.0 * canvas.scale, 2.0)
        canvas.cover(beach, (206, 196, 170) if rng.random() < 0.6 else (150, 148, 142))
        if rng.random() < 0.6:
            place = on_line(canvas, main, shore, float(rng.uniform(-0.3, 0.3))).moved(0, 9.0)
            put_building(
                canvas, place, float(rng.uniform(8, 14)), float(rng.uniform(6, 9)), House("dark gray", "hip", "tile")
            )
        for _ in range(int(rng.integers(2, 12))):
            away = on_line(canvas, main, shore, float(rng.uniform(-0.7, 0.7))).moved(0, float(rng.uniform(5, 30)))
            canvas.plant(
                str(rng.choice(["tree", "bush", "palm"])),
                away.x,
                away.y,
                float(rng.uniform(1.2, 3.2)) * canvas.scale,
                land.leaf,
            )
    put, goal = 0, int(rng.integers(2, 11))
    typical = float(rng.uniform(7, 13))
    for jetty in range(int(rng.integers(1, 3))):
        base = on_line(canvas, main, shore, float(rng.uniform(-0.3, 0.0)) + 0.38 * jetty)
        reach = canvas.extent * float(rng.uniform(0.35, 0.6))
        deck = base.moved(0, -reach / 2)
        canvas.cover(canvas.region(deck.pixels(rectangle(2.4, reach))), (70, 72, 72))
        canvas.cover(canvas.region(deck.pixels(rectangle(2.0, reach))), (172, 156, 132), 0.06, 0.04)
        canvas.take(deck.pixels(rectangle(2.0, reach)))
        for step in np.arange(4.0, reach - 1, typical * 0.36 + 1.6):
            for side in (-1.0, 1.0):
                length = typical * float(rng.uniform(0.85, 1.15))
                pose = base.moved(side * (length / 2 + 1.4), -float(step), 0.0 if side > 0 else math.pi)
                inside = -0.03 < pose.x / canvas.size < 1.03 and -0.03 < pose.y / canvas.size < 1.03
                if put < goal and inside and rng.random() < 0.6 and claim(canvas, pose, length, length * 0.3, 0.1):
                    sprite, paint = ship(rng, pose, "boat", length, canvas.light)
                    canvas.put(sprite, "ship", paint)
                    put += 1
    for _ in range(int(rng.integers(0 if put else 1, 4))):
        pose = anywhere(canvas, float(rng.uniform(0, 2 * math.pi)), 0.0)
        depth = -math.sin(main) * (pose.x - canvas.size / 2) + math.cos(main) * (pose.y - canvas.size / 2)
        length = canvas.extent * float(rng.uniform(0.12, 0.24))
        if depth < shore - length * canvas.scale:
            _put_ship(canvas, pose, length, True)
