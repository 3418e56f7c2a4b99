"""Copy-paste augmentation: roofs of other scenes, set down on free ground with a shadow.

After Ghiasi et al., "Simple Copy-Paste is a Strong Data Augmentation Method for Instance Segmentation", CVPR 2021. New
neighbours make new expressions true of old buildings, and bring rare roof colours to where they never were.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from rs2sam2.data.scene import BACKGROUND, Scene, Thing

SCALES = (0.7, 1.4)
# Pixels off an outline's rim in the donor: outlines are not exact, and a rim of foreign soil gives a paste away.
RIM = 2
# Gap to the things that are there, as a share of the roof's own size.
GAP = 0.12
LEAST_PIXELS, MOST_SHARE = 60, 0.12
PLACES = 24


@dataclass(frozen=True)
class _Roof:
    """(h, w, 3) float pixels, (h, w) opacity from 0 to 1, and what it is."""

    pixels: NDArray[np.float32]
    opacity: NDArray[np.float32]
    thing: Thing


def paste_roofs(scene: Scene, donors: Sequence[Scene], rng: np.random.Generator, max_count: int) -> Scene:
    """Paste roofs of `donors` onto ground of `scene` that holds nothing.

    Roofs are turned by any angle, mirrored, scaled by 0.7 to 1.4 beside the usual size in the scene, and cast a shadow;
    all shadows of a call fall the same way. They keep their colours and colour names.

    Args:
        scene: scene to add to; at any scale.
        donors: scenes to take whole referable things from; at any scale of their own.
        rng: source of all choices.
        max_count: at most so many are pasted; fewer where there is no room.

    Returns:
        A new scene with the pasted things appended; the scene itself if nothing could be pasted.
    """
    image, labels = scene.image.astype(np.float32), scene.labels.copy()
    things = list(scene.things)
    # Plain ground looks right under a roof; the canopy of a tree or a wall does not.
    unevenness = _unevenness(scene.image)
    sun, reach, darkness = rng.uniform(0, 2 * np.pi), rng.uniform(0.06, 0.2), rng.uniform(0.35, 0.6)
    for _ in range(int(rng.integers(1, max_count + 1)) if max_count > 0 and donors else 0):
        roof = _drawn_roof(donors[int(rng.integers(len(donors)))], scene, rng)
        place = None if roof is None else _free_place(roof, labels, unevenness, rng)
        if roof is None or place is None:
            continue
        shadow = _shadow(roof.opacity, place, labels.shape, sun, reach)
        image *= 1 - darkness * (shadow * (labels == BACKGROUND))[..., None]
        window = _window(place, roof.opacity)
        opacity = roof.opacity[..., None]
        image[window] = image[window] * (1 - opacity) + roof.pixels * opacity
        mask = roof.opacity >= 0.5
        things.append(replace(roof.thing, full_area=float(mask.sum())))
        labels[window][mask] = len(things)
    if len(things) == len(scene.things):
        return scene
    return replace(scene, image=image.round().clip(0, 255).astype(np.uint8), labels=labels, things=tuple(things))


def _drawn_roof(donor: Scene, scene: Scene, rng: np.random.Generator) -> _Roof | None:
    """A whole roof of the donor at the scene's scale, turned."""
    areas = donor.areas()
    whole = [
        index
        for index, thing in enumerate(donor.things)
        if thing.referable and areas[index] >= 4 * LEAST_PIXELS and areas[index] >= 0.97 * thing.full_area
    ]
    if not whole:
        return None
    index = whole[int(rng.integers(len(whole)))]
    mask = donor.labels == index + 1
    rows, columns = np.nonzero(mask)
    part = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    inner = ndimage.binary_erosion(np.pad(mask[part], 1), iterations=RIM)[1:-1, 1:-1]
    scale = _relative_scale(donor, scene) * float(rng.uniform(*SCALES))
    size = max(1, round(inner.shape[1] * scale)), max(1, round(inner.shape[0] * scale))
    picture = Image.fromarray(donor.image[part]).resize(size, Image.Resampling.BILINEAR)
    stencil = Image.fromarray(inner.astype(np.uint8) * 255).resize(size, Image.Resampling.BILINEAR)
    angle = float(rng.uniform(0, 360))
    picture = picture.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    stencil = stencil.rotate(angle, Image.Resampling.BICUBIC, expand=True)
    pixels = np.asarray(picture, dtype=np.float32)
    opacity = ndimage.gaussian_filter(np.asarray(stencil, dtype=np.float32) / 255, 0.6)
    if rng.random() < 0.5:
        pixels, opacity = pixels[:, ::-1], opacity[:, ::-1]
    covered = int((opacity >= 0.5).sum())
    if not LEAST_PIXELS <= covered <= MOST_SHARE * scene.labels.size:
        return None
    # Outside the stencil a turned picture is black, and a soft edge would let that through.
    pixels = _spread(pixels, opacity >= 0.9)
    return _Roof(pixels, opacity, donor.things[index])


def _spread(pixels: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Pixels outside `known` take the colour of the nearest one inside."""
    if not known.any():
        return pixels
    rows, columns = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    spread: NDArray[np.float32] = pixels[rows, columns]
    return spread


def _relative_scale(donor: Scene, scene: Scene) -> float:
    """How much larger the scene shows things than the donor: by the usual size of things, else by the images' sizes."""
    sizes = [
        float(np.median([thing.full_area**0.5 for thing in each.things if thing.referable] or [0.0]))
        for each in (donor, scene)
    ]
    if all(sizes):
        return sizes[1] / sizes[0]
    return float((scene.labels.size / donor.labels.size) ** 0.5)


def _free_place(
    roof: _Roof, labels: NDArray[np.uint16], unevenness: NDArray[np.float32], rng: np.random.Generator
) -> tuple[int, int] | None:
    """Upper left corner (y, x) of a place that holds nothing: the plainest ground of some that were tried."""
    height, width = roof.opacity.shape
    if height > labels.shape[0] or width > labels.shape[1]:
        return None
    gap = max(2, round(GAP * float(np.sqrt(roof.opacity.sum()))))
    footprint = roof.opacity >= 0.1
    wide = ndimage.binary_dilation(np.pad(footprint, gap), iterations=gap)
    taken = np.pad(labels != BACKGROUND, gap)
    best: tuple[float, int, int] | None = None
    for _ in range(PLACES):
        y, x = int(rng.integers(labels.shape[0] - height + 1)), int(rng.integers(labels.shape[1] - width + 1))
        if taken[y : y + wide.shape[0], x : x + wide.shape[1]][wide].any():
            continue
        rough = float(unevenness[y : y + height, x : x + width][footprint].mean())
        if best is None or rough < best[0]:
            best = rough, y, x
    return None if best is None else best[1:]


def _unevenness(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W) local contrast."""
    grey = image.mean(axis=2, dtype=np.float32)
    difference = np.abs(grey - ndimage.uniform_filter(grey, 9))
    smooth: NDArray[np.float32] = ndimage.uniform_filter(difference, 9)
    return smooth


def _shadow(
    opacity: NDArray[np.float32], place: tuple[int, int], shape: tuple[int, ...], sun: float, reach: float
) -> NDArray[np.float32]:
    """(H, W) shadow from 0 to 1: the roof swept away from the sun by a share of its size."""
    length = reach * float(np.sqrt(opacity.sum()))
    shadow = np.zeros(shape, dtype=np.float32)
    steps = max(1, int(np.ceil(length)))
    for step in range(1, steps + 1):
        y = place[0] + round(step / steps * length * np.sin(sun))
        x = place[1] + round(step / steps * length * np.cos(sun))
        top, left = max(y, 0), max(x, 0)
        bottom, right = min(y + opacity.shape[0], shape[0]), min(x + opacity.shape[1], shape[1])
        part = opacity[top - y : bottom - y, left - x : right - x]
        np.maximum(shadow[top:bottom, left:right], part, out=shadow[top:bottom, left:right])
    softened: NDArray[np.float32] = ndimage.gaussian_filter(shadow, 0.8)
    return softened


def _window(place: tuple[int, int], opacity: NDArray[np.float32]) -> tuple[slice, slice]:
    y, x = place
    return np.s_[y : y + opacity.shape[0], x : x + opacity.shape[1]]
