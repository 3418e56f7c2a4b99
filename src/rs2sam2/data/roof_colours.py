"""Names for the colours of roofs in real photographs, by two rules: one that is certain and one that is generous."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

# Colour -> hue in degrees (from, to; may wrap around 0), saturation (from, to), value (from, to), both as fractions.
_STRICT = {
    "blue": (195, 255, 0.30, 1, 0.25, 1),
    "red": (335, 14, 0.25, 1, 0.35, 1),
    "orange": (12, 32, 0.42, 1, 0.68, 1),
    "rusty brown": (5, 38, 0.25, 0.60, 0.30, 0.72),
    "white": (0, 360, 0, 0.12, 0.88, 1),
    "dark gray": (0, 360, 0, 0.18, 0.1, 0.45),
    "green": (125, 178, 0.25, 1, 0.2, 1),
}
_LOOSE = {
    "blue": (180, 270, 0.18, 1, 0.15, 1),
    "red": (328, 17, 0.20, 1, 0.25, 1),
    "orange": (0, 42, 0.25, 1, 0.45, 1),
    "rusty brown": (345, 45, 0.15, 0.8, 0.15, 0.8),
    "white": (0, 360, 0, 0.20, 0.72, 1),
    "dark gray": (0, 360, 0, 0.30, 0, 0.60),
    "green": (60, 190, 0.12, 1, 0.1, 1),
}
COLOUR_NAMES = frozenset(_LOOSE)
CERTAIN_SHARE = 0.55
POSSIBLE_SHARE = 0.30


def roof_colours(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], possible_share: float = POSSIBLE_SHARE
) -> tuple[frozenset[str], frozenset[str]]:
    """Colour names of the roof under `mask`: those that certainly fit, and all that somebody could use.

    Args:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) outline of the building; its rim is left out, since outlines are a few pixels off.
        possible_share: share of the pixels from which on a colour could be used.
    """
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return frozenset(), frozenset()
    window = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    part = np.pad(mask[window], 1)
    depth = max(1, round(0.06 * float(np.sqrt(len(rows)))))
    inner = ndimage.binary_erosion(part, iterations=depth)[1:-1, 1:-1]
    kept = inner if inner.sum() >= 20 else mask[window]
    hsv = np.asarray(Image.fromarray(image[window]).convert("HSV"), dtype=np.float64)[kept] / 255
    certain = frozenset(name for name, rule in _STRICT.items() if _share(hsv, rule) >= CERTAIN_SHARE)
    possible = frozenset(name for name, rule in _LOOSE.items() if _share(hsv, rule) >= possible_share)
    # Two certain names are one too many: then neither is beyond doubt.
    return (certain if len(certain) == 1 else frozenset()), possible | certain


def certain_pixels(image: NDArray[np.uint8], colour: str) -> NDArray[np.bool_]:
    """(H, W) pixels of an image (H, W, 3), uint8 RGB, that certainly have this colour (one of `COLOUR_NAMES`)."""
    hsv = np.asarray(Image.fromarray(image).convert("HSV"), dtype=np.float64) / 255
    return _fits(hsv, _STRICT[colour])


def _share(hsv: NDArray[np.float64], rule: tuple[float, float, float, float, float, float]) -> float:
    return float(_fits(hsv, rule).mean())


def _fits(hsv: NDArray[np.float64], rule: tuple[float, float, float, float, float, float]) -> NDArray[np.bool_]:
    hue_from, hue_to, saturation_from, saturation_to, value_from, value_to = rule
    hue, saturation, value = hsv[..., 0] * 360, hsv[..., 1], hsv[..., 2]
    right_hue = (hue >= hue_from) & (hue <= hue_to) if hue_from <= hue_to else (hue >= hue_from) | (hue <= hue_to)
    inside = right_hue & (saturation >= saturation_from) & (saturation <= saturation_to)
    fits: NDArray[np.bool_] = inside & (value >= value_from) & (value <= value_to)
    return fits
