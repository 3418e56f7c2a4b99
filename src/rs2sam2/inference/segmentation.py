"""The answer to one expression on one image.

Shapes: H, W height and width of the user's image in pixels.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rs2sam2.inference.extras import require_geo

if TYPE_CHECKING:
    from affine import Affine
    from matplotlib.axes import Axes
    from rasterio.crs import CRS
    from shapely.geometry import Polygon

    from rs2sam2.inference.images import RasterImage
    from rs2sam2.inference.polygons.objects import Objects
    from rs2sam2.inference.user_prompts import UserPrompts
    from rs2sam2.inference.vectorize import Part


NOTHING = "nothing here matches"


@dataclass(frozen=True)
class Weights:
    """Which weights gave an answer.

    Attributes:
        name: of the model ("nano").
        sha256: of the file with its weights, in hexadecimal.
        license: under which they may be used, an SPDX identifier where there is one.
    """

    name: str
    sha256: str
    license: str


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What an expression means in an image.

    Attributes:
        expression: as it was asked.
        mask: (H, W) True on the thing that was meant; all False when `present` is.
        probability: (H, W) float32 in 0..1, of each pixel belonging to it (whether or not it is said to be present).
        present: whether the image shows anything that the expression means.
        p_present: probability of that, 0..1.
        predicted_iou: the model's own estimate of the mask's IoU, 0..1.
        weights: what gave the answer.
        transform: the image's, pixel corner (column, row) to CRS coordinates, or None.
        crs: the image's, or None.
        valid: (H, W) where the image has data, or None for everywhere; outside, mask and probability are 0.
        warnings: what to know before trusting the answer, one sentence each.
        mask_logits: (h, w) float32, the mask on the model's own grid (see `Segmenter.mask_on_grid`); None where the
            answer does not come from one look at the image.
        origin: (column, row) of the mask's upper left pixel in the whole image, where a part of it was asked about:
            outlines in pixels are the whole image's.
        prompts: the points and the box beside the words, or None.
        pseudo_mask_logits: (h, w) float32, see `pseudo_mask`; None for weights without a mask prompt generator.
        image: that was asked about, for pictures of the answer; None where it was not kept.
    """

    expression: str
    mask: NDArray[np.bool_]
    probability: NDArray[np.float32]
    present: bool
    p_present: float
    predicted_iou: float
    weights: Weights
    transform: "Affine | None" = None
    crs: "CRS | None" = None
    valid: NDArray[np.bool_] | None = None
    warnings: tuple[str, ...] = ()
    mask_logits: NDArray[np.float32] | None = None
    origin: tuple[int, int] = (0, 0)
    prompts: "UserPrompts | None" = None
    pseudo_mask_logits: NDArray[np.float32] | None = None
    image: "RasterImage | None" = field(default=None, repr=False)

    @property
    def score(self) -> float:
        """How far to trust the mask, 0..1: `p_present` times `predicted_iou`."""
        return self.p_present * self.predicted_iou

    @cached_property
    def pseudo_mask(self) -> NDArray[np.float32] | None:
        """(H, W) float32 in 0..1: what the words alone found, before the trunk looked (eq. 5); 0 without data.

        It is as coarse as the union encoder's patches. None for weights without a mask prompt generator.
        """
        if self.pseudo_mask_logits is None:
            return None
        import torch

        from rs2sam2.preprocess import to_image_grid

        logits = torch.from_numpy(self.pseudo_mask_logits)[None, None]
        found: NDArray[np.float32] = to_image_grid(logits, *self.mask.shape)[0, 0].sigmoid().numpy()
        return found if self.valid is None else np.where(self.valid, found, np.float32(0))

    @property
    def summary(self) -> str:
        """One line for people: the score and the area, or that nothing matches."""
        if not self.present:
            return f"{NOTHING}  (present: {self.p_present:.0%})"
        area = f"{self.area_px:,} px" if self.area_m2 is None else f"{self.area_m2:,.1f} m²"
        return f"score {self.score:.2f}   {area}   {self.weights.name}"

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the image, the mask's outline, clicks and box, and what was found as the title.

        Axes count in the coordinates of the image's CRS where its rows and columns run along them, else in pixels.

        Args:
            ax: where to draw; None makes a figure.

        Returns:
            The axes, to be drawn on further.

        Raises:
            MissingExtraError: if the extra 'notebook' is not installed.
        """
        from rs2sam2.inference.plot import plot

        return plot(self, ax)

    @property
    def area_px(self) -> int:
        """Pixels in the mask."""
        return int(self.mask.sum())

    @property
    def bbox(self) -> tuple[int, int, int, int] | None:
        """(x_min, y_min, x_max, y_max) in pixels, the last two just outside the mask; None for an empty mask."""
        rows, columns = np.flatnonzero(self.mask.any(axis=1)), np.flatnonzero(self.mask.any(axis=0))
        if not len(rows):
            return None
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1

    @cached_property
    def objects(self) -> "Objects":
        """The mask's connected pieces with their measures as columns, in the order of their first pixels.

        Raises:
            MissingExtraError: if the extra 'geo' is not installed.
        """
        require_geo("making polygons")
        from rs2sam2.inference.vectorize import objects

        found = objects(self.mask, self.probability, self.transform, self.crs)
        if self.origin == (0, 0) or (self.transform is not None and self.crs is not None):
            return found
        import shapely

        return found.with_outlines(shapely.transform(found.outline, lambda points: points + self.origin))

    @cached_property
    def parts(self) -> "tuple[Part, ...]":
        """The mask's connected pieces one by one, largest first.

        Raises:
            MissingExtraError: as `objects`.
        """
        found = self.objects
        from rs2sam2.inference.vectorize import parts

        return parts(found, self.transform, self.crs)

    @property
    def polygons(self) -> "tuple[Polygon, ...]":
        """The mask's outlines, largest first: in the image's CRS, or in pixels (x right, y down) if it has none.

        Raises:
            MissingExtraError: as `parts`.
        """
        return tuple(part.polygon for part in self.parts)

    @property
    def box(self) -> tuple[float, float, float, float] | None:
        """(x_min, y_min, x_max, y_max) around `polygons`, in their coordinates; None for an empty mask.

        Raises:
            MissingExtraError: as `parts`.
        """
        bounds = np.array([polygon.bounds for polygon in self.polygons])
        if not len(bounds):
            return None
        west, south = bounds[:, :2].min(axis=0)
        east, north = bounds[:, 2:].max(axis=0)
        return float(west), float(south), float(east), float(north)

    @property
    def area_m2(self) -> float | None:
        """Square metres on the ground (geodesic); None if the image has no place on Earth."""
        if self.crs is None or self.transform is None:
            return None
        return _total([part.area_m2 for part in self.parts])

    @property
    def perimeter_m(self) -> float | None:
        """Metres around the mask's pieces and their holes (geodesic); None if the image has no place on Earth."""
        if self.crs is None or self.transform is None:
            return None
        return _total([part.perimeter_m for part in self.parts])


def _total(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) if len(known) == len(values) else None
