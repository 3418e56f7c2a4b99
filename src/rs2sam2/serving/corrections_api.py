"""Routes of masks that are kept."""

import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse
from starlette.background import BackgroundTask

from rs2sam2.serving.corrections import Correction
from rs2sam2.serving.images_api import REFUSALS
from rs2sam2.serving.kept_dataset import write_dataset, zipped
from rs2sam2.serving.refusals import Refusal
from rs2sam2.serving.schemas import CorrectionReply, CorrectionRequest, CorrectionsReply
from rs2sam2.serving.service import Running, Service

router = APIRouter(prefix="/v1/corrections", tags=["corrections"], responses=REFUSALS)  # type: ignore[arg-type]


@router.post("", status_code=201)
async def keep(service: Running, asked: CorrectionRequest) -> CorrectionReply:
    """Keep a mask of a result, as cut at a threshold, with the pixels and the words that it belongs to."""
    return await service.work(_keep, service, asked)


@router.get("")
async def list_kept(service: Running) -> CorrectionsReply:
    """All that are kept."""
    kept = service.corrections.all()
    return CorrectionsReply(corrections=[_reply(one, len(kept)) for one in kept], count=len(kept))


@router.delete("/{correction}", status_code=204)
async def forget(service: Running, correction: Annotated[str, InPath(pattern="^c-[0-9a-f]{24}$")]) -> None:
    """Forget one."""
    await service.work(service.corrections.remove, correction)


@router.get("/dataset.zip", response_class=Response)
async def dataset(
    service: Running,
    val: Annotated[float, Query(ge=0, lt=1)] = 0.2,
    test: Annotated[float, Query(ge=0, lt=1)] = 0.0,
) -> FileResponse:
    """All that is kept as a data set, which `rs2sam2 data check oam-ref` and `rs2sam2 train` read."""
    if not service.corrections.all():
        raise Refusal(404, "no mask is kept yet")
    folder = tempfile.TemporaryDirectory(prefix="rs2sam2-kept-")
    try:
        path = await service.work(_pack, service, Path(folder.name), val, test)
    except BaseException:
        folder.cleanup()
        raise
    return FileResponse(
        path,
        media_type="application/zip",
        filename="rs2sam2_kept.zip",
        background=BackgroundTask(folder.cleanup),
    )


def _keep(service: Service, asked: CorrectionRequest) -> CorrectionReply:
    result = service.results.find(asked.result)
    if asked.answer >= len(result.looks):
        raise Refusal(404, f"this result has {len(result.looks)} answers: count them from 0")
    image, answers = result.answers(service.segmenter, asked.threshold)
    kept, count = service.corrections.keep(
        result.item.id, result.item.name, image, answers[asked.answer], asked.category
    )
    return _reply(kept, count)


def _pack(service: Service, folder: Path, val: float, test: float) -> Path:
    root, path = folder / "set", folder / "set.zip"
    root.mkdir()
    write_dataset(service.corrections, root, val, test)
    zipped(root, path)
    return path


def _reply(kept: Correction, count: int) -> CorrectionReply:
    return CorrectionReply(
        id=kept.id,
        image=kept.image,
        name=kept.name,
        expression=kept.expression,
        category=kept.category,
        area_px=kept.area_px,
        count=count,
    )
