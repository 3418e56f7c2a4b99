"""From a random generator to a `Scene`: choose a world, draw it, photograph it."""

import math
from typing import Final

import numpy as np

from rs2sam2.data.scene import Scene
from rs2sam2.data.synthetic import sensor
from rs2sam2.data.synthetic.canvas import Canvas
from rs2sam2.data.synthetic.sprite import Light
from rs2sam2.data.synthetic.worlds import WORLDS
from rs2sam2.errors import DataError

CATEGORIES: Final = (
    "building",
    "aircraft",
    "ship",
    "storage tank",
    "tennis court",
    "basketball court",
    "vehicle",
    "swimming pool",
)


SMALLEST = 96
"""Side of the smallest picture worth rendering, in pixels: in smaller ones no thing is large enough to be meant."""


def render_scene(rng: np.random.Generator, size: int = 512) -> Scene:
    """Draw an aerial photograph, seen from straight above, with what is in it.

    Args:
        rng: decides everything; the same state gives the same scene.
        size: side of the square picture in pixels.

    Returns:
        A scene with (size, size, 3) uint8 RGB pixels, an instance map of what is visible of each thing, 1 to about 14
        things (none is named that is smaller than 0.12 % of the picture or less than 60 % visible) and every
        category of `CATEGORIES` that is not in it as `absent`.

    Raises:
        DataError: if `size` is below `SMALLEST`.
    """
    if size < SMALLEST:
        raise DataError(f"a scene of {size} pixels a side shows nothing: render at least {SMALLEST}")
    weights = np.array([world.weight for world in WORLDS])
    while True:
        world = WORLDS[int(rng.choice(len(WORLDS), p=weights / weights.sum()))]
        low, high = world.extent
        extent = math.exp(rng.uniform(math.log(low), math.log(high)))
        canvas = Canvas(rng, size, size / extent, _light(rng))
        world.draw(canvas)
        image, labels, things = canvas.finished()
        if any(thing.referable for thing in things):
            break
    pixels = sensor.photographed(rng, np.asarray(image))
    present = {thing.category for thing in things}
    return Scene(pixels, labels, things, frozenset(CATEGORIES) - present)


def _light(rng: np.random.Generator) -> Light:
    """A clear or a hazy day at some hour."""
    clear = float(rng.uniform(0, 1))
    return Light(
        azimuth=float(rng.uniform(0, 2 * math.pi)),
        reach=float(rng.uniform(0.25, 0.85)),
        contrast=0.05 + 0.2 * clear,
        darkness=0.72 - 0.38 * clear,
    )
