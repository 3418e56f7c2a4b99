"""What requests may say and what is answered, for checking and for the OpenAPI document."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from rs2sam2.errors import ExpressionError
from rs2sam2.inference.language import check_expressions
from rs2sam2.serving.settings import Limits

_LIMITS = Limits()
FARTHEST = 1e9
"""From zero, of a coordinate."""


def _spoken(expression: str) -> str:
    try:
        check_expressions([expression])
    except ExpressionError as error:
        raise ValueError(str(error)) from error
    return expression


Expression = Annotated[str, Field(min_length=1, max_length=_LIMITS.expression_characters), AfterValidator(_spoken)]
Expressions = Annotated[list[Expression], Field(min_length=1, max_length=_LIMITS.expressions)]
Coordinate = Annotated[FiniteFloat, Field(ge=-FARTHEST, le=FARTHEST)]
Point = Annotated[list[Coordinate], Field(min_length=2, max_length=2)]
Box = Annotated[list[Coordinate], Field(min_length=4, max_length=4)]
Share = Annotated[FiniteFloat, Field(ge=0, le=1)]
Measure = Annotated[FiniteFloat, Field(ge=0, le=1e12)]
Simplify = Annotated[FiniteFloat, Field(ge=0, le=1000)]
Part = Literal["geojson", "rle", "mask"]
ImageId = Annotated[str, Field(pattern="^[ru]-[0-9a-f]{16,32}$")]
HexId = Annotated[str, Field(pattern="^[0-9a-f]{8,32}$")]


class Strict(BaseModel):
    """Knows all its fields."""

    model_config = ConfigDict(extra="forbid")


class Polygons(Strict):
    """How answers become polygons."""

    threshold: Share | None = Field(
        None, description="A pixel is in where its probability is above; null: the weights' own."
    )
    min_area: Measure = Field(
        0, description="Smaller polygons are left out: square metres, pixels without a place on Earth."
    )
    simplify: Simplify = Field(0, description="Tolerance in pixels; 0 keeps to the pixels' edges.")


class SceneRequest(Polygons):
    """What is asked about which part of an image."""

    expressions: Expressions
    scene: Box | None = Field(None, description="x0, y0, x1, y1 of the part to look at; null: the whole image.")
    coordinates: Literal["pixels", "lonlat"] = "pixels"


class UploadedRequest(SceneRequest):
    """What is asked about an image that comes with the request."""

    points: list[Point] = Field([], max_length=_LIMITS.points)
    labels: list[Literal[0, 1]] = Field([], max_length=_LIMITS.points, description="1: this, too; 0: not this.")
    box: Box | None = Field(None, description="x0, y0, x1, y1 around the thing.")
    include: list[Part] = Field(["geojson"], max_length=8)

    @model_validator(mode="after")
    def _labelled(self) -> "UploadedRequest":
        if len(self.points) != len(self.labels):
            raise ValueError(f"{len(self.points)} points and {len(self.labels)} labels: each point has one label")
        if (self.points or self.box) and len(self.expressions) > 1:
            raise ValueError("points and a box belong to one expression: ask for one at a time")
        return self


class SegmentRequest(UploadedRequest):
    """What is asked about an image that the server has."""

    image: ImageId


class JobRequest(SceneRequest):
    """A whole raster, or a large part of it."""

    image: ImageId


class CorrectionRequest(Strict):
    """A mask to be kept."""

    result: HexId
    answer: int = Field(0, ge=0, lt=_LIMITS.expressions)
    threshold: Share | None = None
    category: Annotated[str, Field(min_length=1, max_length=60), AfterValidator(_spoken)] = "thing"


class ErrorBody(BaseModel):
    """Why a request was refused."""

    type: str
    message: str
    details: list[dict[str, str]] | None = None


class Error(BaseModel):
    """Every refusal."""

    error: ErrorBody


class Tiles(BaseModel):
    """Address of map tiles."""

    url: str
    minzoom: int
    maxzoom: int
    tile_size: int


class TileSets(BaseModel):
    """In pixel space, and in web mercator where there is a place on Earth."""

    pixels: Tiles
    mercator: Tiles | None


class ImageReply(BaseModel):
    """An image by its id. What is not known before it is prepared is null."""

    id: str
    name: str
    kind: Literal["raster", "upload"]
    state: Literal["new", "preparing", "ready", "failed"]
    progress: float
    error: str | None
    width: int | None = None
    height: int | None = None
    bands: int | None = None
    dtype: str | None = None
    crs: str | None = None
    transform: list[float] | None = None
    bounds: list[float] | None = None
    metres_per_pixel: float | None = None
    tiles: TileSets | None = None


class ImagesReply(BaseModel):
    """All images."""

    images: list[ImageReply]


class AnswerReply(BaseModel):
    """What one expression means."""

    expression: str
    present: bool
    p_present: float
    predicted_iou: float
    score: float
    area_px: int
    area_m2: float | None
    perimeter_m: float | None
    parts: int | None
    bbox: list[int] | None
    message: str | None
    warnings: list[str]
    rle: dict[str, Any] | None = None
    mask: str | None = None


class WeightsReply(BaseModel):
    """Which weights gave an answer."""

    name: str
    sha256: str
    license: str


class ResultReply(BaseModel):
    """Answers about one scene."""

    id: str
    image: str
    width: int
    height: int
    scene: list[int]
    corners: list[list[float]] | None
    crs: str | None
    threshold: float
    points: list[list[float]]
    labels: list[int]
    box: list[float] | None
    answers: list[AnswerReply]
    geojson: dict[str, Any] | None
    weights: WeightsReply
    command: str
    cached: bool
    files: dict[str, str]


class FileReply(BaseModel):
    """A file of a job."""

    name: str
    bytes: int
    type: str
    url: str


class JobAnswerReply(BaseModel):
    """What one expression means in a whole raster."""

    expression: str
    present: bool
    p_present: float
    area_px: int
    area_m2: float | None
    parts: int


class JobReply(BaseModel):
    """A long run."""

    id: str
    image: str
    expressions: list[str]
    scene: list[int]
    threshold: float | None
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: float
    created: str
    seconds: float
    seconds_left: float | None
    error: str | None
    answers: list[JobAnswerReply]
    files: list[FileReply]
    tiles: TileSets | None
    command: str


class JobsReply(BaseModel):
    """All jobs, newest first."""

    jobs: list[JobReply]


class CorrectionReply(BaseModel):
    """A mask that is kept."""

    id: str
    image: str
    name: str
    expression: str
    category: str
    area_px: int
    count: int


class CorrectionsReply(BaseModel):
    """All that are kept."""

    corrections: list[CorrectionReply]
    count: int


class StatusReply(BaseModel):
    """How the server is."""

    status: str
