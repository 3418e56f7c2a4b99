"""The routes that ask the model, and those of what it found."""

import asyncio
import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from rs2sam2.inference.user_prompts import UserPrompts
from rs2sam2.serving.engine import Ticket
from rs2sam2.serving.exports import FILES, MEDIA_TYPES, attachment, export, grey_png
from rs2sam2.serving.images_api import REFUSALS, keep_upload, prepared
from rs2sam2.serving.library import Item
from rs2sam2.serving.model import Question, check
from rs2sam2.serving.picture import Picture
from rs2sam2.serving.places import Window, box_in_pixels, in_pixels, scene_window
from rs2sam2.serving.refusals import Refusal
from rs2sam2.serving.replies import options, result_reply
from rs2sam2.serving.results import Result, result_id
from rs2sam2.serving.schemas import (
    HexId,
    Measure,
    Polygons,
    ResultReply,
    SegmentRequest,
    Share,
    Simplify,
    UploadedRequest,
)
from rs2sam2.serving.service import Running, Service, unless_left

router = APIRouter(prefix="/v1", tags=["segment"], responses=REFUSALS)  # type: ignore[arg-type]

FileName = Annotated[
    Literal[
        "mask.png",
        "mask.tif",
        "overlay.png",
        "polygons.geojson",
        "polygons.gpkg",
        "polygons.fgb",
        "polygons.parquet",
        "probability.png",
        "pseudo_mask.png",
    ],
    InPath(),
]
ResultName = Annotated[HexId, InPath()]
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/SegmentRequest"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "request"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "request": {"type": "string", "description": "UploadedRequest as JSON."},
                    },
                }
            },
        },
    }
}


@router.post("/segment", openapi_extra=_BODY)
async def segment(service: Running, request: Request) -> ResultReply:
    """Find what expressions mean in an image: one that the server has (JSON), or one that is sent along (a form)."""
    asked, item = await _read(service, request)
    deadline = time.monotonic() + service.settings.limits.request_seconds
    waiting = _answer(service, asked, item, deadline)
    return await unless_left(request, waiting, deadline - time.monotonic())


@router.get("/results/{result}")
async def get_result(
    service: Running,
    result: ResultName,
    threshold: Share | None = None,
    min_area: Measure = 0,
    simplify: Simplify = 0,
    include: Annotated[str, Query(pattern="^((geojson|rle|mask)(,(geojson|rle|mask))*)?$")] = "geojson",
) -> ResultReply:
    """A result cut at another threshold: the model does not run."""
    found = service.results.find(result)
    wishes = Polygons(threshold=threshold, min_area=min_area, simplify=simplify)
    parts: set[Any] = set(include.split(","))
    return await service.work(result_reply, found, service.segmenter, wishes, parts, cached=True)


@router.delete("/results/{result}", status_code=204)
async def forget_result(service: Running, result: ResultName) -> None:
    """Forget a result."""
    service.results.remove(result)


@router.get("/results/{result}/{file}", response_class=Response)
async def get_file(
    service: Running,
    result: ResultName,
    file: FileName,
    threshold: Share | None = None,
    min_area: Measure = 0,
    simplify: Simplify = 0,
    answer: Annotated[int, Query(ge=0, le=99)] = 0,
) -> Response:
    """A result as a file. `answer` says whose probability is meant."""
    found = service.results.find(result)
    if answer >= len(found.looks):
        raise Refusal(404, f"this result has {len(found.looks)} answers: count them from 0")
    wishes = Polygons(threshold=threshold, min_area=min_area, simplify=simplify)
    content = await service.work(_content, service, found, file, wishes, answer)
    headers = {"Content-Disposition": attachment(found.item.name, file)} if file in FILES else None
    return Response(content, media_type=MEDIA_TYPES["." + file.partition(".")[2]], headers=headers)


async def _read(service: Service, request: Request) -> tuple[UploadedRequest, Item]:
    """What is asked, about which image."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "application/json":
        try:
            asked = SegmentRequest.model_validate_json(await request.body())
        except ValidationError as error:
            raise _invalid(error) from error
        return asked, await service.work(service.library.find, asked.image)
    if content_type != "multipart/form-data":
        raise Refusal(415, "send JSON (application/json), or a form with a file (multipart/form-data)")
    async with request.form(max_files=1, max_fields=4) as form:
        text = form.get("request")
        if not isinstance(text, str):
            raise Refusal(422, "the form says not what is asked: send it as the field 'request', in JSON")
        try:
            sent = UploadedRequest.model_validate_json(text)
        except ValidationError as error:
            raise _invalid(error) from error
        item, _ = await keep_upload(service, form.get("file"))
    return sent, item


async def _answer(service: Service, asked: UploadedRequest, item: Item, deadline: float) -> ResultReply:
    picture = await prepared(service, item, deadline - time.monotonic())
    result, cached = await _result(service, asked, item, picture)
    return await service.work(result_reply, result, service.segmenter, asked, asked.include, cached=cached)


async def _result(service: Service, asked: UploadedRequest, item: Item, picture: Picture) -> tuple[Result, bool]:
    window = scene_window(picture, asked.scene, asked.coordinates)
    pixels = (window[2] - window[0]) * (window[3] - window[1])
    most = service.settings.limits.scene_pixels
    if pixels * len(asked.expressions) > most:
        raise Refusal(
            413,
            f"a scene of {pixels / 1e6:.1f} megapixels, for each of {len(asked.expressions)} expressions, is more than "
            f"the limit of {most / 1e6:.0f}: choose a smaller scene, fewer expressions, or a job (POST /v1/jobs)",
        )
    question = _question(asked, picture, window)
    identifier = result_id(item, window, question)
    if (kept := service.results.get(identifier)) is not None:
        service.metrics.cached.inc()
        return kept, True
    await service.work(check, service.segmenter, question, window[2] - window[0], window[3] - window[1])
    ticket = Ticket(picture, window, question)
    service.engine.submit(ticket)
    try:
        looks = await asyncio.wrap_future(ticket.answered)
    except asyncio.CancelledError:
        service.engine.abandon(ticket)
        raise
    result = Result(identifier, item, picture, window, question, looks)
    service.results.keep(result)
    return result, False


def _question(asked: UploadedRequest, picture: Picture, window: Window) -> Question:
    x0, y0, x1, y1 = window
    points = in_pixels(picture, asked.points, asked.coordinates) - (x0, y0)
    box = None
    if asked.box is not None:
        left, upper, right, lower = box_in_pixels(picture, asked.box, asked.coordinates)
        # A hand that draws reaches beyond the edge; what is left of the box is what was meant.
        box = max(left, x0) - x0, max(upper, y0) - y0, min(right, x1) - x0, min(lower, y1) - y0
    return Question(tuple(asked.expressions), UserPrompts.of(points, asked.labels, box))


def _content(service: Service, result: Result, file: str, wishes: Polygons, answer: int) -> bytes:
    image, answers = result.answers(service.segmenter, wishes.threshold)
    if file == "pseudo_mask.png":
        found = answers[answer].pseudo_mask
        if found is None:
            raise Refusal(404, "these weights have no mask prompt generator: there is no pseudo-mask")
        return grey_png(found)
    if file == "probability.png":
        return grey_png(answers[answer].probability)
    return export(file, image, answers, options(wishes))


def _invalid(error: ValidationError) -> RequestValidationError:
    found = error.errors(include_context=False, include_url=False, include_input=False)
    return RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in found])
