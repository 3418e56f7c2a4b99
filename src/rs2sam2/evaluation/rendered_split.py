"""Rendered scenes as a data set on disk, to try a measurement without any imagery.

Run as `python -m rs2sam2.evaluation.rendered_split --scenes 36 -o DIR`.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from rs2sam2.data.expressions import make_expressions
from rs2sam2.data.synthetic import render_scene
from rs2sam2.evaluation.diagnosis.rendered_set import HELD_OUT

SPLIT = "val"
_SENTENCES, _GROUP_SHARE, _ABSENT_SHARE = 3, 0.2, 0.25


def write_rendered_split(folder: Path, scenes: int, seed: int, size: int) -> int:
    """Write scenes that no training has seen, in the layout of RefSegRS; some sentences mean nothing.

    Args:
        folder: to be made.
        scenes: how many; picture n of scene m is named "scene<m>_<n>".
        seed: decides all.
        size: of a scene, in pixels.

    Returns:
        The number of sentences.
    """
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    lines = []
    for number in range(scenes):
        draw, say = (np.random.default_rng([seed, HELD_OUT, number, use]) for use in range(2))
        scene = render_scene(draw, size)
        made = make_expressions(scene, say, _SENTENCES, group_share=_GROUP_SHARE, absent_share=_ABSENT_SHARE)
        for index, expression in enumerate(made):
            name = f"scene{number:03d}_{index}"
            Image.fromarray(scene.image).save(folder / "images" / f"{name}.tif")
            mask = scene.mask(expression.targets).astype(np.uint8) * 255
            Image.fromarray(mask).save(folder / "masks" / f"{name}.tif")
            lines.append(f"{name} {expression.text}\n")
    (folder / f"output_phrase_{SPLIT}.txt").write_text("".join(lines), encoding="utf-8")
    return len(lines)


def main() -> None:
    """Read the command line and write the split."""
    parser = argparse.ArgumentParser(description="Write rendered scenes as a data set in the layout of RefSegRS.")
    parser.add_argument("--scenes", type=int, default=36, help="number of scenes")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--size", type=int, default=512, help="side of a scene in pixels")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to make")
    arguments = parser.parse_args()
    count = write_rendered_split(arguments.output, arguments.scenes, arguments.seed, arguments.size)
    print(f"wrote {count} sentences to {arguments.output}")


if __name__ == "__main__":
    main()
