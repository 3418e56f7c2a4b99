"""Samples of a referring data set as a model takes them: pictures at S and U, masks by nearest neighbour."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from rs2sam2.config import ModelConfig
from rs2sam2.data.sample import Sample
from rs2sam2.preprocess import normalise, views
from rs2sam2.tokenizer import Tokenizer

Augment = Callable[[int, NDArray[np.uint8]], NDArray[np.uint8]]
"""From a sample's index and picture (H, W, 3) to what the model sees of it."""


class Prepared(NamedTuple):
    """One sample: pictures (3, S, S) and (3, U, U) uint8, mask (M, M) uint8 of 0 and 1; see `ReferringBatch`."""

    image: Tensor
    union_image: Tensor
    mask: Tensor
    counted: bool
    sample_id: str
    sentence: str


class ReferringBatch(NamedTuple):
    """Several samples. Their pictures are bytes at first, a quarter of what the model takes; see `normalised`.

    Attributes:
        image: (B, 3, S, S).
        union_image: (B, 3, U, U).
        input_ids: (B, L) int64.
        attention_mask: (B, L) bool.
        mask: (B, M, M) uint8 of 0 and 1.
        counted: (B,) bool; False for repetitions that only keep several processes in step.
        sample_ids: for messages.
        sentences: for messages.
    """

    image: Tensor
    union_image: Tensor
    input_ids: Tensor
    attention_mask: Tensor
    mask: Tensor
    counted: Tensor
    sample_ids: list[str]
    sentences: list[str]

    def normalised(self, dtype: torch.dtype = torch.float32) -> Self:
        """The batch as the model takes it: pictures normalised, where they lie, and then in the model's type."""
        image, union_image = (normalise(view).to(dtype) for view in (self.image, self.union_image))
        return self._replace(image=image, union_image=union_image)


class PreparedSamples(Dataset[Prepared]):
    """Samples, map-style.

    Args:
        samples: what a reader gives.
        config: gives S and U.
        mask_side: M, pixels.
        augment: see `Augment`; it may give another size than it was given.
    """

    def __init__(
        self, samples: Sequence[Sample], config: ModelConfig, mask_side: int, augment: Augment | None = None
    ) -> None:
        self.samples, self.config, self.mask_side, self.augment = samples, config, mask_side, augment

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.samples)

    def __getitem__(self, index: int) -> Prepared:
        """Sample `index`; past the end it begins anew, and those samples do not count.

        Raises:
            DataError, ImageError: the sample cannot be read.
        """
        sample = replace(self.samples[index % len(self)])  # a copy, so that nobody keeps its pixels
        image = self.augment(index, sample.image) if self.augment else sample.image
        side = (self.mask_side, self.mask_side)
        mask = np.asarray(Image.fromarray(sample.stored_mask).resize(side, Image.Resampling.NEAREST))
        return Prepared(
            *views(image, self.config),
            torch.from_numpy(mask.astype(np.uint8)),
            index < len(self),
            sample.sample_id,
            sample.sentence,
        )


class CollatePrepared:
    """Samples to one `ReferringBatch`."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer

    def __call__(self, prepared: list[Prepared]) -> ReferringBatch:
        """Side by side, sentences padded at their ends.

        Raises:
            ExpressionError: a sentence is blank, or longer than the model reads.
        """
        image, union_image, mask, counted, sample_ids, sentences = zip(*prepared, strict=True)
        # torch's own stacking: in a worker process it writes to where the training process reads.
        stacked, union_stacked, masks = (default_collate(list(tensors)) for tensors in (image, union_image, mask))
        return ReferringBatch(
            stacked,
            union_stacked,
            *self.tokenizer.batch(sentences),
            masks,
            torch.tensor(counted),
            list(sample_ids),
            list(sentences),
        )


def one_sentence_per_thing(samples: Iterable[Sample], seed: int) -> list[Sample]:
    """A sentence drawn for each thing, the same each time; a sentence whose set names no thing is one of its own."""
    things: dict[object, list[Sample]] = {}
    for sample in samples:
        things.setdefault(sample.sample_id if sample.ref_id is None else sample.ref_id, []).append(sample)
    rng = np.random.default_rng(seed)
    return [said[int(rng.integers(len(said)))] for said in things.values()]
