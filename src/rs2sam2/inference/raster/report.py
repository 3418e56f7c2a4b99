"""What a run over a raster has found."""

from dataclasses import dataclass
from typing import Literal

from rs2sam2.inference.outputs.targets import Target
from rs2sam2.inference.scope import ScopeChoice
from rs2sam2.inference.segmentation import Weights


@dataclass(frozen=True)
class Found:
    """What was found of one expression.

    Attributes:
        expression: as it was asked.
        present: whether any pixel is meant.
        p_present: 0..1, the highest of the tiles'.
        predicted_iou: 0..1, that tile's own estimate of its mask's IoU.
        area_px: pixels in the mask.
        bbox: (x_min, y_min, x_max, y_max) in pixels, the last two just outside; None for an empty mask.
        parts: polygons that were written; None where none were asked for, and so the next two.
        area_m2: of these, geodesic, on the ground; None without a place on Earth.
        perimeter_m: likewise.
    """

    expression: str
    present: bool
    p_present: float
    predicted_iou: float
    area_px: int
    bbox: tuple[int, int, int, int] | None
    parts: int | None = None
    area_m2: float | None = None
    perimeter_m: float | None = None

    @property
    def score(self) -> float:
        """`p_present` times `predicted_iou`."""
        return self.p_present * self.predicted_iou


@dataclass(frozen=True)
class FailedTile:
    """A tile that could not be read, however often it was tried.

    Attributes:
        row: of tiles, from 0.
        column: of tiles, from 0.
        box: (left, top, right, bottom) in raster pixels.
        reason: in one line.
    """

    row: int
    column: int
    box: tuple[int, int, int, int]
    reason: str


@dataclass(frozen=True)
class RasterReport:
    """A finished run.

    Attributes:
        source: the raster, as it was named.
        width: pixels of the part that was looked at.
        height: pixels.
        crs: authority and code, WKT, or None.
        results: one for each expression.
        targets: what was written.
        failed: tiles that could not be read; where only these lie, outputs have no data. The journal stays, so that
            the same command, allowed to overwrite, tries these again and no others.
        tiles: that the raster has.
        scopes: what each expression was taken to speak of, and why.
        empty: of these without data.
        dropped: questions to tiles that the union encoder alone has answered with "nothing there", in this run.
        reused: of these from the journal of a run before.
        gsd: metres on the ground of a working pixel, or None.
        seconds: that it took.
        weights: what answered.
        warnings: what to know before trusting the answer, one sentence each.
    """

    source: str
    width: int
    height: int
    crs: str | None
    results: tuple[Found, ...]
    targets: tuple[Target, ...]
    failed: tuple[FailedTile, ...]
    tiles: int
    scopes: tuple[ScopeChoice, ...]
    empty: int
    dropped: int
    reused: int
    gsd: float | None
    seconds: float
    weights: Weights
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        phase: "tiles" while they are looked at, "writing" after the last.
        done: tiles, those of a run before included.
        total: tiles.
        pixels_per_second: of the raster, since this run began; 0 at first.
        seconds_left: None while nobody knows.
    """

    phase: Literal["tiles", "writing"]
    done: int
    total: int
    pixels_per_second: float
    seconds_left: float | None
