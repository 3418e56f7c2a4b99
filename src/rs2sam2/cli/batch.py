"""`rs2sam2 batch`: many scenes, the same words."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rs2sam2.cli.model_options import Compiled
from rs2sam2.cli.segment import PRECISION_HELP, Precision, clean_on_sigterm
from rs2sam2.inference.batch.run import Engine
from rs2sam2.inference.outputs.options import PolygonOptions
from rs2sam2.inference.raster.options import RasterOptions

if TYPE_CHECKING:
    from rs2sam2.inference.batch.status import Status

PARTLY_FAILED = 1


def batch(
    scenes: Annotated[
        list[str],
        typer.Argument(
            metavar="SCENES...",
            help="Rasters, folders, globs, STAC (item, item collection, collection, catalogue), or a list of these in "
            "a .txt; files and addresses.",
        ),
    ],
    expression: Annotated[
        list[str], typer.Option("--expression", "-e", metavar="EXPRESSION", help="What to look for; may be repeated.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the answers.")],
    weights: Annotated[
        str, typer.Option(metavar="WEIGHTS", help="nano, weights on disk, or owner/name[:subfolder] on the Hub.")
    ] = "nano",
    device: Annotated[str | None, typer.Option(help="cpu, cuda, mps; without it the fastest that is there.")] = None,
    precision: Annotated[Precision, typer.Option(help=PRECISION_HELP)] = Precision.auto,
    compiled: Compiled = False,
    threshold: Annotated[
        float | None, typer.Option(help="Probability above which a pixel is in the mask; without it the weights' own.")
    ] = None,
    gsd: Annotated[
        float | None, typer.Option(metavar="METRES", help="Ground metres of a working pixel; without it each raster's.")
    ] = None,
    min_area: Annotated[
        float, typer.Option(metavar="AREA", help="Leave out smaller polygons: square metres, pixels without a CRS.")
    ] = 0.0,
    simplify: Annotated[float, typer.Option(metavar="PIXELS", help="Simplify polygons by this tolerance.")] = 0.0,
    exclusive: Annotated[
        bool, typer.Option("--exclusive", help="Give each pixel to the likeliest of several expressions.")
    ] = False,
    asset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which asset of STAC items; without it 'visual' or 'data'.")
    ] = None,
    engine: Annotated[Engine, typer.Option(help="local: this process; ray: a Ray cluster.")] = Engine.local,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Of ray, one model each; without it one for each processor or GPU.")
    ] = None,
) -> None:
    """Find what EXPRESSION means in many rasters. The same command goes on where it was stopped."""
    from rs2sam2.inference.batch.job import Job
    from rs2sam2.inference.batch.run import run_batch
    from rs2sam2.inference.batch.scenes import find_scenes

    options = RasterOptions(gsd=gsd, threshold=threshold, polygons=PolygonOptions(min_area, simplify, exclusive))
    folder = output.resolve()
    found = find_scenes(scenes, asset, folder)
    job = Job(tuple(expression), folder, weights, device, precision.value, options, compiled)
    print(f"{len(found)} scenes", file=sys.stderr)
    with clean_on_sigterm():
        report = run_batch(job, found, engine=engine, workers=workers, told=_tell)
    done = report.scenes - len(report.failed)
    already = f", {report.already} of them before" if report.already else ""
    print(f"{done} of {report.scenes} scenes answered{already}: {output}")
    for status in report.failed:
        print(f"rs2sam2: failed: {status.source}: {status.reason}", file=sys.stderr)
    if report.failed:
        raise typer.Exit(PARTLY_FAILED)


def _tell(status: "Status") -> None:
    if status.state == "done":
        present = sum(one["present"] for one in status.found)
        said = f"{present} of {len(status.found)} expressions found in {status.seconds:.1f} s"
    else:
        said = "failed"
    print(f"{status.scene_id}: {said}", file=sys.stderr)
