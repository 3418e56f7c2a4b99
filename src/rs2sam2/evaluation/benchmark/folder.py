"""The folder that a measurement fills: begun, gone on with, or finished.

While it runs: `journal.jsonl` and `masks/`. When it has finished: `samples.parquet`, `report.html`, `report.md` and,
written last, `metrics.json` (a folder that has it is complete); the journal is gone, for the table holds all of it.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rs2sam2.errors import OutputError
from rs2sam2.evaluation.benchmark.samples_table import read_table, write_table
from rs2sam2.evaluation.benchmark.score import SampleScore
from rs2sam2.evaluation.benchmark.summary import FORMAT
from rs2sam2.evaluation.report_file import read_report
from rs2sam2.files import whole_file

JOURNAL, MASKS = "journal.jsonl", "masks"
METRICS, SAMPLES, PAGE, DOCUMENT = "metrics.json", "samples.parquet", "report.html", "report.md"


def prepare(folder: Path, *, restart: bool) -> None:
    """Make the folder, or see whether it can be gone on with.

    Args:
        folder: may hold a measurement that was begun.
        restart: throw away what was measured into this folder before.

    Raises:
        OutputError: it holds a finished measurement or other things, or cannot be written.
    """
    ours = [folder / name for name in (METRICS, JOURNAL, SAMPLES, PAGE, DOCUMENT, MASKS)]
    begun, finished = (folder / JOURNAL).exists(), (folder / METRICS).exists()
    try:
        if folder.is_dir() and any(folder.iterdir()) and not begun and not finished:
            raise OutputError(f"{folder}: holds other things: give a new or empty folder")
        if finished and not begun and not restart:
            raise OutputError(f"{folder}: holds a finished measurement: give another folder, or --restart")
        if restart:
            for path in ours:
                if path.is_dir():
                    shutil.rmtree(path)
                path.unlink(missing_ok=True)
        (folder / MASKS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror}): give another place") from error


def finish(folder: Path, report: Mapping[str, Any], scores: list[SampleScore], page: str, document: str) -> None:
    """Write the results, each whole or not at all, and drop the journal.

    Raises:
        OutputError: one cannot be written.
    """
    try:
        with whole_file(folder / SAMPLES) as path:
            write_table(path, scores)
        metrics = json.dumps(report, indent=1, allow_nan=False) + "\n"
        for name, text in ((PAGE, page), (DOCUMENT, document), (METRICS, metrics)):
            with whole_file(folder / name) as path:
                path.write_text(text, encoding="utf-8")
        (folder / JOURNAL).unlink()
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written ({error.strerror}): free some room, then the same command goes on"
        ) from error


def read_measured(folder: Path) -> tuple[dict[str, Any], list[SampleScore]]:
    """The content of `metrics.json` and the table of samples.

    Raises:
        DataError: the folder holds no finished measurement of this version.
    """
    return read_report(folder / METRICS, FORMAT, "evaluate"), read_table(folder / SAMPLES)
