"""Rendered scenes that no training has seen, with sentences that mean something and pairs that do in one scene only."""

import numpy as np

from rs2sam2.data.attributes import Attributes
from rs2sam2.data.claim_pairs import PairMaker
from rs2sam2.data.expressions import make_expressions
from rs2sam2.data.scene import Scene
from rs2sam2.data.synthetic import render_scene
from rs2sam2.evaluation.diagnosis.predict import PackedMask, Question
from rs2sam2.evaluation.diagnosis.presence import Pair, PresenceQuestion
from rs2sam2.evaluation.diagnosis.rendered_pairs import listed, sentence_pairs
from rs2sam2.evaluation.diagnosis.scores import Target
from rs2sam2.evaluation.progress import bar
from rs2sam2.inference.images import RasterImage

HELD_OUT = 0x68656C64
"""Spawn key of the evaluation's seed sequences; training seeds its generators without one, so they are others."""
SIZE = 512
SENTENCES = 2
GROUP_SHARE = 0.25
PAIRS_PER_SCENE = 0.5
_SCENES, _SENTENCES, _PAIRS = range(3)


class RenderedSet:
    """Held-out scenes, named by their numbers; drawn anew whenever they are looked at, to spare memory.

    Attributes:
        count: of scenes.
        targets: sentences with `groups` "of" ("single" or "group"), "class" and "kind".
        pairs: sentences asked where they mean one thing and where they mean nothing, with `groups` "kind" and "class".
    """

    def __init__(self, count: int, seed: int) -> None:
        """Draw `count` scenes once and prepare what is asked about them; `seed` decides all."""
        self.count, self._seed = count, seed
        self.targets: list[Target] = []
        maker = PairMaker(listed)
        areas = []
        with bar() as progress:
            for number in progress.track(range(count), description="drawing scenes"):
                scene = self.scene(number)
                self.targets += self._targets(scene, number)
                attributes = Attributes(scene)
                maker.add(attributes)
                areas.append(attributes.seen_area)
        self.pairs = [
            Pair(
                PresenceQuestion(Question(_name(pair.there), pair.sentence), True, _name(pair.there)),
                PresenceQuestion(Question(_name(pair.absent), pair.sentence), False, _name(pair.absent), pair.reason),
                {"kind": pair.kind, "class": pair.noun},
                float(areas[pair.there][pair.target]) / SIZE**2,
            )
            for pair in sentence_pairs(maker, round(PAIRS_PER_SCENE * count), self._generator(_PAIRS, 0))
        ]

    def scene(self, number: int) -> Scene:
        """Draw a scene."""
        return render_scene(self._generator(_SCENES, number), SIZE)

    def open(self, picture: str) -> RasterImage:
        """The pixels of a scene by its name."""
        return RasterImage(self.scene(int(picture.rpartition(" ")[2])).image, name=picture)

    def _targets(self, scene: Scene, number: int) -> list[Target]:
        made = make_expressions(
            scene, self._generator(_SENTENCES, number), SENTENCES, group_share=GROUP_SHARE, absent_share=0
        )
        return [
            Target(
                Question(_name(number), expression.text),
                PackedMask.of(scene.mask(expression.targets)),
                _name(number),
                {
                    "of": "single" if len(expression.targets) == 1 else "group",
                    "class": scene.things[expression.targets[0]].category,
                    "kind": expression.kind,
                },
            )
            for expression in made
        ]

    def _generator(self, use: int, number: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self._seed, spawn_key=(HELD_OUT, use, number)))


def _name(number: int) -> str:
    return f"rendered {number}"
