"""The application: routes, and the layers that every request passes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from rs2sam2 import __version__
from rs2sam2.serving import corrections_api, images_api, jobs_api, page_api, refusals, segment_api
from rs2sam2.serving.body_limit import BodyLimit
from rs2sam2.serving.guard import Guard
from rs2sam2.serving.headers import SafeHeaders
from rs2sam2.serving.schemas import SegmentRequest, UploadedRequest
from rs2sam2.serving.service import Service
from rs2sam2.serving.timing import Timing


def create_app(service: Service) -> FastAPI:
    """An ASGI application that closes the service when it ends."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    # No pages of documentation: FastAPI's load their parts from other hosts.
    app = FastAPI(
        title="rs2sam2",
        summary="Words in, mask out, on images seen from above.",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    refusals.install(app)
    for api in (page_api, images_api, segment_api, jobs_api, corrections_api):
        app.include_router(api.router)
    # The last one is the outermost.
    app.add_middleware(BodyLimit, limits=service.settings.limits)
    app.add_middleware(Guard, settings=service.settings)
    app.add_middleware(Timing, metrics=service.metrics)
    app.add_middleware(SafeHeaders, basemap_origin=service.settings.basemap_origin)
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    """Add to the OpenAPI document what routes that read their body themselves do not."""
    made = app.openapi

    def openapi() -> dict[str, object]:
        document = made()
        schemas = document["components"]["schemas"]
        for model in (SegmentRequest, UploadedRequest):
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= schema.pop("$defs", {}) | {model.__name__: schema}
        return document

    app.openapi = openapi  # type: ignore[method-assign]
