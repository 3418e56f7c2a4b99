"""All scenes, one after the other or many at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rs2sam2.errors import DataError
from rs2sam2.inference.batch.job import SCENES, Job, job_folder
from rs2sam2.inference.batch.scenes import Scene
from rs2sam2.inference.batch.status import Status, is_done
from rs2sam2.inference.extras import require_geo
from rs2sam2.inference.language import check_expressions


class Engine(StrEnum):
    """Choices of `--engine`."""

    local = "local"
    ray = "ray"


@dataclass(frozen=True)
class BatchReport:
    """A finished run.

    Attributes:
        scenes: how many were meant.
        already: how many of them were done before.
        answered: what became of the others, in the order in which they ended.
    """

    scenes: int
    already: int
    answered: tuple[Status, ...]

    @property
    def failed(self) -> tuple[Status, ...]:
        """Scenes without a whole answer."""
        return tuple(status for status in self.answered if status.state != "done")


def run_batch(
    job: Job,
    scenes: Sequence[Scene],
    *,
    engine: Engine = Engine.local,
    workers: int | None = None,
    told: Callable[[Status], None] | None = None,
) -> BatchReport:
    """Ask every scene that has no answer yet, and collect the answers.

    Args:
        job: the question.
        scenes: each once.
        engine: `local` is this process alone; `ray` the cluster that RAY_ADDRESS names, or one on this machine.
        workers: of `ray`; None for as many as it has processors, or graphics cards if it has any.
        told: called when a scene ends.

    Raises:
        DataError: if there is no scene.
        ExpressionError: if an expression is none.
        OutputError: if the folder cannot be written or holds answers to another question.
        WeightsError, ConfigError: as `Segmenter.from_pretrained`.
        MissingExtraError: if an extra that is needed is not installed.
    """
    require_geo("answering many scenes")
    check_expressions(job.expressions)
    if not scenes:
        raise DataError("no scene: name files, folders or STAC")
    from rs2sam2.inference.batch.catalogue import write_collection  # not sooner: help does not wait for it

    if engine is Engine.ray:
        from rs2sam2.inference.batch.with_ray import require_ray

        require_ray()
    with job_folder(job):
        waiting = [scene for scene in scenes if not is_done(job.scene_folder(scene.scene_id), scene.source)]
        answered = []
        for status in _answers(job, waiting, engine, workers) if waiting else ():
            answered.append(status)
            if told is not None:
                told(status)
        write_collection(job, [folder.name for folder in (job.folder / SCENES).iterdir() if is_done(folder)])
    return BatchReport(len(scenes), len(scenes) - len(waiting), tuple(answered))


def _answers(job: Job, scenes: Sequence[Scene], engine: Engine, workers: int | None) -> Iterator[Status]:
    if engine is Engine.ray:
        from rs2sam2.inference.batch.with_ray import answers_with_ray

        return answers_with_ray(job, scenes, workers)
    return _one_by_one(job, scenes)


def _one_by_one(job: Job, scenes: Sequence[Scene]) -> Iterator[Status]:
    from rs2sam2.inference.batch.answering import answer_scene, load

    segmenter = load(job)
    for scene in scenes:
        yield answer_scene(segmenter, job, scene)
