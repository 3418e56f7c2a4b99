"""Groups of sentences about one picture, and the batches that are made of them."""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from torch import Tensor

from rs2sam2.data.scene import Scene
from rs2sam2.data.synthetic import CATEGORIES
from rs2sam2.preprocess import normalised
from rs2sam2.tokenizer import Tokenizer

UNKNOWN = 255


class Batch(NamedTuple):
    """What a training step gets. S is the image side of this step, U the union encoder's.

    Attributes:
        image: (B, 3, S, S), normalised.
        union_image: (B, 3, U, U), normalised.
        input_ids: (B, L) int64.
        attention_mask: (B, L) bool.
        mask: (B, S, S) uint8 of 0 and 1; all 0 where the sentence means nothing in the scene.
        classes: (B, S, S) uint8: 0 background, k + 1 where a thing of `CATEGORIES[k]` is seen, `UNKNOWN` where nobody
            knows; the same for all sentences about a picture.
        sentences: the words, for messages.
    """

    image: Tensor
    union_image: Tensor
    input_ids: Tensor
    attention_mask: Tensor
    mask: Tensor
    classes: Tensor
    sentences: list[str]


class Group(NamedTuple):
    """A picture with several things said of it.

    Attributes:
        image: (P, P, 3) uint8.
        classes: (P, P) uint8, what its pixels show (see `Batch.classes`).
        said: sentences, each with its boolean mask (P, P).
        image_size: S, the side at which SAM 2's trunk sees it.
    """

    image: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    said: list[tuple[str, NDArray[np.bool_]]]
    image_size: int


class Collate:
    """Groups, two by two as `Mixture` gives them, to one `Batch`."""

    def __init__(self, tokenizer: Tokenizer, union_image_size: int) -> None:
        self.tokenizer, self.union_image_size = tokenizer, union_image_size

    def __call__(self, pairs: list[tuple[Group, Group]]) -> Batch:
        """Normalise each picture once and tokenise all sentences together."""
        groups = [group for pair in pairs for group in pair]
        side = groups[0].image_size
        pictures = [Image.fromarray(group.image) for group in groups]
        times = torch.tensor([len(group.said) for group in groups])
        said = [pair for group in groups for pair in group.said]
        sentences = [sentence for sentence, _ in said]

        def views(size: int) -> Tensor:
            return torch.stack([normalised(picture, size) for picture in pictures]).repeat_interleave(times, 0)

        return Batch(
            views(side),
            views(self.union_image_size),
            *self.tokenizer.batch(sentences),
            _at_size(np.stack([mask for _, mask in said]).astype(np.uint8), side),
            _at_size(np.stack([group.classes for group in groups]), side).repeat_interleave(times, 0),
            sentences,
        )


def _at_size(maps: NDArray[np.uint8], side: int) -> Tensor:
    """(N, P, P) at (N, side, side), each pixel what lies at its centre."""
    tensor = torch.from_numpy(maps)
    if tensor.shape[-1] == side:
        return tensor
    return F.interpolate(tensor[:, None], size=(side, side), mode="nearest-exact")[:, 0]


def class_map(scene: Scene) -> NDArray[np.uint8]:
    """(H, W): 0 for background, k + 1 where a thing of `CATEGORIES[k]` is seen."""
    classes = [0, *(1 + CATEGORIES.index(thing.category) for thing in scene.things)]
    return np.array(classes, dtype=np.uint8)[scene.labels]


def photometric(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Small changes of light that leave the names of colours true: brightness, contrast, saturation, noise."""
    picture = Image.fromarray(image)
    for enhancer, spread in ((ImageEnhance.Brightness, 0.2), (ImageEnhance.Contrast, 0.2), (ImageEnhance.Color, 0.2)):
        picture = enhancer(picture).enhance(float(rng.uniform(1 - spread, 1 + spread)))
    pixels = np.asarray(picture)
    if rng.random() < 0.3:
        noise = rng.normal(0, rng.uniform(1, 6), pixels.shape)
        pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    return pixels
