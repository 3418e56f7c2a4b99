"""The picture of docs/performance.md: where the time of a forward pass goes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from rs2sam2.bench.model_parts import PARTS
from rs2sam2.errors import OutputError
from rs2sam2.files import whole_file

_WIDTH, _BAR, _MARGIN, _NAMES, _LINE = 1400, 56, 40, 300, 34
_BACK, _INK = "white", (32, 36, 44)
# A colour for each part, in their order: the trunk's stages share a hue.
_COLOURS = (
    "#7b5ea7", "#b9c4d0", "#bfe0f5", "#82c0e8", "#3f95cf", "#1d6396",
    "#e8883a", "#6fae6f", "#f2b66d", "#c0504d", "#8a8f98",
)  # fmt: skip


def save_picture(reports: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draw a bar for each model and precision, divided as its time is, and what each colour stands for.

    Args:
        reports: of the sections "full" and "nano"; what is missing is left out.
        path: a .png to write.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        with whole_file(path) as temporary:
            _drawn(reports).save(temporary, "PNG", optimize=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}): give another place") from error


def _drawn(reports: Mapping[str, Mapping[str, Any]]) -> Image.Image:
    bars = [
        (f"{label}, {precision}", reports[section]["ours"][precision])
        for section, label in (("full", "full size"), ("nano", "nano"))
        if section in reports
        for precision in ("float32", "bfloat16")
    ]
    height = 2 * _MARGIN + len(bars) * (_BAR + _LINE) + -(-len(PARTS) // 3) * _LINE + _MARGIN
    image = Image.new("RGB", (_WIDTH, height), _BACK)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(22)
    room = _WIDTH - _NAMES - 2 * _MARGIN
    for row, (label, figures) in enumerate(bars):
        top = _MARGIN + row * (_BAR + _LINE)
        total = sum(figures["parts"].values())
        unit = f"{total:.1f} s" if total >= 1 else f"{1000 * total:.0f} ms"
        pen.text((_MARGIN, top + 2), label, fill=_INK, font=font)
        pen.text((_MARGIN, top + 28), unit, fill=_INK, font=font)
        left = float(_MARGIN + _NAMES)
        for part, colour in zip(PARTS, _COLOURS, strict=True):
            width = room * figures["parts"].get(part, 0.0) / total
            pen.rectangle((left, top, left + width, top + _BAR), fill=colour)
            share = f"{100 * width / room:.0f} %"
            if pen.textlength(share, font) + 8 < width:
                pen.text((left + width / 2, top + _BAR / 2), share, fill=_ink_on(colour), font=font, anchor="mm")
            left += width
    top = _MARGIN + len(bars) * (_BAR + _LINE) + _MARGIN // 2
    column = (_WIDTH - 2 * _MARGIN) // 3
    for at, (part, colour) in enumerate(zip(PARTS, _COLOURS, strict=True)):
        x, y = _MARGIN + at % 3 * column, top + at // 3 * _LINE
        pen.rectangle((x, y, x + 20, y + 20), fill=colour)
        pen.text((x + 30, y - 3), part, fill=_INK, font=font)
    return image


def _ink_on(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 140 else "white"
