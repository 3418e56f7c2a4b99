"""Putting things where there is room."""

import math

import numpy as np
from numpy.typing import NDArray

from rs2sam2.data.synthetic import ground
from rs2sam2.data.synthetic.buildings import House, building
from rs2sam2.data.synthetic.canvas import Canvas
from rs2sam2.data.synthetic.sprite import Pose, rectangle
from rs2sam2.data.synthetic.tanks_pools import pool
from rs2sam2.data.synthetic.vehicles import SIZES, vehicle

_HALLS = ("white", "light tin", "gray tin", "blue", "concrete", "dark gray", "green", "faded red")


def at(canvas: Canvas, x: float, y: float, angle: float) -> Pose:
    """A pose at image pixel (x, y)."""
    return Pose(x, y, angle, canvas.scale)


def anywhere(canvas: Canvas, angle: float, outside: float = 0.04) -> Pose:
    """A random place, up to a share `outside` of the picture beyond its border."""
    x, y = canvas.rng.uniform(-outside, 1 + outside, 2) * canvas.size
    return at(canvas, float(x), float(y), angle)


def claim(canvas: Canvas, pose: Pose, length: float, width: float, gap: float) -> bool:
    """Reserve length x width metres with `gap` metres around, if that is free."""
    if not canvas.free(pose.pixels(rectangle(length + 2 * gap, width + 2 * gap))):
        return False
    canvas.take(pose.pixels(rectangle(length, width)))
    return True


def put_building(canvas: Canvas, pose: Pose, length: float, width: float, house: House, gap: float = 1.4) -> bool:
    """Add a building if there is room."""
    if not claim(canvas, pose, length, width, gap):
        return False
    sprite, paint = building(canvas.rng, pose, length, width, house, canvas.light)
    canvas.put(sprite, "building", paint)
    return True


def put_vehicle(canvas: Canvas, pose: Pose, kind: str, gap: float = 0.5) -> bool:
    """Add a vehicle of a kind of `SIZES` if there is room."""
    if not claim(canvas, pose, *SIZES[kind], gap):
        return False
    sprite, paint = vehicle(canvas.rng, pose, kind, canvas.light)
    canvas.put(sprite, "vehicle", paint)
    return True


def along_road(canvas: Canvas, angle: float, offset: float, lane: float, kind: str) -> bool:
    """Add a vehicle on a straight road through the picture, in one of its two lanes (metres beside the middle)."""
    rng = canvas.rng
    side = float(rng.choice([-1.0, 1.0]))
    reach = float(rng.uniform(-0.5, 0.5)) * canvas.size
    beside = offset + side * lane * canvas.scale
    middle = canvas.size / 2
    x = middle + math.cos(angle) * reach - math.sin(angle) * beside
    y = middle + math.sin(angle) * reach + math.cos(angle) * beside
    pose = at(canvas, x, y, angle + (math.pi if side < 0 else 0.0) + float(rng.normal(0, 0.02)))
    # Roads are kept free of buildings and trees, not of vehicles: only the picture's other vehicles are in the way.
    sprite, paint = vehicle(rng, pose, kind, canvas.light)
    canvas.put(sprite, "vehicle", paint)
    return True


def square_turn(rng: np.random.Generator) -> float:
    """A multiple of 90 degrees, in radians."""
    return float(rng.integers(4)) * math.pi / 2


def beyond(canvas: Canvas, angle: float, offset: float) -> NDArray[np.float64]:
    """Polygon of everything on the right side of a straight line through the picture."""
    first, last = (np.array(end) for end in ground.across(canvas, angle, offset))
    away = np.array([-math.sin(angle), math.cos(angle)]) * canvas.size * 1.6
    return np.stack([first, last, last + away, first + away])


def on_line(canvas: Canvas, angle: float, offset: float, share: float) -> Pose:
    """The pose on a straight line through the picture, `share` of the picture's side from its middle."""
    middle, reach = canvas.size / 2, share * canvas.size
    return at(canvas, middle - math.sin(angle) * offset + math.cos(angle) * reach,
              middle + math.cos(angle) * offset + math.sin(angle) * reach, angle)  # fmt: skip


def hall(canvas: Canvas, pose: Pose, length: float, width: float) -> bool:
    """A large shed with a low gable or a flat roof."""
    paint = str(canvas.rng.choice(_HALLS))
    flat = paint in ("concrete", "dark gray") or canvas.rng.random() < 0.2
    return put_building(
        canvas,
        pose,
        length,
        width,
        House(paint, "flat" if flat else "gable", "concrete" if flat else "tin", 0.0, 0.015),
        1.0,
    )


def central(canvas: Canvas, angle: float, margin: float) -> Pose:
    """A random place at least a share `margin` of the picture away from its border."""
    x, y = canvas.rng.uniform(margin, 1 - margin, 2) * canvas.size
    return at(canvas, float(x), float(y), angle)


def put_pool(canvas: Canvas, pose: Pose, long: float, short: float) -> None:
    """A pool on its paved deck."""
    rng = canvas.rng
    tone = float(rng.uniform(176, 214))
    ground.paved(
        canvas,
        canvas.region(pose.pixels(rectangle(long + 3, short + 3))),
        (tone, tone * 0.95, tone * 0.87),
        pose.angle,
        0.0,
    )
    sprite, paint = pool(rng, pose, long, short)
    canvas.put(sprite, "swimming pool", paint)
