"""Routes of images and their tiles."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from starlette.datastructures import UploadFile

from rs2sam2.serving.image_replies import image_reply
from rs2sam2.serving.library import Item
from rs2sam2.serving.picture import HIGHEST_ZOOM, Picture
from rs2sam2.serving.refusals import Refusal
from rs2sam2.serving.schemas import Error, ImageReply, ImagesReply
from rs2sam2.serving.service import Running, Service, settled
from rs2sam2.serving.tiles import mercator_tile, pixel_tile

ImageName = Annotated[str, InPath(description="As `GET /v1/images` lists it.", pattern="^[ru]-[0-9a-f]{16,32}$")]
Zoom = Annotated[int, InPath(ge=0, le=HIGHEST_ZOOM)]
TileNumber = Annotated[int, InPath(ge=0, lt=2**HIGHEST_ZOOM)]
Space = Annotated[Literal["pixels", "mercator"], InPath()]
FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
REFUSALS = {status: {"model": Error} for status in (400, 401, 403, 404, 409, 413, 415, 422, 429, 503, 504)}

_PATIENCE = 2.0
"""Seconds that an answer waits for a picture: most are made by then."""
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}

router = APIRouter(prefix="/v1/images", tags=["images"], responses=REFUSALS)  # type: ignore[arg-type]


@router.get("")
async def list_images(service: Running) -> ImagesReply:
    """Rasters on the server by name, then uploads that are kept."""
    return ImagesReply(images=await service.work(_list, service))


@router.post("", status_code=201, responses={200: {"model": ImageReply}}, openapi_extra=_FORM)
async def upload(service: Running, request: Request, response: Response) -> ImageReply:
    """Send an image: field `file` of a form. The same file again is the same image (200)."""
    async with request.form(max_files=1, max_fields=4) as form:
        item, new = await keep_upload(service, form.get("file"))
    reply = await _begun(service, item)
    if reply.state == "failed":
        service.library.uploads.remove(item.id)
        raise Refusal(422, reply.error or "the image cannot be read")
    response.status_code = 201 if new else 200
    return reply


@router.get("/{image}")
async def get_image(service: Running, image: ImageName) -> ImageReply:
    """An image; a raster that nobody asked for yet begins to be prepared."""
    item = await service.work(service.library.find, image)
    return await _begun(service, item)


@router.delete("/{image}", status_code=204)
async def forget_image(service: Running, image: ImageName) -> None:
    """Forget an upload."""
    if image.startswith("r-"):
        raise Refusal(403, "rasters on the server are not removed: only uploads are")
    await service.work(service.library.uploads.remove, image)


@router.get("/{image}/tiles/{space}/{z}/{x}/{y}.png", response_class=Response)
async def tile(
    service: Running, image: ImageName, space: Space, z: Zoom, x: TileNumber, y: TileNumber, v: str | None = None
) -> Response:
    """A map tile: PNG with alpha. `v` is there for caches alone."""

    def make() -> bytes:
        picture = service.library.picture(service.library.find(image))
        return pixel_tile(picture, z, x, y) if space == "pixels" else mercator_tile(picture, z, x, y)

    return Response(await service.tile(make), media_type="image/png", headers=FOREVER if v else None)


async def keep_upload(service: Service, file: object) -> tuple[Item, bool]:
    """Keep the file of a form; the item, and whether it is new.

    Raises:
        Refusal: there is none (422), or none that can be kept.
    """
    if not isinstance(file, UploadFile):
        raise Refusal(422, "the form has no file: send one as the field 'file'")
    return await service.work(service.library.add, file.file, file.filename)


async def prepared(service: Service, item: Item, seconds: float) -> Picture:
    """The picture of an image, waited for.

    Raises:
        Refusal: it is not ready by then (409), or cannot be made (422).
    """
    preparation = await service.work(service.library.prepare, item)
    await settled(preparation.future, seconds)
    return service.library.picture(item)


async def _begun(service: Service, item: Item) -> ImageReply:
    """An image whose picture is being made; most are ready in the answer."""
    preparation = await service.work(service.library.prepare, item)
    await settled(preparation.future, _PATIENCE)
    return await service.work(image_reply, service.library, item)


def _list(service: Service) -> list[ImageReply]:
    return [image_reply(service.library, item) for item in service.library.all()]
