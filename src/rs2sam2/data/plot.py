"""A sample as a picture: the image with the mask outlined, and below what was said."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

_SHORTEST = 512
_INK, _DARK, _PAPER, _TEXT = (255, 64, 160), (20, 16, 24), (255, 255, 255), (20, 20, 20)
_NOTHING = "nothing"
# The built-in font has Latin letters only. These bring Chinese ones on most systems.
_CHINESE_FONTS = ("NotoSansCJK-Regular.ttc", "NotoSansSC-Regular.otf", "wqy-zenhei.ttc", "DroidSansFallbackFull.ttf")

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def draw_sample(image: NDArray[np.uint8], mask: NDArray[np.bool_], sentence: str) -> Image.Image:
    """Outline a mask in its image and write the sentence under it.

    Args:
        image: (H, W, 3) RGB.
        mask: (H, W), of the image's size.
        sentence: what was said; an empty mask is said to be "nothing" there.

    Returns:
        RGB; the shorter side of a small image is brought to 512 pixels.
    """
    height, width = mask.shape
    scale = max(1.0, _SHORTEST / min(height, width))
    size = (round(width * scale), round(height * scale))
    seen = np.array(Image.fromarray(image).resize(size, Image.Resampling.BICUBIC))
    inside = np.array(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
    thickness = max(2, max(size) // 300)
    if inside.any():
        away = ndimage.distance_transform_edt(~inside)
        seen[(away > 0) & (away <= thickness + 1.5)] = _DARK
        seen[(away > 0) & (away <= thickness)] = _INK
    caption = _caption(sentence if mask.any() else f"{sentence}  ({_NOTHING})", size[0])
    page = Image.new("RGB", (size[0], size[1] + caption.height), _PAPER)
    page.paste(Image.fromarray(seen), (0, 0))
    page.paste(caption, (0, size[1]))
    return page


def _caption(text: str, width: int) -> Image.Image:
    unit = max(16, width // 36)
    font = _font(text, unit)
    lines = _wrapped(text, font, width - unit)
    caption = Image.new("RGB", (width, round(unit * (1.4 * len(lines) + 0.8))), _PAPER)
    draw = ImageDraw.Draw(caption)
    for number, line in enumerate(lines):
        draw.text((unit / 2, unit * (0.3 + 1.4 * number)), line, font=font, fill=_TEXT)
    return caption


def _font(text: str, size: int) -> _Font:
    """The built-in font, or for other letters than Latin ones a font of the system that has them."""
    if any(ord(letter) >= 0x2E80 for letter in text):
        for name in _CHINESE_FONTS:
            try:
                return ImageFont.truetype(name, size)
            except OSError:
                continue
    return ImageFont.load_default(size)


def _wrapped(text: str, font: _Font, width: float) -> list[str]:
    """Lines that fit; what has no blanks, as Chinese, breaks anywhere."""
    lines = [""]
    for word in text.split():
        if font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] = f"{lines[-1]} {word}".strip()
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if lines[-1] and font.getlength(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return lines
