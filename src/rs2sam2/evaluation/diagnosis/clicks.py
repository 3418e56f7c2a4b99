"""How far an answer to words gets with clicks and boxes beside them.

A simulated user corrects by the protocol of interactive segmentation (Xu et al. 2016; as Sofiiuk et al. 2022 and SAM 2
evaluate): each click goes to the centre of what is wrong, the pixel that lies deepest in what is missing or in what is
too much, whichever is deeper. The first answer is to the words alone. Shapes: H, W of the image in pixels.
"""

import warnings
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rs2sam2.evaluation.diagnosis.predict import Answer
from rs2sam2.evaluation.diagnosis.scores import Case, Target, compare, mean_gain, summary
from rs2sam2.evaluation.progress import bar
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.language import LanguageWarning
from rs2sam2.inference.segmenter import Segmenter

Mask = NDArray[np.bool_]
Figures = dict[str, Any]


class Click(NamedTuple):
    """The centre (x, y) of a pixel, and 1 for something missing, 0 for something too much."""

    x: float
    y: float
    label: int


class Corrected(NamedTuple):
    """A target's answers."""

    by_clicks: list[Case]
    """After 0, 1, ... clicks."""
    by_box: Case
    """With the target's own bounds as a box, and no click."""


def corrective_click(found: Mask, meant: Mask) -> Click | None:
    """The next click of the simulated user; None if nothing is wrong.

    Args:
        found: (H, W), the answer.
        meant: (H, W).
    """
    missing, extra = _deepest(meant & ~found), _deepest(found & ~meant)
    depth, row, column = max(extra, missing)
    return Click(column + 0.5, row + 0.5, int(missing > extra)) if depth else None


def correct(
    segmenter: Segmenter,
    targets: Sequence[Target],
    open_picture: Callable[[str], RasterImage],
    clicks: int,
    title: str,
) -> list[Corrected]:
    """Let the simulated user correct the answers to sentences.

    Args:
        segmenter: the model.
        targets: sentences, and what they mean: at least a pixel each.
        open_picture: from a picture's name to its pixels.
        clicks: of the user on each answer, at most: where nothing is wrong any more, the answer stays.
        title: what the progress bar says.

    Returns:
        In the order of the targets.
    """
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, target in enumerate(targets):
        numbers[target.question.picture].append(number)
    found: dict[int, Corrected] = {}
    with bar() as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore", LanguageWarning)
        task = progress.add_task(title, total=len(targets))
        for picture, about in numbers.items():
            image = open_picture(picture)
            for number in about:
                found[number] = _corrected(segmenter, image, targets[number], clicks)
            progress.advance(task, len(about))
    return [found[number] for number in range(len(targets))]


def clicks_summary(corrected: Sequence[Corrected], seed: int) -> Figures:
    """Figures after each number of clicks, and with a box.

    Returns:
        "clicks": a list of summaries after 0, 1, ... clicks; "box": one with a box. Each has a "gain" in mIoU over the
        words alone, as {"value", "low", "high"}.
    """
    words = [one.by_clicks[0] for one in corrected]
    by_clicks = [[one.by_clicks[count] for one in corrected] for count in range(len(corrected[0].by_clicks))]
    return {
        "clicks": [_figures(cases, words, seed) for cases in by_clicks],
        "box": _figures([one.by_box for one in corrected], words, seed),
    }


def _figures(cases: Sequence[Case], words: Sequence[Case], seed: int) -> Figures:
    return summary(cases, seed) | {"gain": mean_gain(words, cases, seed)}


def _corrected(segmenter: Segmenter, image: RasterImage, target: Target, clicks: int) -> Corrected:
    meant = target.mask.mask
    seen = segmenter.see(image, target.question.sentence)
    by_box = compare(target, Answer.of(segmenter.correct(seen, box=_bounds(meant))))
    answer = segmenter.correct(seen)
    by_clicks = [compare(target, Answer.of(answer))]
    points: list[tuple[float, float]] = []
    labels: list[int] = []
    for _ in range(clicks):
        click = corrective_click(answer.mask, meant)
        if click is not None:
            points.append((click.x, click.y))
            labels.append(click.label)
            answer = segmenter.correct(seen, points, labels)
        by_clicks.append(compare(target, Answer.of(answer)))
    return Corrected(by_clicks, by_box)


def _bounds(mask: Mask) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _deepest(wrong: Mask) -> tuple[float, int, int]:
    """How deep the deepest pixel lies, and its row and column: 0 if none is wrong. The image's edge is an edge, too."""
    from scipy import ndimage

    if not wrong.any():
        return 0.0, 0, 0
    x0, y0, x1, y1 = _bounds(wrong)  # the transform of the whole image would take most of the time
    depths = ndimage.distance_transform_edt(np.pad(wrong[y0:y1, x0:x1], 1))
    row, column = np.unravel_index(int(depths.argmax()), depths.shape)
    return float(depths[row, column]), int(row) - 1 + y0, int(column) - 1 + x0
