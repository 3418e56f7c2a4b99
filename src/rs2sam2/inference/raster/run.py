"""A raster of any size, from words to files. Needs the optional 'geo' dependencies.

Three things go on at a time: one thread reads tiles and prepares them, some run the model, one blends and writes.
What tiles answer goes through a journal on disk, in a fixed order and in fixed batches, and outputs are made from the
journal alone: a run that was stopped and goes on ends with the same bytes as one that was not.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rs2sam2 import __version__
from rs2sam2.errors import OutputError, StoppedError
from rs2sam2.inference.extras import require_geo
from rs2sam2.inference.language import check_expressions, language_warnings
from rs2sam2.inference.outputs.atomic import move_files
from rs2sam2.inference.outputs.targets import Target
from rs2sam2.inference.raster.address import is_remote
from rs2sam2.inference.raster.asking import Asked, Asking
from rs2sam2.inference.raster.emitting import Emitting
from rs2sam2.inference.raster.journal import Journal
from rs2sam2.inference.raster.options import RasterOptions
from rs2sam2.inference.raster.plan import Plan, check_disk, plan
from rs2sam2.inference.raster.reading import TileReader
from rs2sam2.inference.raster.report import FailedTile, Found, Progress, RasterReport
from rs2sam2.inference.raster.scene_look import look_at_scene
from rs2sam2.inference.raster.side_by_side import SideBySide
from rs2sam2.inference.raster.sinks import Outputs, Totals
from rs2sam2.inference.raster.source import RasterSource, gdal_settings
from rs2sam2.inference.raster.tallies import Tally
from rs2sam2.inference.raster.watch import Watch
from rs2sam2.inference.raster.workplace import Workplace, workplace
from rs2sam2.inference.report import crs_name
from rs2sam2.inference.scope import Scope, choose_scope
from rs2sam2.inference.segmenter import Segmenter
from rs2sam2.model.rs2sam2 import mask_logit, mask_probability

_KINDS = ("mask", "probability", "polygons", "style")
_NOTHING = 1 / 1024  # a probability: it rounds to 0 of 255
_ROWS_WAITING = 2


def segment_raster(
    segmenter: Segmenter,
    source: str | Path,
    expressions: Sequence[str],
    targets: Sequence[Target],
    options: RasterOptions | None = None,
    *,
    overwrite: bool = False,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> RasterReport:
    """Find what expressions mean in a raster, and write it. Memory does not depend on the raster's size.

    With scope `tile` every instance anywhere is meant: each tile is asked by itself, and what it answers is not cut to
    one thing, whatever the expression says. With scope `scene` the raster is one scene, see `scene_look`.

    Args:
        segmenter: what answers.
        source: a path or an http(s) address (see `rs2sam2.inference.raster.address`).
        expressions: what to look for.
        targets: what `check_targets` gives; masks as `.tif` only, and no overlay.
        options: how; None for the defaults.
        overwrite: whether existing files may be replaced.
        progress: called now and then, in this thread.
        cancelled: asked before each batch; once it says True, the run stops and its journal stays.

    Returns:
        What was found and written, and which tiles failed.

    Raises:
        ImageError: if the raster cannot be opened.
        ExpressionError: if an expression is none.
        ConfigError: if an option does not fit the raster.
        OutputError: if the disk has too little room, an output cannot be written, or the journal beside the outputs is
            of another run.
        StoppedError: if `cancelled` said so. The same call goes on.
        MissingExtraError: if the extra 'geo' is not installed.
    """
    require_geo("reading large rasters")
    check_expressions(expressions)
    options = options or RasterOptions()
    _check_kinds(targets)
    start = time.perf_counter()
    with gdal_settings(source), ExitStack() as stack:
        rasters = [
            stack.enter_context(closing(RasterSource(source, aoi=options.aoi, bands=options.bands))) for _ in range(2)
        ]
        planned = plan(rasters[0], segmenter.config, len(expressions), targets, options)
        if targets:
            check_disk(planned.disk, targets[0])
        place = stack.enter_context(workplace(targets))
        header = _header(segmenter, source, rasters[0], expressions, options)
        journal = Journal.begin(place.journal, header, planned.tiling.down.tile)
        stack.callback(journal.close)
        workers = stack.enter_context(SideBySide(segmenter.at_once))
        run = _Run(segmenter, rasters, expressions, targets, options, planned, journal, place, workers)
        files = run.all_tiles(progress, cancelled)
        move_files(files, overwrite=overwrite)
        if run.failed:
            place.tidy()
        else:
            place.clear()
        return run.report(source, targets, time.perf_counter() - start)


class _Run:
    """The parts of one run, and where it is."""

    def __init__(
        self,
        segmenter: Segmenter,
        rasters: Sequence[RasterSource],
        expressions: Sequence[str],
        targets: Sequence[Target],
        options: RasterOptions,
        planned: Plan,
        journal: Journal,
        place: Workplace,
        workers: SideBySide,
    ) -> None:
        self._segmenter, self._expressions, self._options = segmenter, expressions, options
        self._rasters, self._source, self._planned, self._journal = rasters, rasters[0], planned, journal
        tiling = planned.tiling
        self._tiling = tiling
        self._scopes = [choose_scope(text, options.scope) for text in expressions]
        speaking = [at for at, choice in enumerate(self._scopes) if choice.scope is Scope.scene]
        texts = [expressions[at] for at in speaking]
        looks = look_at_scene(segmenter, rasters[0], texts, options.threshold) if texts else []
        self._looks = dict(zip(speaking, looks, strict=True))
        nothing = mask_logit(_NOTHING, segmenter.config)
        self._asking = Asking(segmenter, expressions, tiling, self._looks, nothing, workers)
        self._left_out: NDArray[np.bool_] = ~np.asarray(self._asking.asked.any(axis=-1))
        self.failed: dict[int, str] = {}
        self._reused = 0
        config = segmenter.config
        threshold = segmenter.decision.mask_threshold if options.threshold is None else options.threshold
        cut = mask_logit(threshold, config)
        low = cut
        if any(target.kind == "probability" for target in targets):
            low = min(cut, nothing) if options.probability == "uint8" else -math.inf
        self._emitting = Emitting(
            tiling,
            journal,
            rasters[1],
            len(expressions),
            lambda logits: mask_probability(logits, config),
            nothing,
            cut,
            low,
            exclusive=options.polygons.exclusive,
        )
        self._tallies = [Tally() for _ in expressions]
        self._totals: list[Totals] = []
        self._reader = TileReader(rasters[0], tiling, options.tile, segmenter)
        self._make_outputs = lambda: Outputs(
            targets, place.folder, rasters[1], expressions, segmenter.weights, options, self._emitting.count_tiles
        )
        self._stopping = Event()

    def all_tiles(
        self, progress: Callable[[Progress], None] | None, cancelled: Callable[[], bool] | None
    ) -> list[tuple[Path, Target]]:
        """Ask every tile that has not answered, and write the outputs; each with the place where it shall be."""
        numbers = self._tiling.back_and_forth()
        numbers = numbers[~self._left_out.ravel()[numbers]].tolist()
        size = max(1, self._segmenter.together // len(self._expressions))
        groups = [numbers[at : at + size] for at in range(0, len(numbers), size)]
        # A group that was cut short is asked again whole: the same batches give the same bits.
        pending = [group for group in groups if not self._journal.done.issuperset(group)]
        self._reused = len(numbers) - sum(map(len, pending))
        watch = Watch(progress, self._source.width * self._source.height, len(numbers), self._reused)
        with self._thread() as reading, self._thread() as writing:
            outputs = writing.submit(self._make_outputs).result()
            try:
                rows: deque[Future[None]] = deque()
                begun = self._begin_rows(rows, 0, pending[0][0] if pending else len(self._tiling), outputs, writing)
                for complete, tiles in self._ask(pending, reading, cancelled):
                    begun = self._begin_rows(rows, begun, complete, outputs, writing)
                    watch.done(tiles)
                watch.writing()
                while rows:
                    rows.popleft().result()
                for raster in self._rasters:
                    raster.close()
                files, self._totals = writing.submit(outputs.finish).result()
                return files
            except BaseException:
                self._stopping.set()
                reading.shutdown(wait=False, cancel_futures=True)
                raise
            finally:
                writing.submit(outputs.close).result()

    def report(self, source: str | Path, targets: Sequence[Target], seconds: float) -> RasterReport:
        """What was found."""
        surest = list(self._emitting.surest)
        for at, look in self._looks.items():
            surest[at] = (look.p_present, look.predicted_iou)
        found = tuple(
            Found(expression, tally.area_px > 0, *sure, tally.area_px, tally.bbox, parts, area_m2, perimeter_m)
            for expression, tally, sure, (parts, area_m2, perimeter_m) in zip(
                self._expressions, self._tallies, surest, self._totals, strict=True
            )
        )
        notes = [note for text in self._expressions for note in language_warnings(text, self._segmenter.provenance)]
        if not self._emitting.has_data and not self.failed:
            notes.append(f"{source}: no pixel holds data (all are transparent, no-data or not a number)")
        return RasterReport(
            source=str(source),
            width=self._source.width,
            height=self._source.height,
            crs=crs_name(self._source.crs),
            results=found,
            targets=tuple(targets),
            failed=tuple(self._failure(tile) for tile in sorted(self.failed)),
            tiles=len(self._tiling),
            scopes=tuple(self._scopes),
            empty=self._emitting.empty,
            dropped=self._asking.dropped,
            reused=self._reused,
            gsd=self._planned.gsd,
            seconds=seconds,
            weights=self._segmenter.weights,
            warnings=tuple(dict.fromkeys(notes)),
        )

    def _thread(self) -> ThreadPoolExecutor:
        settings = gdal_settings(self._source.name)

        def begin() -> None:
            settings.__enter__()
            torch.set_num_threads(1)  # the cores are the model's

        return ThreadPoolExecutor(1, initializer=begin)

    def _ask(
        self, groups: Sequence[Sequence[int]], reading: ThreadPoolExecutor, cancelled: Callable[[], bool] | None
    ) -> Iterator[tuple[int, int]]:
        """Run the model on groups of tiles, and note what they say.

        Yields:
            After each group the number of the first tile that is not complete, and how many tiles the group had.
        """
        ends = iter([*(group[0] for group in groups[1:]), len(self._tiling)])
        asked: deque[Asked] = deque()
        stopped = False
        for prepared in self._reader.ahead(groups, reading):
            stopped = cancelled is not None and cancelled()
            if stopped:
                break
            asked.append(self._asking.begin(prepared))
            if len(asked) == 2 * self._segmenter.at_once:  # while one is noted, the model works on the others
                yield next(ends), self._note(asked.popleft())
        while asked:  # what has been asked is noted, even now
            yield next(ends), self._note(asked.popleft())
        if stopped:
            raise StoppedError("the run was stopped: the same command goes on from here")

    def _note(self, asked: Asked) -> int:
        """Note what a group of tiles says; how many there were."""
        answers = self._asking.answers(asked)
        self.failed |= {tile.tile: tile.failure for tile in asked.prepared if tile.failure is not None}
        for tile in asked.prepared:
            if tile.failure is None:
                self._journal.add(tile.tile, answers.get(tile.tile))
        return len(asked.prepared)

    def _begin_rows(
        self, waiting: deque[Future[None]], begun: int, complete: int, outputs: Outputs, thread: ThreadPoolExecutor
    ) -> int:
        """Have the rows of tiles written that are complete: all tiles before number `complete` are."""
        for row in range(begun, complete // self._tiling.columns):
            while len(waiting) >= _ROWS_WAITING or (waiting and waiting[0].done()):
                waiting.popleft().result()
            failed = np.array([row * self._tiling.columns + at in self.failed for at in range(self._tiling.columns)])
            waiting.append(thread.submit(self._write_row, row, failed, outputs))
        return max(begun, complete // self._tiling.columns)

    def _write_row(self, row: int, failed: NDArray[np.bool_], outputs: Outputs) -> None:
        for part in self._emitting.row(row, self._left_out[row], failed):
            if self._stopping.is_set():
                return
            for tally, mask in zip(self._tallies, part.masks, strict=True):
                tally.add(part.first_row, part.first_column, mask)
            outputs.add(part)

    def _failure(self, tile: int) -> FailedTile:
        row, column = divmod(tile, self._tiling.columns)
        left, top, right, bottom = self._tiling.box(tile)
        width, height = self._source.width, self._source.height
        box = (max(0, int(left)), max(0, int(top)), min(width, int(right)), min(height, int(bottom)))
        return FailedTile(row, column, box, self.failed[tile])


def _check_kinds(targets: Sequence[Target]) -> None:
    for target in targets:
        if target.kind not in _KINDS or target.suffix == ".png":
            raise OutputError(
                f"{target.name}: a picture of a raster this large would not fit into memory: "
                "write .tif, or polygons, and open them in a GIS"
            )


def _header(
    segmenter: Segmenter, source: str | Path, raster: RasterSource, expressions: Sequence[str], options: RasterOptions
) -> dict[str, Any]:
    """What tiles' answers depend on. Options that only say what is made of them may change from one run to the next."""
    remote = is_remote(source)
    file = None if remote else Path(source).stat()
    return {
        "software": __version__,
        "raster": str(source) if remote else str(Path(source).resolve()),
        "bytes": None if file is None else file.st_size,
        "modified": None if file is None else file.st_mtime_ns,
        "width": raster.width,
        "height": raster.height,
        "expressions": list(expressions),
        "weights": segmenter.weights.sha256,
        "decision": str(segmenter.decision),
        "tile": options.tile,
        "overlap": options.overlap,
        "gsd": options.gsd,
        "aoi": None if options.aoi is None else list(options.aoi),
        "bands": None if options.bands is None else list(options.bands),
        "scopes": [choose_scope(text, options.scope).scope for text in expressions],
    }
