"""How far P(present) tells pairs apart, from every source that the model has: curves, and where it fails."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rs2sam2.config import Presence
from rs2sam2.data.real_scenes import scenes_by_image
from rs2sam2.errors import DataError
from rs2sam2.evaluation.diagnosis.colour_pairs import colour_pairs
from rs2sam2.evaluation.diagnosis.predict import Question
from rs2sam2.evaluation.diagnosis.presence import Pair
from rs2sam2.evaluation.diagnosis.real_set import RealSet
from rs2sam2.evaluation.diagnosis.rendered_set import RenderedSet
from rs2sam2.evaluation.diagnosis.words_only import words_only
from rs2sam2.evaluation.progress import bar
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.presence import sources
from rs2sam2.inference.segmenter import Segmenter

FORMAT = "rs2sam2.presence/1"
_DIGITS = 4
THIRDS = ("smallest third", "middle third", "largest third")
Figures = dict[str, Any]
Floats = NDArray[np.float64]


def measure(segmenter: Segmenter, root: Path | None, split: str, rendered: int, seed: int) -> Figures:
    """Ask pairs.

    Args:
        segmenter: the model; its own source and threshold of P(present) are what divisions are measured by.
        root: folder of a data set (`RealSet`) with outlines, or None for rendered scenes alone.
        split: of the data set.
        rendered: number of held-out rendered scenes; 0 for none.
        seed: of pairs and scenes.

    Returns:
        "format", "decision", and "sets": name -> what `figures` gives.

    Raises:
        DataError: if the data is missing or broken, or there are no pairs.
    """
    sets: dict[str, Figures] = {}
    if root is not None:
        real = RealSet(root, split)
        scenes = scenes_by_image(real.refer, split) if real.has_outlines else {}
        pairs = colour_pairs([*real.single, *real.group], real.absent, scenes, seed) if scenes else []
        sets |= _measured(segmenter, "real", pairs, real.open)
    if rendered > 1:
        drawn = RenderedSet(rendered, seed)
        sets |= _measured(segmenter, "rendered", drawn.pairs, drawn.open)
    if not sets:
        raise DataError("no pairs to ask: give --root with outlines, or two rendered scenes and more")
    return {"format": FORMAT, "decision": asdict(segmenter.decision), "sets": sets}


def figures(
    pairs: Sequence[Pair], found: Mapping[Question, Mapping[Presence, float]], own: Presence, cut: float
) -> Figures:
    """What scores come to.

    Args:
        pairs: at least one.
        found: P(present) of every half, by source.
        own: the source that the weights use.
        cut: their threshold.

    Returns:
        "pairs", "words_only_balanced_accuracy"; "sources": source -> "there" and "absent" (P(present) of each pair) and
        `separation`; "own": `separation` and accuracies at `cut`; "divisions": division -> part -> the same.
    """
    halves = [(pair.there.question, pair.absent.question) for pair in pairs]
    columns = {
        source: tuple(np.array([found[half[side]][source] for half in halves]) for side in range(2))
        for source in found[halves[0][0]]
    }
    there, absent = columns[own]
    asked = [question.sentence for half in halves for question in half]
    guesses, truths = words_only(asked, [True, False] * len(pairs)), np.array([True, False] * len(pairs))

    def part(chosen: Sequence[int]) -> Figures:
        return {
            "pairs": len(chosen),
            **separation(there[chosen], absent[chosen]),
            **_at(cut, there[chosen], absent[chosen]),
        }

    return {
        "pairs": len(pairs),
        "words_only_balanced_accuracy": float((guesses == truths).mean()),
        "sources": {
            source: {
                "there": yes.round(_DIGITS).tolist(),
                "absent": no.round(_DIGITS).tolist(),
                **separation(yes, no),
            }
            for source, (yes, no) in columns.items()
        },
        "own": part(range(len(pairs))),
        "divisions": {
            division: {name: part(chosen) for name, chosen in sorted(parts.items())}
            for division, parts in _divisions(pairs).items()
        },
    }


def curve(there: Floats, absent: Floats) -> tuple[Floats, Floats, Floats]:
    """Every threshold that changes something, descending, with the shares at or above it: of `there`, of `absent`."""
    cuts = np.unique(np.concatenate([there, absent, [np.inf]]))[::-1]
    return cuts, *((scores[None] >= cuts[:, None]).mean(axis=1) for scores in (there, absent))


def separation(there: Floats, absent: Floats) -> Figures:
    """Of scores where the thing is and where it is not, pair by pair.

    Returns:
        Fractions: "area_under_curve" (any score of one side against any of the other, ties count half), "ranked_right"
        (the same within pairs), and "best_balanced_accuracy", which knows the best threshold of these very pairs.
    """
    above = (there[:, None] > absent[None]) + 0.5 * (there[:, None] == absent[None])
    _, hits, alarms = curve(there, absent)
    return {
        "area_under_curve": float(above.mean()),
        "ranked_right": float(above.diagonal().mean()),
        "best_balanced_accuracy": float(((1 + hits - alarms) / 2).max()),
    }


def _at(cut: float, there: Floats, absent: Floats) -> Figures:
    target, no_target = float((there >= cut).mean()), float((absent < cut).mean())
    return {
        "balanced_accuracy": (target + no_target) / 2,
        "target_accuracy": target,
        "no_target_accuracy": no_target,
    }


def _divisions(pairs: Sequence[Pair]) -> dict[str, dict[str, list[int]]]:
    """Name of a division -> its parts -> numbers of their pairs."""
    found: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, pair in enumerate(pairs):
        for division, part in {**pair.groups, "why absent": f"no such {pair.absent.reason}"}.items():
            found[division][part].append(number)
    shares = [pair.share for pair in pairs if pair.share is not None]
    if len(shares) == len(pairs) >= len(THIRDS):
        for name, third in zip(THIRDS, np.array_split(np.argsort(shares, kind="stable"), len(THIRDS)), strict=True):
            found["size of the thing"][name] = third.tolist()
    return found


def _measured(
    segmenter: Segmenter, name: str, pairs: Sequence[Pair], open_picture: Callable[[str], RasterImage]
) -> dict[str, Figures]:
    """One set, or none where it has no pairs."""
    if not pairs:
        return {}
    by_picture: dict[str, list[Question]] = defaultdict(list)
    for question in dict.fromkeys(half.question for pair in pairs for half in (pair.there, pair.absent)):
        by_picture[question.picture].append(question)
    found: dict[Question, Mapping[Presence, float]] = {}
    with bar() as progress:
        for picture, questions in progress.track(by_picture.items(), description=f"{name} pairs"):
            image = open_picture(picture)
            outputs = segmenter.outputs([(image, question.sentence) for question in questions])
            for question, output in zip(questions, outputs, strict=True):
                answer = segmenter.answer(image, question.sentence, output)
                found[question] = sources(output, float(answer.probability.max()))
    decision = segmenter.decision
    return {name: figures(pairs, found, decision.presence, decision.presence_threshold)}
