"""`--point`, `--box` and `--coordinates`: text, read before anything is opened."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from rs2sam2.errors import PromptError

if TYPE_CHECKING:
    from rs2sam2.inference.images import RasterImage
    from rs2sam2.inference.map_points import Coordinates
    from rs2sam2.inference.user_prompts import UserPrompts


@dataclass(frozen=True)
class PromptOptions:
    """What was given, in the coordinates in which it was given.

    Attributes:
        points: (x, y), as often as `--point` came.
        labels: of each, 1 or 0.
        box: four numbers, or none.
        coordinates: of points and box.
    """

    points: Sequence[Sequence[float]] = ()
    labels: Sequence[int] = ()
    box: Sequence[float] | None = None
    coordinates: "Coordinates" = "pixels"

    @classmethod
    def parse(
        cls, points: Sequence[str], box: str | None, coordinates: "Coordinates", expressions: Sequence[str]
    ) -> Self:
        """Read `X,Y`, `X,Y,1` or `X,Y,0` for each point, and `X0,Y0,X1,Y1`.

        Raises:
            PromptError: if one is written otherwise, or there are several expressions.
        """
        if (points or box is not None) and len(expressions) > 1:
            raise PromptError(f"--point and --box with {len(expressions)} expressions: they belong to one")
        split = [text.split(",") for text in points]
        for text, parts in zip(points, split, strict=True):
            if len(parts) not in (2, 3) or parts[2:] not in ([], ["0"], ["1"]):
                raise PromptError(f"--point {text!r}: write X,Y for what belongs to the thing, X,Y,0 for what does not")
        return cls(
            [_numbers(parts[:2], "--point", text) for text, parts in zip(points, split, strict=True)],
            [int(parts[2]) if len(parts) == 3 else 1 for parts in split],
            None if box is None else _box(box),
            coordinates,
        )

    def on(self, image: "RasterImage") -> "UserPrompts | None":
        """On the pixels of an image.

        Raises:
            PromptError: if something lies outside, or the image has no such coordinates.
        """
        from rs2sam2.inference.map_points import box_to_pixels, to_pixels
        from rs2sam2.inference.user_prompts import UserPrompts

        box = None if self.box is None else box_to_pixels(image, self.box, self.coordinates)
        prompts = UserPrompts.of(to_pixels(image, self.points, self.coordinates), self.labels, box)
        if prompts is not None:
            prompts.check_inside(image.width, image.height)
        return prompts


def _box(text: str) -> Sequence[float]:
    parts = text.split(",")
    if len(parts) != 4:
        raise PromptError(f"--box {text!r}: write X0,Y0,X1,Y1")
    return _numbers(parts, "--box", text)


def _numbers(parts: Sequence[str], option: str, text: str) -> Sequence[float]:
    try:
        return [float(part) for part in parts]
    except ValueError as error:
        raise PromptError(f"{option} {text!r}: these are no numbers") from error
