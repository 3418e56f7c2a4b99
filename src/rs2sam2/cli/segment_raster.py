"""The part of `rs2sam2 segment` that looks at a raster in tiles."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from rs2sam2.cli.model_options import ModelOptions
from rs2sam2.cli.segment import clean_on_sigterm, print_answers
from rs2sam2.errors import OutputError, StoppedError, printable
from rs2sam2.inference.raster.options import RasterOptions

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from rs2sam2.inference.outputs.targets import Target
    from rs2sam2.inference.raster.report import Progress, RasterReport
    from rs2sam2.inference.segmenter import Segmenter

SOME_FAILED = 1
"""Exit code of a run whose outputs are written, but for tiles that could not be read."""


def segment_tiles(
    source: str,
    expressions: Sequence[str],
    outputs: Sequence[Path],
    overlay: Path | None,
    probability: Path | None,
    model: ModelOptions,
    options: RasterOptions,
    *,
    style: bool,
    overwrite: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Segment in tiles, print what was found; or say what that would take.

    Args:
        source: the raster.
        expressions: what to look for.
        outputs: files to be written.
        overlay: refused, in words that say why.
        probability: a further output.
        model: which, and how it runs.
        options: how.
        style: whether styles go beside polygons.
        overwrite: whether files may be replaced.
        dry_run: write nothing.
        as_json: print one JSON object.

    Raises:
        Rs2Sam2Error: with one line for the user; StoppedError after Ctrl-C.
        typer.Exit: with code 1, if tiles could not be read.
    """
    from rs2sam2.inference.heap import keep_some
    from rs2sam2.inference.language import check_expressions
    from rs2sam2.inference.outputs.targets import check_targets
    from rs2sam2.inference.raster.address import gdal_name

    check_expressions(expressions)
    targets = check_targets(
        outputs,
        overlay,
        probability=probability,
        style=style,
        source=source,
        expressions=len(expressions),
        overwrite=overwrite or dry_run,
    )
    _check_no_pictures(targets, source)
    gdal_name(source)

    from rs2sam2.inference.raster.run import segment_raster

    keep_some()
    segmenter = model.load()
    if dry_run:
        _print_plan(source, expressions, targets, segmenter, options, as_json=as_json)
        return
    try:
        with clean_on_sigterm(), _bar() as told:
            report = segment_raster(
                segmenter, source, expressions, targets, options, overwrite=overwrite, progress=told
            )
    except KeyboardInterrupt:
        kept = "the same command goes on from here" if targets else "no result was written"
        raise StoppedError(f"interrupted, {kept}") from None
    for note in report.warnings:
        print(f"rs2sam2: warning: {note}", file=sys.stderr)
    if as_json:
        from rs2sam2.inference.report import raster_report

        print(json.dumps(raster_report(report), indent=2, allow_nan=False))
    else:
        _print(report)
    for tile in report.failed:
        left, top, right, bottom = tile.box
        where = f"tile {tile.row}, {tile.column} (pixels {left}, {top} - {right}, {bottom})"
        print(f"rs2sam2: {where} could not be read: {tile.reason}", file=sys.stderr)
    if report.failed:
        again = "the same command with --overwrite tries them again, and no others"
        print(f"rs2sam2: {len(report.failed)} of {report.tiles} tiles failed: {again}", file=sys.stderr)
        raise typer.Exit(SOME_FAILED)


def _print_plan(
    source: str,
    expressions: Sequence[str],
    targets: "Sequence[Target]",
    segmenter: "Segmenter",
    options: RasterOptions,
    *,
    as_json: bool,
) -> None:
    """Say what a run would take, and write nothing.

    Raises:
        Rs2Sam2Error: as the run would.
    """
    from contextlib import closing
    from dataclasses import asdict

    from rs2sam2.inference.raster.estimate import estimate
    from rs2sam2.inference.raster.plan import plan
    from rs2sam2.inference.raster.source import RasterSource, gdal_settings
    from rs2sam2.inference.report import scopes_report
    from rs2sam2.inference.scope import choose_scope

    with gdal_settings(source), closing(RasterSource(source, aoi=options.aoi, bands=options.bands)) as raster:
        planned = plan(raster, segmenter.config, len(expressions), targets, options)
        taken = estimate(segmenter, raster, planned, list(expressions), options)
    tiling = planned.tiling
    choices = [choose_scope(text, options.scope) for text in expressions]
    facts = {
        "scopes": scopes_report(expressions, choices),
        "tiles": len(tiling),
        "rows": tiling.rows,
        "columns": tiling.columns,
    }
    if as_json:
        print(json.dumps({**facts, "gsd": planned.gsd, **asdict(taken), "disk": planned.disk}, indent=2))
        return
    size = f", {planned.gsd:.3g} m a pixel" if planned.gsd else ""
    for text, choice in zip(expressions, choices, strict=True):
        print(f"scope   {choice} ({printable(text)})")
    print(f"tiles   {tiling.rows} x {tiling.columns} of {options.tile} pixels{size}")
    print(f"time    about {_duration(taken.seconds)}, less where scope is scene")
    print(f"memory  about {taken.memory / 1e9:.1f} GB")
    print(f"disk    at most {planned.disk / 1e9:.2f} GB")


def _check_no_pictures(targets: "Sequence[Target]", source: str) -> None:
    """Refuse early what is only made of an image that is looked at once.

    Raises:
        OutputError: if a target is a picture.
    """
    for target in targets:
        if target.kind == "overlay" or target.suffix == ".png":
            raise OutputError(
                f"{target.name}: {source} is looked at in tiles, and a picture of all of it would not fit into memory: "
                "write .tif, or polygons, and open them in a GIS"
            )


@contextmanager
def _bar() -> "Iterator[_Told]":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield _Told(bar)


class _Told:
    """Shows how far a run is."""

    def __init__(self, bar: "Bar") -> None:
        self._bar = bar
        self._task = bar.add_task("tiles", total=None, rate="")

    def __call__(self, now: "Progress") -> None:
        rate = f"{now.pixels_per_second / 1e6:.1f} megapixels/s" if now.pixels_per_second else ""
        self._bar.update(self._task, description=now.phase, completed=now.done, total=now.total, rate=rate)


def _print(report: "RasterReport") -> None:
    for found, choice in zip(report.results, report.scopes, strict=True):
        print(f"scope {choice}: {printable(found.expression)}")
    print_answers(report.results, report.targets)
    skipped = f", {report.empty} without data" if report.empty else ""
    reused = f", {report.reused} from before" if report.reused else ""
    dropped = f", {report.dropped} questions answered early" if report.dropped else ""
    print(f"{report.tiles} tiles{skipped}{reused}{dropped}, {_duration(report.seconds)}")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
