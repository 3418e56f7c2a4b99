"""The easy scenes that training begins with: a few real things on a blank or faded ground.

Words come to mean places within thousands of such scenes; from the whole language and whole scenes alone they do not.
"""

from dataclasses import replace

import numpy as np

from rs2sam2.data.scene import BACKGROUND, Scene

EASY_THINGS = (3, 6)
EASY_LEAST_SHARE = 0.005


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
