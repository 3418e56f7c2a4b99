"""The run itself: a few whole pictures at a time, finished before the next begin."""

import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

from rs2sam2.data.sample import MaskSizeWarning
from rs2sam2.errors import DataError, OutputError
from rs2sam2.evaluation.benchmark.answers import System
from rs2sam2.evaluation.benchmark.folder import JOURNAL, MASKS
from rs2sam2.evaluation.benchmark.journal import open_journal
from rs2sam2.evaluation.benchmark.masks import mask_name, write_mask
from rs2sam2.evaluation.benchmark.questions import Question, questions_sha256
from rs2sam2.evaluation.benchmark.score import SampleScore, score
from rs2sam2.evaluation.progress import bar
from rs2sam2.inference.segmenter import LARGEST_BATCH

_FORMAT = 1


def run(questions: Sequence[Question], system: System, folder: Path) -> list[SampleScore]:
    """Score every answer; what the folder's journal holds already is not asked again.

    Writes `journal.jsonl` and `masks/<sample>.png`, and leaves both.

    Args:
        questions: about any number of pictures.
        system: what is measured.
        folder: see `folder.prepare`.

    Returns:
        Scores in the order of the questions.

    Raises:
        DataError, ImageError: data, predictions or journal cannot be used.
        OutputError: the folder cannot be written.
    """
    by_picture: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        by_picture[question.picture].append(question)
    header = {"format": _FORMAT, "questions_sha256": questions_sha256(questions), **system.identity}
    with open_journal(folder / JOURNAL, header) as journal, bar() as progress:
        done = sum(len(by_picture.get(picture, ())) for picture in journal.done)
        task = progress.add_task(f"measuring {system.name}", total=len(questions), completed=done)
        for pictures in _batches(by_picture):
            left = [picture for picture in pictures if picture not in journal.done]
            if left:
                found = _score([*chain.from_iterable(pictures.values())], system, folder / MASKS)
                for picture in left:
                    journal.append(picture, [found[question.sample] for question in pictures[picture]])
                    progress.advance(task, len(pictures[picture]))
        scores = {row.sample: row for rows in journal.done.values() for row in rows}
    try:
        return [scores[question.sample] for question in questions]
    except KeyError as error:
        raise DataError(f"{folder / JOURNAL}: lacks sample {error}: use --restart to measure again") from error


def _batches(by_picture: Mapping[str, list[Question]]) -> Iterator[dict[str, list[Question]]]:
    """Whole pictures that fill a batch of the model, or one that asks more.

    They do not depend on what is done already, so a run that goes on gives the numbers of an undisturbed one.
    """
    batch: dict[str, list[Question]] = {}
    for picture, asked in by_picture.items():
        if batch and sum(map(len, batch.values())) + len(asked) > LARGEST_BATCH:
            yield batch
            batch = {}
        batch[picture] = asked
    if batch:
        yield batch


def _score(asked: Sequence[Question], system: System, folder: Path) -> dict[str, SampleScore]:
    """Scores by sample; their masks are written first, so that the journal names no picture without them."""
    samples = [question.read() for question in asked]
    scores = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MaskSizeWarning)  # the rows say so
        for question, sample, answer in zip(asked, samples, system(samples), strict=True):
            scores[question.sample] = score(question, sample, answer)
            path = folder / mask_name(question.sample)
            try:
                write_mask(path, answer.mask)
            except OSError as error:
                raise OutputError(
                    f"{path}: cannot be written ({error.strerror}): free some room, then the same command goes on"
                ) from error
    return scores
