"""Routes beside the API: the page's own files, and what says how the server is."""

import re
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, HTMLResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from rs2sam2 import __version__
from rs2sam2.serving.images_api import FOREVER, REFUSALS
from rs2sam2.serving.refusals import Refusal
from rs2sam2.serving.schemas import StatusReply
from rs2sam2.serving.service import Running

STATIC = Path(__file__).parent / "static"
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
    ".woff2": "font/woff2",
    ".md": "text/plain; charset=utf-8",
}
_NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>rs2sam2</title>
<h1>The page is not built</h1>
<p>The service runs, and its API answers under <code>/v1</code> (<a href="openapi.json">openapi.json</a>). To build the
page, in a clone of the repository, with Node.js installed:</p>
<pre>make web</pre>
</html>
"""

router = APIRouter()


@router.get("/", include_in_schema=False)
async def page() -> Response:
    """The page."""
    index = STATIC / "index.html"
    if not index.is_file():
        return HTMLResponse(_NOT_BUILT)
    return FileResponse(index, media_type="text/html; charset=utf-8", headers={"Cache-Control": "no-cache"})


@router.get("/favicon.svg", include_in_schema=False)
async def icon() -> FileResponse:
    """The page's sign."""
    return _file(STATIC / "favicon.svg", {"Cache-Control": "max-age=3600"})


@router.get("/assets/{name}", include_in_schema=False)
async def asset(name: str) -> FileResponse:
    """A file of the page; its name changes with its content."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name):
        raise Refusal(404, "there is no such file")
    return _file(STATIC / "assets" / name, FOREVER)


@router.get("/healthz", tags=["server"])
async def alive() -> StatusReply:
    """Whether the server runs."""
    return StatusReply(status="ok")


@router.get("/readyz", tags=["server"], responses={503: REFUSALS[503]})
async def ready(_: Running) -> StatusReply:
    """Whether it takes requests."""
    return StatusReply(status="ready")


@router.get("/metrics", tags=["server"], response_class=Response, responses={401: REFUSALS[401]})
async def metrics(service: Running) -> Response:
    """Counters in Prometheus' text format."""
    return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)


@router.get("/v1/about", tags=["server"])
async def about(service: Running) -> dict[str, Any]:
    """Versions, weights and limits."""
    limits, segmenter = service.settings.limits, service.segmenter
    weights = segmenter.weights
    return {
        "version": __version__,
        "weights": {
            "name": weights.name,
            "sha256": weights.sha256,
            "license": weights.license,
            "languages": list(segmenter.provenance.get("languages", [])),
            "mask_threshold": segmenter.decision.mask_threshold,
            "presence_threshold": segmenter.decision.presence_threshold,
        },
        "limits": {
            "upload_bytes": limits.upload_bytes,
            "upload_pixels": limits.upload_pixels,
            "scene_pixels": limits.scene_pixels,
            "expressions": limits.expressions,
            "expression_characters": limits.expression_characters,
            "points": limits.points,
            "request_seconds": limits.request_seconds,
        },
        "capabilities": {"prompts": True, "pseudo_mask": segmenter.has_pseudo_mask, "raster_jobs": True},
        "basemap": None if service.settings.basemap is None else {"url": service.settings.basemap, "attribution": None},
    }


def _file(path: Path, headers: dict[str, str]) -> FileResponse:
    media_type = _MEDIA_TYPES.get(path.suffix)
    if media_type is None or not path.is_file():
        raise Refusal(404, "there is no such file")
    return FileResponse(path, media_type=media_type, headers=headers)
