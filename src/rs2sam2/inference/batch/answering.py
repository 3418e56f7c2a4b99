"""One scene of many: asked, and its files put into its folder. Needs the optional 'geo' dependencies."""

import os
import shutil
import time
from collections.abc import Sequence

from rs2sam2.errors import Rs2Sam2Error, StoppedError
from rs2sam2.inference.batch.catalogue import write_item
from rs2sam2.inference.batch.job import Job
from rs2sam2.inference.batch.scenes import Scene
from rs2sam2.inference.batch.status import Status, file_now, read_status
from rs2sam2.inference.heap import keep_some
from rs2sam2.inference.outputs.targets import check_targets
from rs2sam2.inference.raster.report import FailedTile
from rs2sam2.inference.raster.run import segment_raster
from rs2sam2.inference.segmenter import Segmenter

POLYGONS, MASK = "segments.gpkg", "mask.tif"


def load(job: Job) -> Segmenter:
    """What answers, once it has seen that it can read the words; this process keeps its heap steady from now on.

    Raises:
        WeightsError, ConfigError: as `Segmenter.from_pretrained`.
        ExpressionError: if an expression is longer than the model reads.
    """
    keep_some()
    segmenter = Segmenter.from_pretrained(
        job.weights,
        job.device,
        job.precision,  # type: ignore[arg-type]
        compile=job.compiled,
    )
    segmenter.check(job.expressions)
    return segmenter


def answer_scene(segmenter: Segmenter, job: Job, scene: Scene) -> Status:
    """Ask one scene, and write its polygons, mask, part of the table, STAC item and status.

    A scene that was cut short goes on from its journal. What goes wrong with a scene is its status, not an error: the
    others are to be asked all the same.

    Raises:
        StoppedError: if the run is told to stop.
    """
    folder, start = job.scene_folder(scene.scene_id), time.monotonic()
    file = file_now(scene.source)
    before = read_status(folder)
    status = Status(scene.scene_id, scene.source, "running", file, process=os.getpid())
    try:
        if before is not None and before.file != file:
            shutil.rmtree(folder)  # its journal is about another file
        folder.mkdir(parents=True, exist_ok=True)
        status.write(folder)
        targets = check_targets(
            [folder / POLYGONS, folder / MASK],
            source=scene.source,
            expressions=len(job.expressions),
            overwrite=True,
        )
        report = segment_raster(segmenter, scene.source, job.expressions, targets, job.options, overwrite=True)
        found = tuple(
            {"expression": r.expression, "present": r.present, "p_present": r.p_present, "area_px": r.area_px}
            for r in report.results
        )
        write_item(job, scene, folder / POLYGONS, folder / MASK, report.weights, found)
        done = Status(
            scene.scene_id,
            scene.source,
            "failed" if report.failed else "done",
            file,
            _unread(report.failed),
            os.getpid(),
            round(time.monotonic() - start, 3),
            found,
        )
        done.write(folder)
        return done
    except StoppedError:
        raise
    except Exception as error:  # one scene of ten thousand: whatever is wrong with it, the others wait
        reason = str(error) if isinstance(error, Rs2Sam2Error) else f"{type(error).__name__}: {error}"
        failed = Status(
            scene.scene_id,
            scene.source,
            "failed",
            file,
            " ".join(reason.split()),
            os.getpid(),
            round(time.monotonic() - start, 3),
        )
        if folder.is_dir():
            failed.write(folder)
        return failed


def _unread(failed: Sequence[FailedTile]) -> str:
    if not failed:
        return ""
    first = failed[0]
    return (
        f"{len(failed)} tiles could not be read, the first at row {first.row}, column {first.column} "
        f"(pixels {', '.join(map(str, first.box))}): {first.reason}"
    )
