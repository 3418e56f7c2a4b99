"""Two finished measurements of the same samples."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rs2sam2.errors import DataError
from rs2sam2.evaluation.benchmark.folder import read_measured
from rs2sam2.evaluation.benchmark.score import SampleScore

_WORDS = {"sample": "name", "sentence": "sentence", "truth_sha256": "truth", "place": "place"}


@dataclass(frozen=True)
class Measured:
    """A folder that `rs2sam2 evaluate` finished.

    Attributes:
        folder: where it lies.
        report: its `metrics.json`.
        scores: of every sample, in the data set's order.
    """

    folder: Path
    report: Mapping[str, Any]
    scores: list[SampleScore]

    @property
    def label(self) -> str:
        """The system's name, and the folder's, since one system may be measured twice."""
        system, folder = self.report["system"]["name"], self.folder.resolve().name
        return system if system == folder else f"{system} ({folder})"


def read_pair(first: Path, second: Path) -> tuple[Measured, Measured]:
    """Read two measurements.

    Raises:
        DataError: one is not finished, or they are not of the same samples, truth and places.
    """
    pair = Measured(first, *read_measured(first)), Measured(second, *read_measured(second))
    for what in _WORDS:
        columns = [[getattr(row, what) for row in measured.scores] for measured in pair]
        if columns[0] != columns[1]:
            raise DataError(
                f"{first} and {second}: their samples differ in {_WORDS[what]}: measure both on the same data and "
                "split, with the same --place"
            )
    return pair
