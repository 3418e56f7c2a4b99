"""Contact sheets: rendered scenes, crops of single objects, and expressions with what they mean, to be judged by eye.

Run as `python -m rs2sam2.data.contact_sheet --scenes 24 --crops 60 --seed 7 -o DIR`.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from rs2sam2.data.expressions import make_expressions
from rs2sam2.data.scene import Scene
from rs2sam2.data.synthetic import CATEGORIES, render_scene

_CAPTION_LINE = 13
_GAP = 4
_OUTLINE = (255, 0, 200)


def sheet(images: Sequence[Image.Image], captions: Sequence[str], columns: int, side: int) -> Image.Image:
    """Images scaled to `side` pixels, `columns` in a row, each over its caption (wrapped)."""
    font = ImageFont.load_default(11)
    wrapped = [_wrapped(caption, max(8, side // 6)) for caption in captions]
    below = _CAPTION_LINE * max((len(lines) for lines in wrapped), default=0) + _GAP
    rows = -(-len(images) // columns)
    page = Image.new("RGB", (columns * (side + _GAP) + _GAP, rows * (side + below) + _GAP), (255, 255, 255))
    draw = ImageDraw.Draw(page)
    for index, (image, lines) in enumerate(zip(images, wrapped, strict=True)):
        x, y = _GAP + index % columns * (side + _GAP), _GAP + index // columns * (side + below)
        page.paste(image.resize((side, side), Image.Resampling.LANCZOS), (x, y))
        for number, line in enumerate(lines):
            draw.text((x, y + side + 1 + number * _CAPTION_LINE), line, fill=(0, 0, 0), font=font)
    return page


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of at most about `width` characters."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


def outlined(scene: Scene, targets: Sequence[int]) -> Image.Image:
    """The scene with a bright line around the things with these indices."""
    mask = scene.mask(targets)
    edge = ndimage.binary_dilation(mask, iterations=2) & ~mask
    pixels = scene.image.copy()
    pixels[edge] = _OUTLINE
    return Image.fromarray(pixels)


def _square_around(mask: NDArray[np.bool_], margin: float) -> tuple[int, int, int, int]:
    """Box (left, top, right, bottom) of a square around a mask, wider than it by the share `margin`, in the image."""
    rows, columns = np.nonzero(mask)
    middle_y, middle_x = (rows.min() + rows.max()) / 2, (columns.min() + columns.max()) / 2
    side = min(round(max(24.0, (1 + margin) * max(np.ptp(rows), np.ptp(columns)))), min(mask.shape))
    left = min(max(round(middle_x - side / 2), 0), mask.shape[1] - side)
    top = min(max(round(middle_y - side / 2), 0), mask.shape[0] - side)
    return left, top, left + side, top + side


def _framed(scene: Scene, index: int) -> Image.Image:
    """A crop around a thing, with brackets at the corners of its bounding box: neighbours may be in view."""
    mask = scene.mask([index])
    left, top, right, bottom = _square_around(mask, 0.6)
    side = 2 * (right - left) if right - left > 150 else 300
    grow = side / (right - left)
    crop = Image.fromarray(scene.image).crop((left, top, right, bottom))
    crop = crop.resize((side, side), Image.Resampling.BICUBIC)
    rows, columns = np.nonzero(mask)
    x0, x1 = ((columns.min() - left) * grow - 4, (columns.max() + 1 - left) * grow + 4)
    y0, y1 = ((rows.min() - top) * grow - 4, (rows.max() + 1 - top) * grow + 4)
    draw, arm, thick = ImageDraw.Draw(crop), side * 0.05, max(2, side // 150)
    for x, inward_x in ((x0, 1), (x1, -1)):
        for y, inward_y in ((y0, 1), (y1, -1)):
            draw.line([(x + inward_x * arm, y), (x, y), (x, y + inward_y * arm)], fill=_OUTLINE, width=thick)
    return crop


def object_crops(rng: np.random.Generator, count: int, size: int) -> tuple[list[Image.Image], list[str]]:
    """Crops around `count` referable things, every class about equally often, in random order; and their classes."""
    quota = {name: count // len(CATEGORIES) for name in CATEGORIES}
    for name in rng.permutation(CATEGORIES)[: count % len(CATEGORIES)]:
        quota[str(name)] += 1
    found: list[tuple[Image.Image, str]] = []
    while len(found) < count:
        scene = render_scene(rng, size)
        seen: set[str] = set()
        for index in rng.permutation(len(scene.things)):
            thing = scene.things[int(index)]
            # One crop a class and scene: neighbours look alike.
            if not thing.referable or quota[thing.category] == 0 or thing.category in seen:
                continue
            seen.add(thing.category)
            quota[thing.category] -= 1
            found.append((_framed(scene, int(index)), thing.category))
    order = rng.permutation(len(found))
    return [found[int(i)][0] for i in order], [found[int(i)][1] for i in order]


def write_sheets(folder: Path, scenes: int, crops: int, seed: int, size: int) -> None:
    """Write scenes.png, expressions.png, crops.png (numbered) and crops.json (number -> class) into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [render_scene(np.random.default_rng([seed, index]), size) for index in range(scenes)]
    sheet([Image.fromarray(scene.image) for scene in drawn], [_contents(scene) for scene in drawn], 6, 320).save(
        folder / "scenes.png"
    )
    pictures, captions = [], []
    for index, scene in enumerate(drawn):
        for expression in make_expressions(scene, np.random.default_rng([seed, index, 1]), 1):
            pictures.append(outlined(scene, expression.targets))
            captions.append(f"{expression.text} [{expression.kind}]")
    sheet(pictures, captions, 6, 320).save(folder / "expressions.png")
    images, names = object_crops(np.random.default_rng([seed, scenes]), crops, size)
    sheet(images, [str(number + 1) for number in range(crops)], 10, 150).save(folder / "crops.png")
    answers = {str(number): name for number, name in enumerate(names, start=1)}
    (folder / "crops.json").write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")


def _contents(scene: Scene) -> str:
    """What is in a scene: "3 building, 1 vehicle"."""
    names = [thing.category for thing in scene.things]
    return ", ".join(f"{names.count(name)} {name}" for name in CATEGORIES if name in names)


def main() -> None:
    """Read the command line and write the sheets."""
    parser = argparse.ArgumentParser(description="Write contact sheets of rendered scenes.")
    parser.add_argument("--scenes", type=int, default=24, help="number of scenes")
    parser.add_argument("--crops", type=int, default=60, help="number of single-object crops")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--size", type=int, default=384, help="side of a scene in pixels")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write into")
    arguments = parser.parse_args()
    write_sheets(arguments.output, arguments.scenes, arguments.crops, arguments.seed, arguments.size)


if __name__ == "__main__":
    main()
