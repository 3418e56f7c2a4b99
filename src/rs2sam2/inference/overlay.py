"""A picture to look at: the image, what was meant outlined in it, and below what was asked and how sure the answer is.

Shapes: H, W height and width of the picture on screen, in pixels.
"""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo
from scipy.ndimage import distance_transform_edt

from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.outputs.tags import tags
from rs2sam2.inference.palette import colour
from rs2sam2.inference.segmentation import Segmentation

_SHORTEST, _LONGEST = 800, 2048
_DIMMED, _TINT = 0.72, 0.07
_PANEL, _TEXT, _FAINT = (18, 20, 26), (245, 246, 250), (160, 166, 180)


def draw_overlay(image: RasterImage, answers: Sequence[Segmentation]) -> Image.Image:
    """The image with each answer outlined in its own colour, and a caption for each below.

    The longer side is brought to between 800 and 2048 pixels. What nobody meant is darkened a little, so that the
    answer is found at a glance.
    """
    scale = np.clip(max(image.width, image.height), _SHORTEST, _LONGEST) / max(image.width, image.height)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    picture = _marked(image, answers, size)
    panel = _captions(answers, max(size[0], 400))
    canvas = Image.new("RGB", (panel.width, size[1] + panel.height), _PANEL)
    canvas.paste(picture, ((panel.width - size[0]) // 2, 0))
    canvas.paste(panel, (0, size[1]))
    return canvas


def encode_overlay(image: RasterImage, answers: Sequence[Segmentation], suffix: str) -> bytes:
    """The picture as the bytes of a `.png` (with text chunks) or `.jpg` file."""
    picture = draw_overlay(image, answers)
    buffer = io.BytesIO()
    if suffix == ".png":
        text = PngInfo()
        for name, value in tags(answers).items():
            text.add_itxt(name, value)
        picture.save(buffer, "PNG", pnginfo=text)
    else:
        comment = "; ".join(f"{name}: {value}" for name, value in tags(answers).items())
        picture.save(buffer, "JPEG", quality=92, subsampling=0, comment=comment.encode())
    return buffer.getvalue()


def _marked(image: RasterImage, answers: Sequence[Segmentation], size: tuple[int, int]) -> Image.Image:
    pixels = np.asarray(Image.fromarray(image.pixels).resize(size, Image.Resampling.LANCZOS), dtype=np.float32)
    depths = [(index, _depth(answer.mask, size)) for index, answer in enumerate(answers) if answer.mask.any()]
    if depths:
        inside = np.clip(np.max([depth for _, depth in depths], axis=0) + 0.5, 0, 1)[..., None]
        pixels *= _DIMMED + (1 - _DIMMED) * inside
    width = max(2.0, max(size) / 360)
    for index, depth in depths:
        ink = np.array(colour(index), dtype=np.float32)
        pixels = _mix(pixels, ink, _TINT * np.clip(depth + 0.5, 0, 1))
        pixels = _mix(pixels, np.zeros(3, dtype=np.float32), 0.65 * _line(depth, 2 * width))
        pixels = _mix(pixels, ink, _line(depth, width))
    return Image.fromarray(pixels.round().astype(np.uint8))


def _depth(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.float32]:
    """(H, W) distance to the mask's edge on screen, in pixels: positive inside, negative outside."""
    grey = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BICUBIC)
    inside = np.asarray(grey) >= 128
    if not inside.any():  # smaller than a pixel of the screen: it still has to be seen
        small = Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BOX)
        inside = np.asarray(small) >= max(1, int(np.asarray(small).max()))
    if inside.all():
        inside = np.pad(inside[1:-1, 1:-1], 1)
    depth = np.where(inside, distance_transform_edt(inside) - 0.5, 0.5 - distance_transform_edt(~inside))
    return np.asarray(depth, dtype=np.float32)


def _line(depth: NDArray[np.float32], width: float) -> NDArray[np.float32]:
    return np.clip(width / 2 + 0.5 - np.abs(depth), 0, 1)


def _mix(pixels: NDArray[np.float32], ink: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.float32]:
    return pixels + (ink - pixels) * share[..., None]


def _captions(answers: Sequence[Segmentation], width: int) -> Image.Image:
    unit = max(13, round(width / 46))
    large, small = ImageFont.load_default(unit), ImageFont.load_default(round(unit * 0.72))
    lines: list[tuple[str, ImageFont.FreeTypeFont | ImageFont.ImageFont, tuple[int, int, int], int | None]] = []
    for index, answer in enumerate(answers):
        first = True
        for line in _wrapped(answer.expression, large, width - 4 * unit):
            lines.append((line, large, _TEXT, index if first else None))
            first = False
        lines.append((answer.summary, small, _FAINT, None))
    heights = [round(1.5 * unit) if font is large else round(1.6 * unit) for _, font, _, _ in lines]
    panel = Image.new("RGB", (width, sum(heights) + unit), _PANEL)
    draw = ImageDraw.Draw(panel)
    y = round(0.75 * unit)
    for (text, font, ink, starts), height in zip(lines, heights, strict=True):
        if starts is not None:
            dot = [unit, y + 0.2 * unit, 1.8 * unit, y + unit]
            drawn = colour(starts) if answers[starts].mask.any() else None
            draw.rounded_rectangle(dot, radius=unit // 4, fill=drawn, outline=drawn or _FAINT, width=2)
        draw.text((2.6 * unit, y), text, font=font, fill=ink)
        y += height
    return panel


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> list[str]:
    lines = [""]
    for word in text.split():
        candidate = f"{lines[-1]} {word}".strip()
        if font.getlength(candidate) <= width or not lines[-1]:
            lines[-1] = candidate
        else:
            lines.append(word)
    return lines
