"""`rs2sam2 data build ...`: referring data sets from outlines that people have."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rs2sam2.data.building.build import Wishes
    from rs2sam2.data.building.picture import Source

app = typer.Typer(help="Make a referring data set from outlines of objects.")

Output = Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder to be made for the set.")]
Names = Annotated[
    list[str] | None,
    typer.Option(
        "--name",
        metavar="CLASS=WORDS",
        help="What a class is called in sentences, in the singular; CLASS= leaves it out. May be repeated.",
    ),
]
Val = Annotated[float, typer.Option(help="Share of the objects for the split val, by place.")]
Test = Annotated[float, typer.Option(help="Share of the objects for the split test, by place.")]
Sentences = Annotated[int, typer.Option(help="Most sentences for each thing.")]
Absent = Annotated[
    float, typer.Option(help="Share of the sentences that mean nothing in their image; each is true of another image.")
]
Seed = Annotated[int, typer.Option(min=0, help="Decides all that is drawn: the same seed gives the same bytes.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]


@app.callback(invoke_without_command=True)
def _start(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def coco(
    instances: Annotated[Path, typer.Argument(metavar="INSTANCES", help="COCO instances (JSON) with segmentations.")],
    images: Annotated[Path, typer.Argument(metavar="IMAGES", help="Folder of the images that it names.")],
    output: Output,
    place: Annotated[
        str | None,
        typer.Option(
            metavar="REGEX",
            help="Its first group is the place in a file name: images of one place go to one split. Without it, each "
            "image is a place of its own.",
        ),
    ] = None,
    name: Names = None,
    val: Val = 0.15,
    test: Test = 0.15,
    sentences: Sentences = 3,
    absent: Absent = 0.2,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """From COCO instances and their images."""
    from rs2sam2.data.building.build import Wishes
    from rs2sam2.data.building.coco import CocoSource
    from rs2sam2.data.building.names import parse_renamed

    wishes = Wishes(val, test, sentences, absent, seed)
    renamed = parse_renamed(name or [])
    _check_output(output)
    _build(CocoSource(instances, images, place, renamed), output, wishes, as_json=as_json)


@app.command()
def raster(
    raster: Annotated[Path, typer.Argument(metavar="RASTER", help="GeoTIFF of any size.")],
    objects: Annotated[
        Path, typer.Argument(metavar="OBJECTS", help="Polygons: .gpkg, .geojson, .shp or .parquet (GeoParquet).")
    ],
    output: Output,
    class_column: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column of OBJECTS that says what an object is.")
    ] = None,
    class_of_all: Annotated[
        str | None, typer.Option("--class", metavar="WORDS", help="What all objects are, instead of a column.")
    ] = None,
    layer: Annotated[str | None, typer.Option(help="Layer of OBJECTS, where it has several.")] = None,
    tile: Annotated[int, typer.Option(min=64, help="About how many pixels a tile is wide.")] = 512,
    gsd: Annotated[
        float | None, typer.Option(metavar="METRES", help="Ground for a pixel; without it, that of RASTER.")
    ] = None,
    bands: Annotated[
        str | None, typer.Option(metavar="R,G,B", help="Numbers of the bands, from 1; without it RASTER's own colours.")
    ] = None,
    name: Names = None,
    val: Val = 0.15,
    test: Test = 0.15,
    sentences: Sentences = 3,
    absent: Absent = 0.2,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """From a raster and a vector layer of the objects in it."""
    from rs2sam2.data.building.build import Wishes
    from rs2sam2.data.building.names import parse_renamed
    from rs2sam2.errors import ConfigError
    from rs2sam2.inference.extras import require_geo

    require_geo("rs2sam2 data build raster")
    if (class_column is None) == (class_of_all is None):
        raise ConfigError("what are the objects? Name the column with --class-column, or say --class WORDS for all")
    wishes = Wishes(val, test, sentences, absent, seed)
    renamed = parse_renamed(name or [])
    _check_output(output)

    from rs2sam2.data.building.raster import RasterSource
    from rs2sam2.data.building.raster_pixels import RasterPixels
    from rs2sam2.data.building.vector import read_layer

    found = read_layer(objects, layer, class_column, class_of_all)
    source = RasterSource(RasterPixels(raster, _bands(bands), gsd), found, objects, tile, renamed)
    _build(source, output, wishes, as_json=as_json)


def _bands(text: str | None) -> tuple[int, ...] | None:
    from rs2sam2.errors import ConfigError

    try:
        return None if text is None else tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--bands '{text}': not numbers with commas between them: give three, as 3,2,1") from error


def _check_output(output: Path) -> None:
    """Refuse before the work what cannot be written after it."""
    from rs2sam2.errors import OutputError

    if output.exists() or not output.parent.is_dir():
        raise OutputError(f"{output}: exists, or its folder does not: give a new name in a folder that is there")


def _build(source: "Source", output: Path, wishes: "Wishes", *, as_json: bool) -> None:
    from rich.console import Console
    from rich.progress import Progress

    from rs2sam2.cli.segment import clean_on_sigterm
    from rs2sam2.data.building.build import build

    with (
        clean_on_sigterm(),
        Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress,
    ):
        task = progress.add_task("pictures", total=None)
        record = build(source, output, wishes, lambda done, total: progress.update(task, completed=done, total=total))
    if as_json:
        print(json.dumps(record, indent=2, ensure_ascii=False))
    else:
        _print(record, output)


def _print(record: dict[str, Any], output: Path) -> None:
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("split", "places", "images", "things", "one thing", "a group", "nothing"):
        table.add_column(heading, justify="left" if heading == "split" else "right")
    for split, counts in record["splits"].items():
        table.add_row(split, *map(str, counts.values()))
    console.print(table)
    for note in record["notes"]:
        console.print(escape(note), soft_wrap=True, highlight=False)
    console.print(f"wrote {escape(str(output))}; look at its contact_sheets", soft_wrap=True, highlight=False)
