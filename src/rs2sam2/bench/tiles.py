"""Tiles that are dropped early: what it costs in recall, and what it gains, on rendered and on real scenes.

Every rendered scene is one tile, and is asked for every category that the renderer knows, in the plural, as somebody
asks a large raster: most tiles hold nothing of the kind. Half of the scenes choose the setting, the others say what it
does. Of a real data set each picture is one tile, asked its own sentences, and those that mean nothing in it; the
training split has a say in the setting, the validation split says what it does. A thing is found when the mask covers
half of its pixels.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rs2sam2.bench.tiles_dropped import COVERED, MOST_LOST, Asked, at, figures, highest
from rs2sam2.bench.tiles_real import ask_real
from rs2sam2.data.scene import Scene
from rs2sam2.data.synthetic import CATEGORIES, render_scene
from rs2sam2.data.wording import plural
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.presence import early_presence
from rs2sam2.inference.segmenter import LARGEST_BATCH, Segmenter

FORMAT = "rs2sam2.bench-tiles/2"
_SPAWN = 6  # of the seed sequence: no other part of the project renders these scenes
_CURVE = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)


def measure(segmenter: Segmenter, scenes: int, seed: int, root: Path | None = None) -> dict[str, Any]:
    """Choose the highest `Decision.drop_below` that loses at most `MOST_LOST` of the found things, and try it.

    Args:
        segmenter: whose setting it is.
        scenes: how many, at least 2.
        seed: of the scenes.
        root: of a real data set; its training split and the first half of the scenes have to allow the setting both.

    Returns:
        "format", "model", "scenes", "most_lost", "drop_below"; under "rendered" and "real" (None without `root`) the
        `figures` of what it was "chosen_on" and "tried_on", and as "curve" the cost of other settings on the latter;
        and "cpu_seconds" for the second half's questions "looking_at_all" and "dropping", alternately, with "gain",
        their ratio.

    Raises:
        DataError, ImageError: the data set is missing or damaged.
    """
    drawn = [render_scene(np.random.default_rng([_SPAWN, seed, number]), _side(segmenter)) for number in range(scenes)]
    sets = {
        "rendered": tuple([one for scene in half for one in ask_rendered(segmenter, scene)] for half in _halves(drawn))
    }
    if root is not None:
        sets["real"] = ask_real(segmenter, root, "train"), ask_real(segmenter, root, "val")
    chosen = min(highest(first) for first, _ in sets.values())
    whole, dropping = _times(segmenter, _halves(drawn)[1], chosen)
    return {
        "format": FORMAT,
        "model": segmenter.weights.name,
        "scenes": scenes,
        "most_lost": MOST_LOST,
        "drop_below": chosen,
        "real": None,
        **{
            name: {
                "chosen_on": figures(first, chosen),
                "tried_on": figures(second, chosen),
                "curve": [at(second, setting) for setting in _CURVE],
            }
            for name, (first, second) in sets.items()
        },
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


def _halves(scenes: Sequence[Scene]) -> tuple[Sequence[Scene], Sequence[Scene]]:
    return scenes[::2], scenes[1::2]


def ask_rendered(segmenter: Segmenter, scene: Scene) -> list[Asked]:
    """Every category to one scene."""
    image, areas = RasterImage(scene.image), scene.areas()
    questions = [(image, text) for text in _texts()]
    answers = []
    for category, (_, text), output in zip(CATEGORIES, questions, segmenter.outputs(questions), strict=True):
        mask = segmenter.answer(image, text, output).mask
        things = [number for number, thing in enumerate(scene.things) if thing.category == category and areas[number]]
        found = sum(mask[scene.labels == number + 1].mean() >= COVERED for number in things)
        answers.append(Asked(float(early_presence(output)[0]), len(things), int(found)))
    return answers


def _times(segmenter: Segmenter, scenes: Sequence[Scene], drop_below: float) -> tuple[float, float]:
    """CPU seconds for the same questions, without and with dropping: other processes do not count."""
    spent = {0.0: 0.0, drop_below: 0.0}
    questions = [(segmenter.tile_views(RasterImage(scene.image)), text) for scene in scenes for text in _texts()]
    for start in range(0, len(questions), LARGEST_BATCH):
        views, texts = zip(*questions[start : start + LARGEST_BATCH], strict=True)
        for setting in spent:
            begun = time.process_time()
            segmenter.look_at_tiles(views, texts, drop_below=setting)
            spent[setting] += time.process_time() - begun
    return spent[0.0], spent[drop_below]
