"""What is asked of every scene, and the folder that the answers go to."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rs2sam2.errors import OutputError
from rs2sam2.files import whole_file
from rs2sam2.inference.raster.options import RasterOptions

JOB, LOCK, SCENES, TABLE = "job.json", ".lock", "scenes", "segments"


@dataclass(frozen=True)
class Job:
    """The question.

    Attributes:
        expressions: what to look for.
        folder: where answers go, absolute.
        weights: a name, a path, or a model on the Hub.
        device: as for `Segmenter.from_pretrained`.
        precision: likewise.
        options: how each raster is looked at.
        compiled: as `compile` of `Segmenter.from_pretrained`; answers do not depend on it.
    """

    expressions: tuple[str, ...]
    folder: Path
    weights: str = "nano"
    device: str | None = None
    precision: str = "auto"
    options: RasterOptions = field(default_factory=RasterOptions)
    compiled: bool = False

    def scene_folder(self, scene_id: str) -> Path:
        """Where the answer to one scene goes."""
        return self.folder / SCENES / scene_id

    @property
    def question(self) -> dict[str, Any]:
        """What answers depend on, as JSON has it."""
        question = {
            "expressions": self.expressions,
            "weights": self.weights,
            "precision": self.precision,
            "options": asdict(self.options),
        }
        found: dict[str, Any] = json.loads(json.dumps(question))
        return found


@contextmanager
def job_folder(job: Job) -> Iterator[None]:
    """Make the folder, or go on in one that was begun with the same question; nobody else works in it meanwhile.

    Raises:
        OutputError: if it cannot be written, another run works in it, or it was begun with another question.
    """
    try:
        (job.folder / SCENES).mkdir(parents=True, exist_ok=True)
        lock = os.open(job.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise OutputError(f"{job.folder}: cannot be written ({error.strerror}): give another folder") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(f"{job.folder}: another run works in this folder: wait for it") from error
        _begin(job)
        yield
    finally:
        os.close(lock)


def _begin(job: Job) -> None:
    path = job.folder / JOB
    try:
        before = json.loads(path.read_text("utf-8")) if path.exists() else None
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: cannot be read ({error}): give another folder") from error
    if before is None:
        if any((job.folder / SCENES).iterdir()):
            raise OutputError(f"{job.folder}: holds results, and not of what question: give another folder")
        with whole_file(path) as temporary:
            temporary.write_text(json.dumps(job.question, indent=2, ensure_ascii=False) + "\n", "utf-8")
    elif before != job.question:
        changed = [
            name for name in job.question if not isinstance(before, dict) or before.get(name) != job.question[name]
        ]
        raise OutputError(f"{job.folder}: begun with other {' and '.join(changed)}: give the same, or another folder")
