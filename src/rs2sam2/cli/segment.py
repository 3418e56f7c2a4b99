"""`rs2sam2 segment`: one image, one or more expressions, files and numbers."""

import json
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rs2sam2.cli.model_options import Compiled, ModelOptions, Runtime
from rs2sam2.cli.prompt_options import PromptOptions
from rs2sam2.errors import ConfigError
from rs2sam2.inference.outputs.options import PolygonOptions
from rs2sam2.inference.scope import Scope

if TYPE_CHECKING:
    from rs2sam2.inference.images import RasterImage
    from rs2sam2.inference.outputs.targets import Target
    from rs2sam2.inference.raster.report import Found
    from rs2sam2.inference.segmentation import Segmentation


class Precision(StrEnum):
    """Choices of `--precision`."""

    auto = "auto"
    float32 = "float32"
    bfloat16 = "bfloat16"
    int8 = "int8"


PRECISION_HELP = "auto: bfloat16 where it is fast. int8: on CPUs, faster still for models of SAM 2's sizes."


class ProbabilityType(StrEnum):
    """Choices of `--probability-type`."""

    uint8 = "uint8"
    float16 = "float16"


class Coordinates(StrEnum):
    """Choices of `--coordinates`."""

    pixels = "pixels"
    crs = "crs"
    lonlat = "lonlat"


def segment(
    image: Annotated[
        str,
        typer.Argument(metavar="IMAGE", help="Image file, or an http(s) address; a GeoTIFF of any size keeps its CRS."),
    ],
    expression: Annotated[str | None, typer.Argument(metavar="EXPRESSION", help="What to look for, in words.")] = None,
    more: Annotated[
        list[str] | None,
        typer.Option("--expression", "-e", metavar="EXPRESSION", help="A further expression; may be repeated."),
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Mask as .png or .tif (GeoTIFF), polygons as .gpkg, .geojson, .fgb, .parquet or .shp; may be "
            "repeated. A mask of several expressions holds k where the k-th is meant, the likelier one where two "
            "overlap, and 0 for none.",
        ),
    ] = None,
    overlay: Annotated[
        Path | None, typer.Option(metavar="PICTURE", help="A .png or .jpg with the answer outlined.")
    ] = None,
    weights: Annotated[
        str, typer.Option(metavar="WEIGHTS", help="nano, weights on disk, or owner/name[:subfolder] on the Hub.")
    ] = "nano",
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:1, mps; without it the fastest that is there.")
    ] = None,
    precision: Annotated[Precision, typer.Option(help=PRECISION_HELP)] = Precision.auto,
    runtime: Annotated[
        Runtime | None,
        typer.Option(help="What runs the model; onnx and openvino run exported weights. Without it the weights' own."),
    ] = None,
    compiled: Compiled = False,
    threshold: Annotated[
        float | None, typer.Option(help="Probability above which a pixel is in the mask; without it the weights' own.")
    ] = None,
    point: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y[,0|1]",
            help="Something that belongs to what is meant, or with 0 does not; may be repeated, in the order in which "
            "an answer was corrected.",
        ),
    ] = None,
    box: Annotated[str | None, typer.Option(metavar="X0,Y0,X1,Y1", help="A box around what is meant.")] = None,
    coordinates: Annotated[
        Coordinates, typer.Option(help="Of --point and --box: pixels, the image's CRS, or longitude and latitude.")
    ] = Coordinates.pixels,
    min_area: Annotated[
        float, typer.Option(metavar="AREA", help="Leave out smaller polygons: square metres, pixels without a CRS.")
    ] = 0.0,
    simplify: Annotated[
        float, typer.Option(metavar="PIXELS", help="Simplify polygons by this tolerance; shared borders stay shared.")
    ] = 0.0,
    exclusive: Annotated[
        bool, typer.Option("--exclusive", help="Give each pixel to the likeliest of several expressions.")
    ] = False,
    style: Annotated[
        bool, typer.Option("--style", help="Write a style for QGIS (.qml) beside each file with polygons.")
    ] = False,
    scope: Annotated[
        Scope,
        typer.Option(
            help="tile: look at the image in overlapping tiles, and find every instance anywhere. scene: take it, or "
            "--aoi, as one scene, of which 'the largest' and 'on the left' speak. auto: let the words decide, for "
            "rasters of more than 2048 pixels a side, addresses and .vrt; look at all else once, as a whole. "
            "The options below are about tiles, and ask for them."
        ),
    ] = Scope.auto,
    tile: Annotated[
        int | None, typer.Option(metavar="PIXELS", help="Side of a tile in working pixels; without it 1024.")
    ] = None,
    overlap: Annotated[
        float | None, typer.Option(metavar="PART", help="Of a tile that its neighbour shows, too; without it 0.25.")
    ] = None,
    gsd: Annotated[
        float | None,
        typer.Option(metavar="METRES", help="Of a working pixel on the ground; without it the raster's own."),
    ] = None,
    aoi: Annotated[
        str | None,
        typer.Option(metavar="W,S,E,N", help="Only this part, in the raster's CRS (in pixels without one)."),
    ] = None,
    bands: Annotated[
        str | None, typer.Option(metavar="R,G,B", help="Numbers of the bands to look at, from 1; or of one grey band.")
    ] = None,
    probability: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A GeoTIFF of probabilities, a band for each expression.")
    ] = None,
    probability_type: Annotated[
        ProbabilityType | None, typer.Option(help="Without it uint8: 0..255 stand for 0..1.")
    ] = None,
    cog: Annotated[bool, typer.Option("--cog", help="Write .tif as Cloud Optimized GeoTIFF.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many tiles, and about how much time, memory and disk.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing output files.")] = False,
) -> None:
    """Find what EXPRESSION means in IMAGE, and write masks, polygons or a picture of it."""
    expressions = [*([] if expression is None else [expression]), *(more or [])]
    polygons = PolygonOptions(min_area, simplify, exclusive)
    given = {
        "tile": tile,
        "overlap": overlap,
        "gsd": gsd,
        "aoi": None if aoi is None else numbers_of(aoi, (4,)),
        "bands": None if bands is None else tuple(map(int, numbers_of(bands, (1, 3)))),
        "probability": None if probability_type is None else probability_type.value,
        "cog": cog or None,
    }
    given = {name: value for name, value in given.items() if value is not None}
    asked_for = scope is not Scope.auto or bool(given) or probability is not None or dry_run
    pointed = bool(point) or box is not None
    if asked_for and pointed:
        raise ConfigError(
            "--point and --box speak of an image that is looked at once: leave them out, or the options about tiles"
        )
    model = ModelOptions(weights, device, precision.value, runtime, compiled)
    if asked_for or (not pointed and _is_large(image)):
        from rs2sam2.cli.segment_raster import segment_tiles
        from rs2sam2.inference.raster.options import RasterOptions

        options = RasterOptions(threshold=threshold, polygons=polygons, scope=scope, **given)  # type: ignore[arg-type]
        segment_tiles(
            image,
            expressions,
            output or [],
            overlay,
            probability,
            model,
            options,
            style=style,
            overwrite=overwrite,
            dry_run=dry_run,
            as_json=as_json,
        )
        return
    answers, opened, targets = run(
        image,
        expressions,
        output or [],
        overlay,
        model,
        threshold,
        PromptOptions.parse(point or [], box, coordinates.value, expressions),
        polygons,
        style=style,
        overwrite=overwrite,
    )
    notes = list(dict.fromkeys(note for answer in answers for note in answer.warnings))
    for note in notes:
        print(f"rs2sam2: warning: {note}", file=sys.stderr)
    if as_json:
        from rs2sam2.inference.report import segment_report

        print(json.dumps(segment_report(opened, answers, targets, notes), indent=2, allow_nan=False))
    else:
        print_answers(answers, targets)


def numbers_of(text: str, counts: Sequence[int]) -> tuple[float, ...]:
    """Numbers between commas.

    Raises:
        typer.BadParameter: if they are none, or not as many as one of `counts`.
    """
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if len(found) not in counts:
        raise typer.BadParameter(f"{text!r}: give {' or '.join(map(str, counts))} numbers with commas between them")
    return found


def _is_large(image: str) -> bool:
    from rs2sam2.inference.raster.looks import larger_than_one_look

    return larger_than_one_look(image)


def run(
    image: str,
    expressions: Sequence[str],
    outputs: Sequence[Path],
    overlay: Path | None,
    model: ModelOptions,
    threshold: float | None,
    pointed: PromptOptions,
    polygons: PolygonOptions,
    *,
    style: bool,
    overwrite: bool,
) -> "tuple[list[Segmentation], RasterImage, tuple[Target, ...]]":
    """Segment and write. Whatever can be refused without a model is refused before torch is imported.

    Raises:
        Rs2Sam2Error: with one line for the user.
    """
    from rs2sam2.config import Decision
    from rs2sam2.inference import heap
    from rs2sam2.inference.images import open_image
    from rs2sam2.inference.language import LanguageWarning, check_expressions
    from rs2sam2.inference.outputs.targets import check_targets

    check_expressions(expressions)
    if threshold is not None:
        Decision(mask_threshold=threshold)
    targets = check_targets(
        outputs, overlay, style=style, source=image, expressions=len(expressions), overwrite=overwrite
    )
    opened = open_image(image)
    prompts = pointed.on(opened)

    from rs2sam2.inference.outputs.writing import write_outputs

    heap.keep_freed()
    segmenter = model.load()
    heap.give_back()  # what loading took in passing
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LanguageWarning)  # printed from the answers
        if prompts is None:
            answers = segmenter(opened, list(expressions), threshold)
        else:
            given = {"points": prompts.points, "labels": prompts.labels, "box": prompts.box}
            answers = [segmenter(opened, expressions[0], threshold, **given)]
    if polygons.exclusive:
        from rs2sam2.inference.exclusive import exclusive

        answers = exclusive(answers)
    with clean_on_sigterm():
        write_outputs(targets, answers, opened, overwrite=overwrite, polygons=polygons)
    return answers, opened, targets


@contextmanager
def clean_on_sigterm() -> Iterator[None]:
    """Let a termination from outside unwind, so that temporary files are removed as after Ctrl-C."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def print_answers(answers: "Sequence[Segmentation | Found]", targets: "Sequence[Target]") -> None:
    """A short table for people, and where the files are."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from rs2sam2.inference.segmentation import NOTHING

    console = Console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("expression", "found", "score", "area", "box (pixels)"):
        table.add_column(heading, justify="left" if heading == "expression" else "right")
    for answer in answers:
        area, where = "", ""
        if answer.bbox is not None:
            area = f"{answer.area_px:,} px" + (f"\n{answer.area_m2:,.1f} m²" if answer.area_m2 else "")
            where = "{}, {} - {}, {}".format(*answer.bbox)
        found = "yes" if answer.present else "no"
        table.add_row(escape(answer.expression), found, f"{answer.score:.2f}", area, where)
    console.print(table)
    for answer in answers:
        if not answer.present:
            console.print(f"{NOTHING}: {escape(answer.expression)}", soft_wrap=True, highlight=False)
    for target in targets:
        console.print(f"wrote {escape(target.name)}", soft_wrap=True, highlight=False)
