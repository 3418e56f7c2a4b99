"""Training samples without end: rendered scenes, cuts of real ground, and annotated sentences, mixed by weight.

An item is a *group*: one scene with several expressions, so that a batch asks different things of the same picture.
Item i depends on the seed and i alone; training that resumes goes on with the samples that it would have seen.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageEnhance
from torch import Tensor
from torch.utils.data import Dataset

from rs2sam2.data.expressions import make_expressions
from rs2sam2.data.paste import paste_roofs
from rs2sam2.data.rrsisd import Sample
from rs2sam2.data.scene import BACKGROUND, Scene
from rs2sam2.data.synthetic import CATEGORIES, render_scene
from rs2sam2.preprocess import normalised
from rs2sam2.tokenizer import Tokenizer

T = TypeVar("T")
MOST_ATTEMPTS = 8
UNKNOWN = 255
EASY_THINGS = (3, 6)
EASY_LEAST_SAID = 2
EASY_LEAST_SHARE = 0.005
SMALLEST_WINDOW = 352


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


@dataclass(frozen=True)
class MixtureWeights:
    """How often a group comes from each source.

    Attributes:
        rendered: scenes that are rendered for the occasion.
        real: cuts of real ground, turned and mirrored, with expressions made afterwards.
        annotated: annotated images with sentences of their own; never turned, never mirrored.
    """

    rendered: float = 0.45
    real: float = 0.45
    annotated: float = 0.1


class Group(NamedTuple):
    """One picture (S, S, 3) uint8, what its pixels show, and several things said of it, each with its boolean mask."""

    image: NDArray[np.uint8]
    classes: NDArray[np.uint8]
    said: list[tuple[str, NDArray[np.bool_]]]


class Mixture(Dataset[Group]):
    """Groups, map-style and practically endless.

    Args:
        scenes: real ground (`rs2sam2.data.real_scenes.load_scenes`).
        annotated: annotated sentences (`rs2sam2.data.rrsisd.RRSISD`, `no_target`), grouped by image here.
        weights: how the sources are mixed.
        sizes: pairs (first item, image side): from which item on which S is used.
        group_size: expressions per scene.
        length: number of items.
        seed: of everything.
        absent_share: chance that an expression means nothing in its scene.
        paste_share: chance that roofs are pasted into a real cut.
        easy: from the first of these items on, easy groups become fewer, and from the second on there are none. An
            easy group shows a few real things on a blank or faded ground and says plain things of them. Words come to
            mean places within thousands of such groups; from the whole language and whole scenes alone they do not.
    """

    def __init__(
        self,
        scenes: Sequence[Scene],
        annotated: Sequence[Sample],
        weights: MixtureWeights,
        sizes: Sequence[tuple[int, int]],
        *,
        group_size: int,
        length: int,
        seed: int,
        absent_share: float,
        paste_share: float,
        easy: tuple[int, int] = (0, 0),
    ) -> None:
        self.scenes = scenes
        self.annotated: list[list[Sample]] = list(_by_image(annotated).values())
        self.shares = np.array([weights.rendered, weights.real, weights.annotated], dtype=float)
        self.shares /= self.shares.sum()
        self.sizes, self.group_size, self.length, self.seed = sizes, group_size, length, seed
        self.absent_share, self.paste_share, self.easy = absent_share, paste_share, easy

    def __len__(self) -> int:
        """Number of groups."""
        return self.length

    def __getitem__(self, index: int) -> Group:
        """Group `index`: always `group_size` things are said, some of them twice if there is little to say."""
        if not 0 <= index < self.length:
            raise IndexError(index)
        rng = np.random.default_rng([self.seed, index])
        size = next(size for start, size in reversed(self.sizes) if start <= index)
        easy = rng.random() < self._easy_share(index)
        source = 1 if easy else rng.choice(3, p=self.shares)
        for _ in range(MOST_ATTEMPTS):
            if source == 2:
                return self._annotated_group(rng, size)
            scene = self._real_cut(rng, size) if source == 1 else render_scene(rng, size)
            if easy:
                scene = faded(scene, rng) if rng.random() < index / self.easy[1] else sparse(scene, rng)
                if not scene.labels.any():
                    continue
                made = make_expressions(scene, rng, self.group_size, 0.0, self.absent_share / 4, plain=True)
            else:
                made = make_expressions(scene, rng, self.group_size, absent_share=self.absent_share)
            if len(made) >= (EASY_LEAST_SAID if easy else 1):
                said = [(expression.text, scene.mask(expression.targets)) for expression in made]
                return Group(photometric(scene.image, rng), class_map(scene), _cycled(said, self.group_size))
        return self._annotated_group(rng, size)

    def _easy_share(self, index: int) -> float:
        """1 until the first mark, then falling along a line to 0 at the second."""
        first, second = self.easy
        return float(np.clip((second - index) / max(1, second - first), 0.0, 1.0))

    def _real_cut(self, rng: np.random.Generator, size: int) -> Scene:
        """A square window of real ground, mostly around a thing, turned and scaled, now and then with pasted roofs."""
        scene = self._drawn_scene(rng)
        height, width = scene.labels.shape
        side = int(rng.integers(min(SMALLEST_WINDOW, height, width), min(height, width) + 1))
        if rng.random() < 0.2:
            side = min(height, width)
        y, x = rng.integers(height - side + 1), rng.integers(width - side + 1)
        if scene.things and rng.random() < 0.7:
            rows, columns = np.nonzero(scene.labels == 1 + rng.integers(len(scene.things)))
            if rows.size:
                y = int(np.clip(rows.mean() - side * rng.uniform(0.1, 0.9), 0, height - side))
                x = int(np.clip(columns.mean() - side * rng.uniform(0.1, 0.9), 0, width - side))
        cut = scene.cut(int(x), int(y), side, side).turned(int(rng.integers(4)), bool(rng.integers(2)))
        cut = cut.resized(size, size)
        if rng.random() < self.paste_share:
            donors = [self._drawn_scene(rng) for _ in range(2)]
            cut = paste_roofs(cut, donors, rng, max_count=4)
        return cut

    def _drawn_scene(self, rng: np.random.Generator) -> Scene:
        return self.scenes[int(rng.integers(len(self.scenes)))]

    def _annotated_group(self, rng: np.random.Generator, size: int) -> Group:
        samples = self.annotated[rng.integers(len(self.annotated))]
        drawn = _cycled([samples[i] for i in rng.permutation(len(samples))], self.group_size)
        picture = Image.fromarray(samples[0].image).resize((size, size), Image.Resampling.BILINEAR)
        masks = [Image.fromarray(sample.mask).resize((size, size), Image.Resampling.NEAREST) for sample in drawn]
        said = [(sample.sentence, np.asarray(mask)) for sample, mask in zip(drawn, masks, strict=True)]
        unknown = np.full((size, size), UNKNOWN, dtype=np.uint8)
        return Group(photometric(np.asarray(picture), rng), unknown, said)


class Collate:
    """Groups to one `Batch`."""

    def __init__(self, tokenizer: Tokenizer, union_image_size: int) -> None:
        self.tokenizer, self.union_image_size = tokenizer, union_image_size

    def __call__(self, groups: list[Group]) -> Batch:
        """Normalise each picture once and tokenise all sentences together."""
        pictures = [Image.fromarray(group.image) for group in groups]
        times = torch.tensor([len(group.said) for group in groups])
        said = [pair for group in groups for pair in group.said]
        sentences = [sentence for sentence, _ in said]
        return Batch(
            torch.stack([normalised(picture, picture.width) for picture in pictures]).repeat_interleave(times, 0),
            torch.stack([normalised(picture, self.union_image_size) for picture in pictures]).repeat_interleave(
                times, 0
            ),
            *self.tokenizer.batch(sentences),
            torch.from_numpy(np.stack([mask for _, mask in said]).astype(np.uint8)),
            torch.from_numpy(np.stack([group.classes for group in groups])).repeat_interleave(times, 0),
            sentences,
        )


def class_map(scene: Scene) -> NDArray[np.uint8]:
    """(H, W): 0 for background, k + 1 where a thing of `CATEGORIES[k]` is seen."""
    classes = [0, *(1 + CATEGORIES.index(thing.category) for thing in scene.things)]
    return np.array(classes, dtype=np.uint8)[scene.labels]


def sparse(scene: Scene, rng: np.random.Generator) -> Scene:
    """Some of the larger things alone, on a blank ground; none if there are too few to tell apart."""
    large = np.flatnonzero(scene.areas() > EASY_LEAST_SHARE * scene.labels.size)
    least, most = EASY_THINGS
    kept = rng.permutation(large)[: rng.integers(least, most + 1) if large.size >= least else 0]
    labels = np.where(np.isin(scene.labels, kept + 1), scene.labels, 0).astype(np.uint16)
    return _with_ground(replace(scene, labels=labels), 0.0)


def faded(scene: Scene, rng: np.random.Generator) -> Scene:
    """All things, on a ground of less contrast."""
    return _with_ground(scene, float(rng.random()))


def _with_ground(scene: Scene, contrast: float) -> Scene:
    """Shrink the ground's contrast around its mean to this share; 0 leaves it blank."""
    ground = scene.labels == BACKGROUND
    if not ground.any():
        return scene
    image = scene.image.copy()
    pixels = image[ground].astype(np.float32)
    mean = pixels.mean()
    image[ground] = mean + contrast * (pixels - mean)
    return replace(scene, image=image)


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


def _by_image(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.name].append(sample)
    return groups


def _cycled(items: Sequence[T], count: int) -> list[T]:
    return [items[i % len(items)] for i in range(count)]
