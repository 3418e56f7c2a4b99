"""What can be had without understanding a word: answers made from the truth about buildings, to compare with."""

from collections.abc import Mapping, Sequence

import numpy as np

from rs2sam2.data.scene import Scene
from rs2sam2.evaluation.diagnosis.predict import Answer, PackedMask
from rs2sam2.evaluation.diagnosis.scores import Case, Target, compare


def truth_baselines(targets: Sequence[Target], scenes: Mapping[str, Scene]) -> dict[str, list[Case]]:
    """Cases of three strategies that ignore the sentence.

    Args:
        targets: what is asked.
        scenes: every picture with all its buildings, by name.

    Returns:
        "mark everything", "all buildings" (true outlines) and "always the largest building" (its true outline).
    """
    strategies: dict[str, dict[str, Answer]] = {
        "mark everything": {},
        "all buildings": {},
        "always the largest building": {},
    }
    for picture in {target.question.picture for target in targets}:
        scene = scenes[picture]
        largest = [int(scene.areas().argmax())] if scene.things else []
        for answers, mask in zip(
            strategies.values(),
            (np.ones(scene.labels.shape, dtype=bool), scene.labels > 0, scene.mask(largest)),
            strict=True,
        ):
            answers[picture] = Answer(PackedMask.of(mask), True, 1.0, 1.0, 1.0)
    return {
        name: [compare(target, answers[target.question.picture]) for target in targets]
        for name, answers in strategies.items()
    }
