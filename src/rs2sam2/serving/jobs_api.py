"""Routes of long runs."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse, StreamingResponse

from rs2sam2.serving.exports import MEDIA_TYPES, attachment
from rs2sam2.serving.image_replies import tile_sets
from rs2sam2.serving.images_api import REFUSALS, Space, TileNumber, Zoom, prepared
from rs2sam2.serving.jobs import FINAL, Job
from rs2sam2.serving.mask_tiles import mask_tile
from rs2sam2.serving.model import Question, check
from rs2sam2.serving.places import scene_window
from rs2sam2.serving.refusals import Refusal
from rs2sam2.serving.replies import command, options
from rs2sam2.serving.schemas import FileReply, HexId, JobReply, JobRequest, JobsReply, Polygons
from rs2sam2.serving.service import Running, Service
from rs2sam2.serving.whole_raster import FILES, MASK, Order

JobName = Annotated[HexId, InPath()]

_LOOK_SECONDS = 0.2
_QUIET_SECONDS = 15.0

router = APIRouter(prefix="/v1/jobs", tags=["jobs"], responses=REFUSALS)  # type: ignore[arg-type]


@router.post("", status_code=202)
async def start(service: Running, asked: JobRequest, response: Response) -> JobReply:
    """Look for expressions in a whole raster: it takes a while."""
    item = await service.work(service.library.find, asked.image)
    picture = await prepared(service, item, service.settings.limits.request_seconds)
    window = scene_window(picture, asked.scene, asked.coordinates)
    question = Question(tuple(asked.expressions))
    await service.work(check, service.segmenter, question, picture.width, picture.height)
    order = Order(picture, window, question.expressions, asked.threshold, options(asked))
    job = service.jobs.add(item, order)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return job_reply(job)


@router.get("")
async def list_jobs(service: Running) -> JobsReply:
    """All jobs, newest first."""
    return JobsReply(jobs=[job_reply(job) for job in service.jobs.all()])


@router.get("/{job}")
async def get_job(service: Running, job: JobName) -> JobReply:
    """How a job stands."""
    return job_reply(service.jobs.find(job))


@router.delete("/{job}", status_code=202, response_model=JobReply, responses={204: {"description": "Forgotten."}})
async def cancel(service: Running, job: JobName) -> JobReply | Response:
    """Cancel a job that waits or runs (202); forget one that has ended (204)."""
    found = service.jobs.find(job)
    return Response(status_code=204) if service.jobs.cancel(found) else job_reply(found)


@router.get(
    "/{job}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def events(service: Running, job: JobName) -> StreamingResponse:
    """A job's changes as server-sent events, until it has ended."""
    found = service.jobs.find(job)
    return StreamingResponse(_events(service, found), media_type="text/event-stream")


@router.get("/{job}/files/{name}", response_class=FileResponse)
async def get_file(
    service: Running, job: JobName, name: Annotated[str, InPath(pattern="^[a-z]+[.][a-z]+$")]
) -> FileResponse:
    """A file of a job that is done."""
    found = _done(service, job)
    if name not in FILES:
        raise Refusal(404, f"this job has the files {', '.join(FILES)}")
    headers = {"Content-Disposition": attachment(found.item.name, name)}
    return FileResponse(found.folder / name, media_type=MEDIA_TYPES["." + name.partition(".")[2]], headers=headers)


@router.get("/{job}/tiles/{space}/{z}/{x}/{y}.png", response_class=Response)
async def tile(
    service: Running,
    job: JobName,
    space: Space,
    z: Zoom,
    x: TileNumber,
    y: TileNumber,
    answer: Annotated[int, Query(ge=0, le=99)] = 0,
    colour: Annotated[str, Query(pattern="^[0-9a-fA-F]{6}$")] = "ffcc00",
) -> Response:
    """A map tile of a mask in one colour, transparent elsewhere."""
    found = _done(service, job)
    if answer >= len(found.answers):
        raise Refusal(404, f"this job has {len(found.answers)} answers: count them from 0")
    content = await service.tile(mask_tile, found.order, found.folder / MASK, space, (z, x, y), answer, colour)
    return Response(content, media_type="image/png", headers={"Cache-Control": "private, max-age=3600"})


def job_reply(job: Job) -> JobReply:
    """How a job stands."""
    order, done = job.order, job.state == "done"
    wishes = Polygons(threshold=order.threshold, min_area=order.polygons.min_area, simplify=order.polygons.simplify)
    base = f"/v1/jobs/{job.id}"
    return JobReply(
        id=job.id,
        image=job.item.id,
        expressions=list(order.expressions),
        scene=list(order.window),
        threshold=order.threshold,
        state=job.state,
        progress=job.progress,
        created=job.created.isoformat(timespec="seconds").replace("+00:00", "Z"),
        seconds=job.seconds,
        seconds_left=job.seconds_left,
        error=job.error,
        answers=list(job.answers) if done else [],
        files=_files(job) if done else [],
        tiles=tile_sets(order.picture, f"{base}/tiles", "?answer={answer}&colour={rrggbb}") if done else None,
        command=command(job.item.name, order.picture, order.window, Question(order.expressions), wishes),
    )


def _files(job: Job) -> list[FileReply]:
    return [
        FileReply(
            name=path.name,
            bytes=path.stat().st_size,
            type=MEDIA_TYPES[path.suffix],
            url=f"/v1/jobs/{job.id}/files/{path.name}",
        )
        for path in (job.folder / name for name in FILES)
        if path.is_file()
    ]


def _done(service: Service, identifier: str) -> Job:
    job = service.jobs.find(identifier)
    if job.state in FINAL and job.state != "done":
        raise Refusal(404, f"this job has no files: it is {job.state}")
    if job.state != "done":
        raise Refusal(409, f"this job is {job.state}: wait for its end", retry_after=2)
    return job


async def _events(service: Service, job: Job) -> AsyncIterator[str]:
    seen, quiet = -1, 0.0
    while True:
        version, ended = job.version, job.state in FINAL
        if version != seen:
            seen, quiet = version, 0.0
            yield f"id: {version}\nevent: job\ndata: {job_reply(job).model_dump_json()}\n\n"
        if ended or service.stopping:
            return
        await asyncio.sleep(_LOOK_SECONDS)
        quiet += _LOOK_SECONDS
        if quiet >= _QUIET_SECONDS:
            quiet = 0.0
            yield ": keep-alive\n\n"
