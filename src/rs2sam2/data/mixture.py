"""Training samples without end: rendered scenes, cuts of real ground, and annotated sentences, mixed by weight.

An item is two pictures of one source with several expressions each, so that a batch asks different things of the same
picture, and the same of different pictures. Item i depends on the seed and i alone; training that resumes goes on with
the samples that it would have seen.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from PIL import Image
from torch.utils.data import Dataset

from rs2sam2.data.attributes import Attributes
from rs2sam2.data.easy_scenes import faded, sparse
from rs2sam2.data.expressions import Expression, certainly_absent, make_expressions
from rs2sam2.data.groups import UNKNOWN, Group, class_map, photometric
from rs2sam2.data.paste import paste_roofs
from rs2sam2.data.rrsisd import Sample
from rs2sam2.data.scene import Scene
from rs2sam2.data.synthetic import render_scene

T = TypeVar("T")
MOST_ATTEMPTS = 8
EASY_LEAST_SAID = 2
SMALLEST_WINDOW = 352
RENDERED, REAL, ANNOTATED = range(3)


@dataclass(frozen=True)
class Phase:
    """What samples are like from some point of the run on.

    Attributes:
        start: share of the run that is over when the phase begins.
        scene_size: P, side of the scenes in pixels; both views of the model are made from them.
        image_size: S, side at which SAM 2's trunk sees them.
        group_size: expressions about each scene.
        absent_share: chance that an expression means nothing in its scene; a quarter of it in easy groups.
        swapped_share: of these, the share that is said of the other picture of the item, where it does mean something:
            what words alone cannot tell. As far as there are such expressions.
    """

    start: float
    scene_size: int
    image_size: int
    group_size: int
    absent_share: float = 0.2
    swapped_share: float = 0.0


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


class Mixture(Dataset[tuple[Group, Group]]):
    """Pairs of groups, map-style and practically endless.

    Args:
        scenes: real ground (`rs2sam2.data.real_scenes.load_scenes`).
        annotated: annotated sentences (`rs2sam2.data.rrsisd.RRSISD`, `no_target`), grouped by image here.
        weights: how the sources are mixed.
        phases: the first starts at 0.
        length: number of items.
        step: items of one optimisation step, all of one phase.
        seed: of everything.
        paste_share: chance that roofs are pasted into a real cut.
        easy: from the first of these shares of the run on, easy groups become fewer, and from the second on there are
            none. An easy group says plain things of an easy scene (`rs2sam2.data.easy_scenes`).
        several: whether what is said of scenes may speak of several things; of `annotated`, all is taken.
    """

    def __init__(
        self,
        scenes: Sequence[Scene],
        annotated: Sequence[Sample],
        weights: MixtureWeights,
        phases: Sequence[Phase],
        *,
        length: int,
        step: int,
        seed: int,
        paste_share: float,
        easy: tuple[float, float] = (0.0, 0.0),
        several: bool = True,
    ) -> None:
        self.scenes = scenes
        self.annotated: list[list[Sample]] = list(_by_image(annotated).values())
        self.shares = np.array([weights.rendered, weights.real, weights.annotated], dtype=float)
        self.shares /= self.shares.sum()
        self.phases, self.length, self.step, self.seed = phases, length, step, seed
        self.paste_share, self.easy, self.several = paste_share, easy, several

    def __len__(self) -> int:
        """Number of items."""
        return self.length

    def __getitem__(self, index: int) -> tuple[Group, Group]:
        """Item `index`: about each picture `group_size` things are said, some twice if there is little to say."""
        if not 0 <= index < self.length:
            raise IndexError(index)
        rng = np.random.default_rng([self.seed, index])
        done = index / self.length
        phase = self.phase(index)
        if rng.random() < self._easy_share(done):
            return self._easy_group(rng, phase, done), self._easy_group(rng, phase, done)
        source = int(rng.choice(3, p=self.shares))
        if source == ANNOTATED:
            return self._annotated_group(rng, phase), self._annotated_group(rng, phase)
        first, second = (self._described(rng, phase, source) for _ in range(2))
        return self._group(rng, phase, first, second), self._group(rng, phase, second, first)

    def phase(self, index: int) -> Phase:
        """The phase that an item belongs to."""
        number, steps = index // self.step, self.length / self.step
        return next(phase for phase in reversed(self.phases) if round(phase.start * steps) <= number)

    def _easy_share(self, done: float) -> float:
        """1 until the first mark, then falling along a line to 0 at the second."""
        first, second = self.easy
        return float(np.clip((second - done) / (second - first), 0.0, 1.0)) if first < second else float(done < second)

    def _easy_group(self, rng: np.random.Generator, phase: Phase, done: float) -> Group:
        for _ in range(MOST_ATTEMPTS):
            scene = self._real_cut(rng, phase.scene_size)
            scene = faded(scene, rng) if rng.random() < done / self.easy[1] else sparse(scene, rng)
            if scene.labels.any():
                drawn = make_expressions(scene, rng, phase.group_size, 0.0, phase.absent_share / 4, plain=True)
                if len(made := self._allowed(drawn)) >= EASY_LEAST_SAID:
                    return _said(rng, phase, scene, made)
        return self._annotated_group(rng, phase)

    def _described(self, rng: np.random.Generator, phase: Phase, source: int) -> tuple[Scene, list[Expression]]:
        """A scene and what is said of it; nothing if there is nothing to say of many scenes in a row."""
        absent_share = phase.absent_share * (1 - phase.swapped_share)
        for _ in range(MOST_ATTEMPTS):
            size = phase.scene_size
            scene = self._real_cut(rng, size) if source == REAL else render_scene(rng, size)
            made = self._allowed(make_expressions(scene, rng, phase.group_size, absent_share=absent_share))
            if made:
                break
        return scene, made

    def _group(
        self,
        rng: np.random.Generator,
        phase: Phase,
        described: tuple[Scene, list[Expression]],
        other: tuple[Scene, list[Expression]],
    ) -> Group:
        """What is said of a scene, and some of what is said of the other one and certainly means nothing here."""
        scene, made = described
        if not made:
            return self._annotated_group(rng, phase)
        wanted = rng.binomial(phase.group_size, phase.absent_share * phase.swapped_share)
        attributes = Attributes(scene)
        elsewhere = [made for made in other[1] if made.targets and certainly_absent(made, attributes)]
        swapped = [replace(elsewhere[index], targets=()) for index in rng.permutation(len(elsewhere))[:wanted]]
        return _said(rng, phase, scene, [*_cycled(made, phase.group_size - len(swapped)), *swapped])

    def _allowed(self, made: list[Expression]) -> list[Expression]:
        return made if self.several else [one for one in made if not one.claim.plural]

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

    def _annotated_group(self, rng: np.random.Generator, phase: Phase) -> Group:
        samples = self.annotated[rng.integers(len(self.annotated))]
        drawn = _cycled([samples[i] for i in rng.permutation(len(samples))], phase.group_size)
        size = (phase.scene_size, phase.scene_size)
        picture = Image.fromarray(samples[0].image).resize(size, Image.Resampling.BILINEAR)
        masks = [Image.fromarray(sample.mask).resize(size, Image.Resampling.NEAREST) for sample in drawn]
        said = [(sample.sentence, np.asarray(mask)) for sample, mask in zip(drawn, masks, strict=True)]
        unknown = np.full(size, UNKNOWN, dtype=np.uint8)
        return Group(photometric(np.asarray(picture), rng), unknown, said, phase.image_size)


def _said(rng: np.random.Generator, phase: Phase, scene: Scene, made: Sequence[Expression]) -> Group:
    said = [(expression.text, scene.mask(expression.targets)) for expression in made]
    return Group(photometric(scene.image, rng), class_map(scene), _cycled(said, phase.group_size), phase.image_size)


def _by_image(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample.name].append(sample)
    return groups


def _cycled(items: Sequence[T], count: int) -> list[T]:
    return [items[i % len(items)] for i in range(count)]
