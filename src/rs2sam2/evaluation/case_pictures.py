"""One case as a strip of panels: the image, the truth, and what was found, right and wrong.

Shapes: H, W height and width of the image in pixels.
"""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from rs2sam2.evaluation.boundary import Mask

MEANT, FOUND, RIGHT = (64, 224, 255), (255, 140, 26), (130, 255, 90)
"""Colours of what only the truth has, only the answer has, and both have."""
_FRAME, _DARK = (255, 255, 255), (16, 18, 24)
_SIDE, _GAP = 248, 6
_LEAST_VIEW = 0.2  # of the image's shorter side: what lies around a small thing says what it is
_ALL = 0.95  # of the longer side: a frame around that much says nothing
_Box = tuple[int, int, int, int]
_Pixels = NDArray[np.uint8]


def case_strip(image: _Pixels, truth: Mask, answers: Sequence[Mask]) -> bytes:
    """A JPEG picture: the whole image with the view framed; then in that view the truth and the answers.

    Args:
        image: (H, W, 3) RGB.
        truth: (H, W).
        answers: (H, W) each. A single one is outlined by itself first. Each is compared with the truth: right in
            green, missed in blue, wrong in orange.
    """
    view = _view(np.logical_or.reduce([truth, *answers]))
    pixels = np.asarray(Image.fromarray(image).crop(view).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))
    meant, *found = (_seen(mask, view) for mask in (truth, *answers))
    panels = [_whole(image, view), _outlined(pixels, meant, MEANT)]
    if len(found) == 1:
        panels.append(_outlined(pixels, found[0], FOUND))
    panels += [_compared(pixels, meant, one) for one in found]
    strip = np.full((_SIDE, len(panels) * (_SIDE + _GAP) - _GAP, 3), _DARK, dtype=np.uint8)
    for number, panel in enumerate(panels):
        left = number * (_SIDE + _GAP)
        strip[:, left : left + _SIDE] = panel
    buffer = io.BytesIO()
    Image.fromarray(strip).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def _view(mask: Mask) -> _Box:
    """Left, upper, right, lower of a square around the mask, with a margin; it may reach beyond the image."""
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        rows, columns = np.array([0, height - 1]), np.array([0, width - 1])
    extent = 1.4 * max(np.ptp(rows), np.ptp(columns))
    side = round(min(max(extent, _LEAST_VIEW * min(height, width), 24), max(height, width)))
    left, upper = (
        int(np.clip((line[0] + line[-1] + 1 - side) // 2, min(0, whole - side), max(0, whole - side)))
        for line, whole in ((columns, width), (rows, height))
    )
    return left, upper, left + side, upper + side


def _seen(mask: Mask, view: _Box) -> Mask:
    """The mask in the view, at the panel's size; where a pixel of the panel is many, one of them is enough."""
    grey = Image.fromarray(mask.astype(np.uint8) * 255).crop(view)
    larger = grey.width < _SIDE
    shown = grey.resize((_SIDE, _SIDE), Image.Resampling.NEAREST if larger else Image.Resampling.BOX)
    seen: Mask = np.asarray(shown) >= (128 if larger else 64)
    return seen


def _whole(image: _Pixels, view: _Box) -> _Pixels:
    """The image, in a square, with the view framed unless it is all of it."""
    height, width = image.shape[:2]
    scale = _SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    panel = Image.new("RGB", (_SIDE, _SIDE), _DARK)
    offset = ((_SIDE - size[0]) // 2, (_SIDE - size[1]) // 2)
    panel.paste(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS), offset)
    if view[2] - view[0] < _ALL * max(height, width):
        left, upper, right, lower = (edge * scale + offset[number % 2] for number, edge in enumerate(view))
        draw = ImageDraw.Draw(panel)
        draw.rectangle([left - 1, upper - 1, right + 1, lower + 1], outline=_DARK, width=4)
        draw.rectangle([left, upper, right, lower], outline=_FRAME, width=2)
    return np.asarray(panel)


def _outlined(pixels: _Pixels, mask: Mask, ink: tuple[int, int, int]) -> _Pixels:
    shown = pixels.copy()
    shown[ndimage.binary_dilation(mask, iterations=3) & ~mask] = _DARK
    shown[ndimage.binary_dilation(mask, iterations=2) & ~ndimage.binary_erosion(mask, border_value=1)] = ink
    return shown


def _compared(pixels: _Pixels, meant: Mask, found: Mask) -> _Pixels:
    grey = np.asarray(Image.fromarray(pixels).convert("L"), dtype=np.float32)[..., None]
    shown = np.repeat(0.25 * 255 + 0.5 * grey, 3, axis=2)
    for mask, ink in ((meant & found, RIGHT), (meant & ~found, MEANT), (found & ~meant, FOUND)):
        shown[mask] = 0.35 * shown[mask] + 0.65 * np.array(ink)
    return shown.astype(np.uint8)
