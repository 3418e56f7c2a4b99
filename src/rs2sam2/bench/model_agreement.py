"""Whether another precision gives the same masks: `nano` on the questions of a real validation split."""

import time
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from rs2sam2.bench.load import iou
from rs2sam2.evaluation.diagnosis.real_set import RealSet
from rs2sam2.inference.device import Precision
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.language import LanguageWarning
from rs2sam2.inference.segmenter import Segmenter

_BELIEVED = 0.995


def agreement(root: Path, precision: Precision = "bfloat16", split: str = "val") -> dict[str, Any]:
    """Ask everything that the set asks, in float32 and in another precision.

    Args:
        root: a set as `rs2sam2 diagnose --root` takes it.
        precision: the other.
        split: of the set.

    Returns:
        "questions"; IoU of its masks with float32's under "masks" (every pixel above the threshold) and
        "answers" (after the choice of one part, empty where the thing is said to be absent): "mean", "median", and
        "share_above", of questions that reach 0.995; "presence_differs", how often one finds what the other does not;
        "cpu_seconds" of each for all of it but opening pictures.

    Raises:
        DataError: the set is missing or damaged.
    """
    data = RealSet(root, split)
    questions = [target.question for target in data.single + data.group] + [one.question for one in data.absent]
    asked: dict[str, list[str]] = defaultdict(list)
    for question in dict.fromkeys(questions):
        asked[question.picture].append(question.sentence)
    names: tuple[Precision, Precision] = ("float32", precision)
    exact, coarse = (Segmenter.from_pretrained("nano", "cpu", one) for one in names)
    spent: dict[str, float] = dict.fromkeys(names, 0.0)
    masks, answers, differs = [], [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LanguageWarning)
        for picture, sentences in asked.items():
            image = data.open(picture)
            found = {
                name: _ask(one, image, sentences, spent, name) for name, one in zip(names, (exact, coarse), strict=True)
            }
            for one, other in zip(found["float32"], found[precision], strict=True):
                threshold = exact.decision.mask_threshold
                masks.append(iou(one.probability > threshold, other.probability > threshold))
                answers.append(iou(one.mask, other.mask))
                differs += one.present != other.present
    return {
        "questions": len(answers),
        "masks": _spread(masks),
        "answers": _spread(answers),
        "presence_differs": differs,
        "cpu_seconds": spent,
    }


def _ask(
    segmenter: Segmenter, image: RasterImage, sentences: list[str], spent: dict[str, float], name: str
) -> list[Any]:
    start = time.process_time()
    answers = segmenter(image, sentences)
    spent[name] += time.process_time() - start
    return answers


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "mean": float(np.mean(values)),
        "median": float(np.median(values)),
        "share_above": float(np.mean(np.array(values) >= _BELIEVED)),
    }
