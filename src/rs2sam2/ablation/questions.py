"""What every run is asked: the real validation split, and rendered scenes that no training has seen."""

from collections.abc import Sequence
from dataclasses import astuple
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from rs2sam2.ablation.plan import Rendered
from rs2sam2.data.attributes import Attributes
from rs2sam2.data.claim_pairs import PairMaker
from rs2sam2.data.expressions import make_expressions
from rs2sam2.data.real_scenes import scenes_by_image
from rs2sam2.data.synthetic import render_scene
from rs2sam2.errors import DataError, OutputError
from rs2sam2.evaluation.diagnosis.colour_pairs import colour_pairs
from rs2sam2.evaluation.diagnosis.predict import PackedMask, Question
from rs2sam2.evaluation.diagnosis.presence import Pair, PresenceQuestion
from rs2sam2.evaluation.diagnosis.real_set import RealSet
from rs2sam2.evaluation.diagnosis.rendered_pairs import SentencePair, listed, sentence_pairs
from rs2sam2.evaluation.diagnosis.rendered_set import GROUP_SHARE, HELD_OUT, SENTENCES
from rs2sam2.evaluation.diagnosis.scores import Target
from rs2sam2.evaluation.progress import bar
from rs2sam2.files import whole_file
from rs2sam2.inference.images import RasterImage

SPLIT = "val"
_PAIR = ("sentence", "there", "absent", "reason")


class RealQuestions:
    """Sentences of OAM-Ref's validation split that mean one building or several; their places are mosaics.

    Attributes:
        targets: all of them.
        single: those that mean one thing.
        pairs: sentences about colours, asked where they mean something and where they mean nothing.

    Raises:
        DataError: the data set cannot be read.
    """

    def __init__(self, root: Path, rendered: Rendered) -> None:
        """Read the split; of `rendered` counts whether pairs are asked, and the seed."""
        self._set = RealSet(root, SPLIT)
        self.single = self._set.single
        self.targets: list[Target] = [*self._set.single, *self._set.group]
        self.pairs: list[Pair] = []
        if rendered.pairs:
            scenes = scenes_by_image(self._set.refer, SPLIT)
            self.pairs = colour_pairs(self.targets, self._set.absent, scenes, rendered.seed)
        self.sha256 = self._set.checksum

    def open(self, picture: str) -> RasterImage:
        """A picture by its name."""
        return self._set.open(picture)


class RenderedQuestions:
    """Rendered scenes as they lie in a file; each is a place.

    Attributes:
        wanted: what was asked for.
        targets, single, pairs: as of `RealQuestions`.
    """

    def __init__(self, path: Path) -> None:
        """Read what `write_rendered` wrote.

        Raises:
            DataError: the file is missing or damaged.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                self._images: NDArray[np.uint8] = stored["images"]
                masks, scenes, sentences, single = (stored[key] for key in ("masks", "scenes", "sentences", "single"))
                self.wanted = Rendered(*map(int, stored["wanted"]))
                columns = [stored[f"pair_{name}"] for name in _PAIR]
        except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
            raise DataError(f"{path}: no rendered scenes ({error}): delete it, and it is made anew") from error
        shape = self._images.shape[1:3]
        self.targets = [
            Target(Question(str(scene), str(sentence)), PackedMask(shape, mask.tobytes()), f"scene {scene}")
            for mask, scene, sentence in zip(masks, scenes, sentences, strict=True)
        ]
        self.single = [target for target, one in zip(self.targets, single, strict=True) if one]
        self.pairs = [_pair(*map(str, row)) for row in zip(*columns, strict=True)]
        digest = sha256(self._images.tobytes() + masks.tobytes())
        said = [*map(str, sentences), *(str(cell) for column in columns for cell in column)]
        self.sha256 = sha256(digest.digest() + "\0".join(said).encode()).hexdigest()

    def open(self, picture: str) -> RasterImage:
        """A scene by its number."""
        return RasterImage(self._images[int(picture)], name=f"scene {picture}")


def write_rendered(path: Path, wanted: Rendered) -> None:
    """Render the scenes.

    Raises:
        OutputError: they cannot be written.
    """
    images, masks, numbers, sentences, single = [], [], [], [], []
    maker = PairMaker(listed)
    with bar() as progress:
        for number in progress.track(range(wanted.scenes), description="rendering scenes"):
            draw, say = (np.random.default_rng([wanted.seed, HELD_OUT, number, use]) for use in range(2))
            scene = render_scene(draw, wanted.size)
            images.append(scene.image)
            for made in make_expressions(scene, say, SENTENCES, group_share=GROUP_SHARE, absent_share=0):
                masks.append(np.packbits(scene.mask(made.targets)))
                numbers.append(number)
                sentences.append(made.text)
                single.append(len(made.targets) == 1)
            if wanted.pairs:
                maker.add(Attributes(scene))
    pairs = sentence_pairs(maker, wanted.pairs, np.random.default_rng([wanted.seed, HELD_OUT])) if wanted.pairs else []
    try:
        with whole_file(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                images=np.stack(images),
                masks=np.stack(masks),
                scenes=np.array(numbers),
                sentences=np.array(sentences),
                single=np.array(single),
                wanted=np.array(astuple(wanted)),
                **_columns(pairs),
            )
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}): free some room") from error


def _columns(pairs: Sequence[SentencePair]) -> dict[str, Any]:
    return {f"pair_{name}": np.array([str(getattr(pair, name)) for pair in pairs], dtype=np.str_) for name in _PAIR}


def _pair(sentence: str, there: str, absent: str, reason: str) -> Pair:
    return Pair(
        PresenceQuestion(Question(there, sentence), True, f"scene {there}"),
        PresenceQuestion(Question(absent, sentence), False, f"scene {absent}", reason),
    )
