"""Copy-paste augmentation: roofs of real scenes on free ground of other scenes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from scipy import ndimage

from rs2sam2.data.scene import BACKGROUND, Scene, Thing

MARGIN = 4
ATTEMPTS = 12


def paste_roofs(scene: Scene, donors: Sequence[Scene], rng: np.random.Generator, max_count: int) -> Scene:
    """Paste up to `max_count` whole roofs of the donors where `scene` shows no thing.

    Each roof is turned, mirrored and scaled (0.35 to 1.2 times its size in the donor, which is usually shown larger),
    gets soft edges and a shadow, and keeps its colours. The scene's own things stay uncovered.
    """
    image, labels, things = scene.image.copy(), scene.labels.copy(), list(scene.things)
    shadow = rng.integers(-4, 5, 2)
    for _ in range(int(rng.integers(1, max_count + 1))):
        cut = _roof(donors[rng.integers(len(donors))], rng)
        if cut is None:
            continue
        roof, mask, thing = cut
        height, width = mask.shape
        if height + 2 * MARGIN >= labels.shape[0] or width + 2 * MARGIN >= labels.shape[1]:
            continue
        for _ in range(ATTEMPTS):
            y, x = rng.integers(labels.shape[0] - height), rng.integers(labels.shape[1] - width)
            around = labels[max(0, y - MARGIN) : y + height + MARGIN, max(0, x - MARGIN) : x + width + MARGIN]
            if (around == BACKGROUND).all():
                _blend(image, roof, mask, y, x, shadow)
                labels[y : y + height, x : x + width][mask] = len(things) + 1
                things.append(thing)
                break
    return replace(scene, image=image, labels=labels, things=tuple(things))


def _roof(donor: Scene, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.bool_], Thing] | None:
    """A referable roof of the donor: its pixels, its mask, and what it is."""
    areas = donor.areas()
    whole = [i for i, t in enumerate(donor.things) if t.referable and areas[i] >= 0.98 * t.full_area and areas[i] > 0]
    if not whole:
        return None
    index = whole[rng.integers(len(whole))]
    rows, columns = np.nonzero(donor.labels == index + 1)
    window = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    angle, scale = rng.uniform(0, 360), rng.uniform(0.35, 1.2)
    pixels, mask = Image.fromarray(donor.image[window]), Image.fromarray(donor.labels[window] == index + 1).convert("L")
    size = (max(4, round(pixels.width * scale)), max(4, round(pixels.height * scale)))
    pixels = pixels.resize(size).rotate(angle, Image.Resampling.BILINEAR, expand=True)
    mask = mask.resize(size).rotate(angle, Image.Resampling.BILINEAR, expand=True)
    roof, inside = np.asarray(pixels), np.asarray(mask) > 127
    if rng.random() < 0.5:
        roof, inside = roof[:, ::-1], inside[:, ::-1]
    if inside.sum() < 60:
        return None
    return roof, inside, replace(donor.things[index], full_area=float(inside.sum()))


def _blend(
    image: NDArray[np.uint8], roof: NDArray[np.uint8], mask: NDArray[np.bool_], y: int, x: int, shadow: NDArray[np.int64]
) -> None:
    """Draw a shadow and then the roof into `image`, with its upper left corner at (x, y)."""
    dark = np.zeros(image.shape[:2], dtype=bool)
    dark[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
    dark = ndimage.shift(dark, shadow, order=0)
    image[dark] = (image[dark] * 0.55).astype(np.uint8)
    soft = np.asarray(Image.fromarray(mask).convert("L").filter(ImageFilter.GaussianBlur(0.7)))[..., None] / 255
    soft = soft * mask[..., None]
    place = image[y : y + mask.shape[0], x : x + mask.shape[1]]
    place[:] = (place * (1 - soft) + roof * soft).astype(np.uint8)
