"""`rs2sam2 serve`: the map page and its service."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from rs2sam2.cli.model_options import Compiled
from rs2sam2.cli.segment import PRECISION_HELP, Precision

_NEEDED = ("fastapi", "uvicorn", "python_multipart", "rio_tiler", "prometheus_client", "pycocotools")


def serve(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[RASTER_OR_FOLDER]...", help="Rasters, and folders of rasters, that may be looked at."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; others than loopback need a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any that is free.")] = 8000,
    weights: Annotated[
        str, typer.Option(metavar="WEIGHTS", help="nano, weights on disk, or owner/name[:subfolder] on the Hub.")
    ] = "nano",
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps; without it the fastest.")] = None,
    precision: Annotated[Precision, typer.Option(help=PRECISION_HELP)] = Precision.auto,
    compiled: Compiled = False,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="RS2SAM2_TOKEN", metavar="TOKEN", help="That requests must carry. Other users see a command's words."
        ),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Let in everybody who reaches the host, without a token.")
    ] = False,
    keep: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where corrected masks stay when the server has ended.")
    ] = None,
    basemap: Annotated[
        str | None, typer.Option(metavar="URL", help="Map tiles below georeferenced images, with {z}, {x} and {y}.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(metavar="FOLDER", help="For overviews of rasters.")] = None,
    waiting: Annotated[int, typer.Option(min=1, help="Requests that may wait for the model; more are refused.")] = 32,
    seconds: Annotated[float, typer.Option(min=0.1, help="That a request may take once it has come.")] = 60.0,
    upload: Annotated[int, typer.Option(min=1, metavar="MEGABYTES", help="Largest file that may be sent.")] = 256,
) -> None:
    """Open a map page on rasters and images: type what to look for, click to correct. Also an HTTP service."""
    if any(find_spec(name) is None for name in _NEEDED):
        from rs2sam2.errors import MissingExtraError

        raise MissingExtraError("rs2sam2 serve", "serve")
    from rs2sam2.files import cache_folder
    from rs2sam2.serving.settings import MEGABYTE, Limits, Settings

    settings = Settings(
        sources=tuple(sources or []),
        cache=cache or cache_folder() / "pictures",
        host=host,
        port=port,
        token=token,
        insecure=insecure,
        weights=weights,
        device=device,
        precision=precision.value,
        compiled=compiled,
        keep=keep,
        basemap=basemap,
        limits=Limits(waiting=waiting, request_seconds=seconds, upload_bytes=upload * MEGABYTE),
    )
    from rs2sam2.serving.run import serve as run

    run(settings)
