"""Many workers on a Ray cluster, one model each. Needs the extra 'ray'.

Workers write into the job's folder themselves: on a cluster of several machines it has to be on a disk that all share.
"""

import os
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from rs2sam2.errors import MissingExtraError, Rs2Sam2Error
from rs2sam2.inference.batch.job import Job
from rs2sam2.inference.batch.scenes import Scene
from rs2sam2.inference.batch.status import Status

MOST_DEATHS = 3
"""Workers that one scene may cost: memory runs out on some scenes however often they are tried."""
_STARTS = 3
_STORE = 128 << 20  # bytes of shared memory: what goes between processes are names and numbers


def require_ray() -> None:
    """Refuse without Ray.

    Raises:
        MissingExtraError: if the extra 'ray' is not installed.
    """
    if find_spec("ray") is None:
        raise MissingExtraError("--engine ray", "ray")


def answers_with_ray(job: Job, scenes: Sequence[Scene], workers: int | None) -> Iterator[Status]:
    """Ask scenes, each in a worker. The scene of a worker that dies is asked again in another one.

    Yields:
        What became of each scene, in the order in which they end.

    Raises:
        WeightsError, ConfigError: if the workers cannot load the model.
        ExpressionError: if it cannot read the words.
        Rs2Sam2Error: if there is no cluster.
    """
    ray: Any = import_module("ray")  # its functions carry no types
    with _cluster(ray, workers):
        resources = ray.cluster_resources()
        cards = int(resources.get("GPU", 0)) if job.device is None or job.device.startswith("cuda") else 0
        count = workers or cards or int(resources.get("CPU", 1))
        make = ray.remote(max_restarts=0, num_cpus=1, num_gpus=1 if cards else 0)(_Worker).remote
        waiting, deaths = deque(scenes), Counter[str]()
        asked: dict[Any, tuple[Any, Scene]] = {}

        def ask(worker: Any) -> None:  # noqa: ANN401 - an actor's handle
            scene = waiting.popleft()
            asked[worker.answer.remote(scene)] = (worker, scene)

        for _ in range(min(count, len(scenes))):
            ask(make(job))
        while asked:
            (ready, *_), _ = ray.wait(list(asked), num_returns=1)
            worker, scene = asked.pop(ready)
            try:
                yield ray.get(ready)
            except ray.exceptions.RayTaskError as error:
                raise _refusal(error) or error from error
            except ray.exceptions.RayActorError as error:
                if (told := _refusal(error)) is not None:
                    raise told from error
                deaths[scene.source] += 1
                if deaths[scene.source] < MOST_DEATHS:
                    waiting.appendleft(scene)
                else:
                    yield _given_up(job, scene)
                worker = make(job) if waiting else None
            if waiting and worker is not None:
                ask(worker)


class _Worker:
    """A process of its own, with one model."""

    def __init__(self, job: Job) -> None:
        from rs2sam2.inference.batch.answering import load

        self._job = job
        self._refusal: Rs2Sam2Error | None = None
        try:
            self._segmenter = load(job)
        except Rs2Sam2Error as error:  # of an actor that could not be made, Ray tells the text alone
            self._refusal = error

    def answer(self, scene: Scene) -> Status:
        from rs2sam2.inference.batch.answering import answer_scene

        if self._refusal is not None:
            raise self._refusal
        return answer_scene(self._segmenter, self._job, scene)


@contextmanager
def _cluster(ray: Any, workers: int | None) -> Iterator[None]:  # noqa: ANN401 - a module without types
    """The cluster that RAY_ADDRESS names, or one on this machine for as long as the block lasts."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would tell its makers
    local: dict[str, Any] = {}
    if "RAY_ADDRESS" not in os.environ:
        # "local": else Ray would join whatever cluster was started on this machine last.
        local = {"address": "local", "num_cpus": workers, "object_store_memory": _STORE, "include_dashboard": False}
    begun = not ray.is_initialized()
    if begun:
        _start(ray, local)
    try:
        yield
    finally:
        if begun:
            ray.shutdown()


def _start(ray: Any, local: Mapping[str, Any]) -> None:  # noqa: ANN401 - a module without types
    """Connect to a cluster, or start one here, where a busy machine may need more than the 30 s that Ray waits."""
    for left in reversed(range(_STARTS if local else 1)):
        try:
            ray.init(log_to_driver=False, logging_level="error", **local)
            return
        except Exception as error:  # it raises plain ones, too
            ray.shutdown()
            if not left:
                raise Rs2Sam2Error(
                    f"Ray: no cluster ({error}): check RAY_ADDRESS, and set RAY_AUTH_MODE=token where the cluster asks "
                    "for a token; or unset the address for a cluster on this machine"
                ) from error


def _refusal(error: BaseException | None) -> Rs2Sam2Error | None:
    """What a worker said that refused the job; None for one that died."""
    # Ray's own error passes for the one inside it, with a text that begins with the worker.
    while error is not None and (getattr(error, "cause", None) is not None or not isinstance(error, Rs2Sam2Error)):
        error = getattr(error, "cause", None) or error.__cause__
    return error


def _given_up(job: Job, scene: Scene) -> Status:
    reason = f"{MOST_DEATHS} workers died of it one after the other: too little memory? Give fewer workers"
    status = Status(scene.scene_id, scene.source, "failed", reason=reason)
    folder = job.scene_folder(scene.scene_id)
    folder.mkdir(parents=True, exist_ok=True)
    status.write(folder)
    return status
