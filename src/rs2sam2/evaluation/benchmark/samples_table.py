"""The table of samples as a Parquet file: the counts of `SampleScore` and what each sample's figures come to."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rs2sam2.errors import DataError
from rs2sam2.evaluation.benchmark.score import SampleScore, columns
from rs2sam2.evaluation.benchmark.slices import target_size
from rs2sam2.evaluation.figures import BOUNDARY_F1, NATIVE_FIGURES, PAPER_FIGURES, by_unit

_TYPES: dict[Any, pa.DataType] = {str: pa.string(), int: pa.int64(), bool: pa.bool_()}


def table(scores: Sequence[SampleScore]) -> pa.Table:
    """One row a sample: `SampleScore`, then its part by size and its own figures, 0..1.

    "iou", "boundary_iou" and "boundary_f1" are at the image's own size, null where nothing is meant; "iou_at_1024" is
    0 there.
    """
    counts, names = columns(scores), [row.sample for row in scores]
    native, paper = by_unit(NATIVE_FIGURES, counts, names), by_unit(PAPER_FIGURES, counts, names)
    rows = [
        {
            **asdict(row),
            "target_size": target_size(row),
            "iou": native[row.sample]["mean_iou"],
            "boundary_iou": native[row.sample]["mean_boundary_iou"],
            "boundary_f1": native[row.sample][BOUNDARY_F1],
            "iou_at_1024": paper[row.sample]["mean_iou"],
        }
        for row in scores
    ]
    own = [(field.name, _TYPES.get(field.type, pa.float64())) for field in fields(SampleScore)]
    derived = [(name, pa.float64()) for name in ("iou", "boundary_iou", "boundary_f1", "iou_at_1024")]
    return pa.Table.from_pylist(rows, pa.schema([*own, ("target_size", pa.string()), *derived]))


def write_table(path: Path, scores: Sequence[SampleScore]) -> None:
    """Write the table."""
    pq.write_table(table(scores), path)


def read_table(path: Path) -> list[SampleScore]:
    """Read the table back.

    Raises:
        DataError: it is missing, damaged, or of another version.
    """
    try:
        rows = pq.read_table(path, columns=[field.name for field in fields(SampleScore)]).to_pylist()
        return [SampleScore.read(row) for row in rows]
    except (OSError, pa.ArrowException, TypeError, KeyError) as error:
        raise DataError(f"{path}: cannot be read ({error}): make it with rs2sam2 evaluate") from error
