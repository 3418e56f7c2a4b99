"""What a user can say about polygons."""

from dataclasses import dataclass

from rs2sam2.errors import ConfigError


@dataclass(frozen=True)
class PolygonOptions:
    """What polygons are made like.

    Attributes:
        min_area: smaller objects are left out; square metres, or pixels without a place on Earth.
        simplify: tolerance in pixels, 0 to keep to the pixels' edges.
        exclusive: whether the masks do not overlap, so that borders between expressions are kept shared, too.

    Raises:
        ConfigError: if a number is negative or none.
    """

    min_area: float = 0.0
    simplify: float = 0.0
    exclusive: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        for name, value in (("min_area", self.min_area), ("simplify", self.simplify)):
            if not 0 <= value < float("inf"):
                raise ConfigError(f"{name} {value}: give 0 or more")


AS_FOUND = PolygonOptions()
"""Everything, along the pixels' edges."""
