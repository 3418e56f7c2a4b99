"""The kinds of scenes, how often each is drawn and how many metres it spans."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rs2sam2.data.synthetic.airports import airport
from rs2sam2.data.synthetic.canvas import Canvas
from rs2sam2.data.synthetic.car_parks import car_park
from rs2sam2.data.synthetic.grounds import industry, sports_ground
from rs2sam2.data.synthetic.harbours import harbour
from rs2sam2.data.synthetic.settlements import suburb, village


@dataclass(frozen=True)
class World:
    """A kind of scene: what draws it, its relative frequency, the range of its side in metres."""

    draw: Callable[[Canvas], None]
    weight: float
    extent: tuple[float, float]


WORLDS: Final = (
    World(village, 0.34, (24.0, 72.0)),
    World(suburb, 0.13, (34.0, 78.0)),
    World(airport, 0.11, (30.0, 150.0)),
    World(harbour, 0.12, (36.0, 210.0)),
    World(industry, 0.10, (60.0, 150.0)),
    World(sports_ground, 0.12, (50.0, 120.0)),
    World(car_park, 0.08, (24.0, 44.0)),
)
