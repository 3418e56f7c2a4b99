"""Tiles that are dropped early: what it costs in recall, and what it gains, on rendered scenes.

Every scene is one tile, and is asked for every category that the renderer knows, in the plural, as somebody asks a
large raster: most tiles hold nothing of the kind. An object is found when the mask covers half of its pixels. Half of
the scenes choose the setting, the others say what it does.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rs2sam2.data.scene import Scene
from rs2sam2.data.synthetic import CATEGORIES, render_scene
from rs2sam2.data.wording import plural
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.presence import early_presence
from rs2sam2.inference.segmenter import LARGEST_BATCH, Segmenter

FORMAT = "rs2sam2.bench-tiles/1"
MOST_LOST = 0.01
"""Of the objects that are found without dropping anything."""
_COVERED = 0.5
_SPAWN = 6  # of the seed sequence: no other part of the project renders these scenes


@dataclass(frozen=True)
class _Asked:
    """One question to one tile: P(present) of the union encoder alone, and how many objects the whole model finds."""

    early: float
    found: int


def measure(segmenter: Segmenter, scenes: int, seed: int) -> dict[str, Any]:
    """Choose the highest `Decision.drop_below` that loses at most `MOST_LOST` of the found objects, and try it.

    Args:
        segmenter: whose setting it is.
        scenes: how many, at least 2.
        seed: of the scenes.

    Returns:
        "format", "model", "scenes", "most_lost", "drop_below"; under "chosen_on" and "tried_on" the figures of the two
        halves: "questions", "holding_none" (whose tile has no such thing), "dropped", "objects", "found" (without
        dropping), "lost", "loss_in_recall" (their ratio); "curve", the same for other settings on the second half; and
        "cpu_seconds" for the second half's questions "looking_at_all" and "dropping", alternately, with "gain", their
        ratio.
    """
    rendered = [render_scene(np.random.default_rng([_SPAWN, seed, at]), _side(segmenter)) for at in range(scenes)]
    halves = rendered[::2], rendered[1::2]
    asked = [[_ask(segmenter, scene) for scene in half] for half in halves]
    chosen = _highest([one for some in asked[0] for one in some])
    tried = [one for some in asked[1] for one in some]
    figures = [_figures(half, some, chosen) for half, some in zip(halves, asked, strict=True)]
    whole, dropping = _times(segmenter, halves[1], chosen)
    curve = [_at(tried, drop_below) for drop_below in (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)]
    return {
        "format": FORMAT,
        "model": segmenter.weights.name,
        "scenes": scenes,
        "most_lost": MOST_LOST,
        "drop_below": chosen,
        "chosen_on": figures[0],
        "tried_on": figures[1],
        "curve": curve,
        "cpu_seconds": {"looking_at_all": whole, "dropping": dropping, "gain": whole / dropping},
    }


def save(segmenter: Segmenter, measured: dict[str, Any], folder: Path) -> None:
    """Write the weights with the setting that was chosen.

    Raises:
        OutputError: if the folder cannot be written.
        WeightsError: if the weights do not come from a folder of ours.
    """
    decision = replace(segmenter.decision, drop_below=measured["drop_below"])
    segmenter.save_calibrated(folder, decision, {**segmenter.provenance.get("calibration", {}), "tiles": measured})


def _side(segmenter: Segmenter) -> int:
    return segmenter.config.image_size


def _texts() -> list[str]:
    return [f"the {plural(category)}" for category in CATEGORIES]


def _ask(segmenter: Segmenter, scene: Scene) -> list[_Asked]:
    image, areas = RasterImage(scene.image), scene.areas()
    questions = [(image, text) for text in _texts()]
    answers = []
    for category, (_, text), output in zip(CATEGORIES, questions, segmenter.outputs(questions), strict=True):
        mask = segmenter.answer(image, text, output).mask
        things = [at for at, thing in enumerate(scene.things) if thing.category == category and areas[at]]
        found = sum(_covered(mask, scene, at) >= _COVERED for at in things)
        answers.append(_Asked(float(early_presence(output)[0]), found))
    return answers


def _covered(mask: NDArray[np.bool_], scene: Scene, thing: int) -> float:
    return float(mask[scene.labels == thing + 1].mean())


def _highest(asked: Sequence[_Asked]) -> float:
    """The highest setting within `MOST_LOST`, rounded down to three decimals; 0 for none, or nothing to lose."""
    found = sum(one.found for one in asked)
    lost, highest = 0, 0.0
    if not found:
        return highest
    for one in sorted(asked, key=lambda one: one.early):
        highest = one.early
        lost += one.found
        if lost > MOST_LOST * found:
            break
    return float(min(0.999, np.floor(highest * 1000) / 1000))


def _at(asked: Sequence[_Asked], drop_below: float) -> dict[str, Any]:
    found = sum(one.found for one in asked)
    lost = sum(one.found for one in asked if one.early < drop_below)
    return {
        "drop_below": drop_below,
        "dropped": sum(one.early < drop_below for one in asked),
        "lost": lost,
        "loss_in_recall": lost / found if found else None,
    }


def _figures(scenes: Sequence[Scene], asked: Sequence[Sequence[_Asked]], drop_below: float) -> dict[str, Any]:
    every = [one for some in asked for one in some]
    there = [{thing.category for thing, area in zip(s.things, s.areas(), strict=True) if area} for s in scenes]
    return {
        "questions": len(every),
        "holding_none": sum(category not in kinds for kinds in there for category in CATEGORIES),
        "objects": sum(int(np.count_nonzero(scene.areas())) for scene in scenes),
        "found": sum(one.found for one in every),
        **_at(every, drop_below),
    }


def _times(segmenter: Segmenter, scenes: Sequence[Scene], drop_below: float) -> tuple[float, float]:
    """CPU seconds for the same questions, without and with dropping: other processes do not count."""
    spent = {0.0: 0.0, drop_below: 0.0}
    questions = [(segmenter.views(RasterImage(scene.image)), text) for scene in scenes for text in _texts()]
    for start in range(0, len(questions), LARGEST_BATCH):
        views, texts = zip(*questions[start : start + LARGEST_BATCH], strict=True)
        for setting in spent:
            begun = time.process_time()
            segmenter.look_at_tiles(views, texts, drop_below=setting)
            spent[setting] += time.process_time() - begun
    return spent[0.0], spent[drop_below]
