"""A contact sheet of the cases that went best, as usual, and worst: truth in green, the answer in yellow."""

import io
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from rs2sam2.data.contact_sheet import sheet
from rs2sam2.evaluation.diagnosis.scores import Case
from rs2sam2.inference.images import RasterImage

TRUTH, ANSWER = (0, 255, 70), (255, 221, 0)
COLUMNS, SIDE = 6, 340


def contact_sheet(
    cases: Sequence[Case], open_picture: Callable[[str], RasterImage], each: int = COLUMNS
) -> Image.Image:
    """Three parts: the best, those around the median, and the worst, of these the surest first.

    Args:
        cases: at least one.
        open_picture: from a picture's name to its pixels.
        each: cases in each part.
    """
    ordered = sorted(cases, key=lambda case: (-case.iou, case.answer.score))
    middle = max(0, (len(ordered) - each) // 2)
    parts = {
        "best": ordered[:each],
        "median": ordered[middle : middle + each],
        "worst": ordered[::-1][:each],
    }
    images, captions = [], []
    for name, some in parts.items():
        for case in some:
            images.append(_drawn(case, open_picture(case.target.question.picture)))
            said = f"score {case.answer.score:.2f}" if case.answer.present else "said to be absent"
            captions.append(f"{name}: IoU {case.iou:.2f}, {said}: {case.target.question.sentence}")
    return sheet(images, captions, COLUMNS, SIDE)


def encoded(picture: Image.Image, suffix: str) -> bytes:
    """The bytes of a `.png` or `.jpg` file."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG" if suffix == ".png" else "JPEG", **({} if suffix == ".png" else {"quality": 92}))
    return buffer.getvalue()


def _drawn(case: Case, image: RasterImage) -> Image.Image:
    pixels = np.array(Image.fromarray(image.pixels).resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    for mask, ink, width in ((case.target.mask.mask, TRUTH, 2), (case.answer.found.mask, ANSWER, 1)):
        shown = np.asarray(Image.fromarray(mask).resize((SIDE, SIDE), Image.Resampling.NEAREST))
        pixels[_outline(shown, width)] = ink
    return Image.fromarray(pixels)


def _outline(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    edge: NDArray[np.bool_] = ndimage.binary_dilation(mask, iterations=width) & ~ndimage.binary_erosion(
        mask, border_value=1
    )
    return edge
