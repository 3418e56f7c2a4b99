"""Where masks come from: weights that are asked, or files that another system wrote."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from rs2sam2.data.sample import Sample
from rs2sam2.errors import DataError
from rs2sam2.evaluation.benchmark.masks import mask_name, read_mask
from rs2sam2.evaluation.benchmark.questions import Question
from rs2sam2.evaluation.boundary import Mask
from rs2sam2.evaluation.figures import PAPER_SIDE
from rs2sam2.files import file_sha256
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.segmenter import Segmenter

_LISTED = 20


@dataclass(frozen=True)
class Answer:
    """What a system found.

    Attributes:
        mask: (H, W) at the picture's own size; empty where nothing was found.
        paper_mask: (1024, 1024), made as the masks of published figures are: logits brought there, then cut at the
            threshold; None for systems that give masks only.
        p_present, predicted_iou, score: as in `Segmentation`; None for masks of another system.
    """

    mask: Mask
    paper_mask: Mask | None = None
    p_present: float | None = None
    predicted_iou: float | None = None
    score: float | None = None


class System(Protocol):
    """What is measured."""

    @property
    def name(self) -> str:
        """For headings."""

    @property
    def identity(self) -> dict[str, Any]:
        """Whatever decides its answers, for JSON: measurements with another identity are not mixed."""

    def __call__(self, samples: Sequence[Sample]) -> Iterator[Answer]:
        """Answer sentences about one picture or several."""


class Weights:
    """A model, asked as users ask it: with its own thresholds, an empty mask where it says that nothing is there."""

    def __init__(self, segmenter: Segmenter, device: str, precision: str) -> None:
        self._segmenter = segmenter
        weights = segmenter.weights
        self.name = weights.name
        self.identity = {
            "weights": weights.name,
            "weights_sha256": weights.sha256,
            "weights_license": weights.license,
            "device": device,
            "precision": precision,
            "masks_at_1024": "logits enlarged, then cut at the threshold",
        }

    def __call__(self, samples: Sequence[Sample]) -> Iterator[Answer]:
        """Ask the sentences together, whichever pictures they are about.

        Raises:
            ImageError: a picture is missing or damaged.
            ExpressionError: a sentence is blank or longer than the model reads.
        """
        images = {sample.name: RasterImage(sample.image, name=sample.name) for sample in samples}
        for answer in self._segmenter.answers([(images[sample.name], sample.sentence) for sample in samples]):
            paper_mask = self._segmenter.mask_on_grid(answer, PAPER_SIDE, PAPER_SIDE)
            yield Answer(answer.mask, paper_mask, answer.p_present, answer.predicted_iou, answer.score)


class Predictions:
    """A folder of masks that any system wrote: a PNG file for each sample."""

    def __init__(self, folder: Path, questions: Sequence[Question]) -> None:
        """Look for the files.

        Raises:
            DataError: the folder is none, or masks are missing; the error names them.
        """
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder: give the folder with the masks")
        names = [mask_name(question.sample) for question in questions]
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            listed = ", ".join(missing[:_LISTED]) + (", ..." if len(missing) > _LISTED else "")
            raise DataError(
                f"{folder}: {len(missing)} of {len(names)} masks are missing ({listed}): write an all-black mask where "
                "the system finds nothing"
            )
        self._folder = folder
        self.name = folder.name or folder.resolve().name
        self.identity = {
            "predictions": self.name,
            "predictions_sha256": _checksum(folder, names),
            "masks_at_1024": "masks enlarged, nearest neighbour",
        }

    def __call__(self, samples: Sequence[Sample]) -> Iterator[Answer]:
        """Read the masks.

        Raises:
            DataError: one cannot be read, or has not the picture's size.
        """
        for sample in samples:
            yield Answer(read_mask(self._folder / mask_name(sample.sample_id), sample.mask.shape))


def _checksum(folder: Path, names: Sequence[str]) -> str:
    digest = sha256()
    for name in names:
        digest.update(name.encode() + b"\0" + file_sha256(folder / name).encode())
    return digest.hexdigest()
