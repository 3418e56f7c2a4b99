"""A split on disk in which something is absent, and the command that measures it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rs2sam2.cli import main
from rs2sam2.inference.segmenter import Segmenter

SIZE = (40, 50)
# Picture -> sentences with the box that each means; None: nothing.
PHRASES = {
    "t0_0": [("the left square", (2, 5, 12, 15))],
    "t0_1": [("all squares", (20, 20, 30, 45)), ("the ship", None)],
    "t1_0": [("the <b>large</b> square & more", (1, 1, 39, 39))],
}


def mask_of(box):
    mask = np.zeros(SIZE, dtype=bool)
    if box is not None:
        upper, left, lower, right = box
        mask[upper:lower, left:right] = True
    return mask


@pytest.fixture
def phrases_root(tmp_path: Path) -> Path:
    """NWPU-Refer's neighbour in layout: RefSegRS with a picture for each sentence, one of which means nothing."""
    root = tmp_path / "phrases"
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    lines = []
    for picture, sentences in PHRASES.items():
        for number, (sentence, box) in enumerate(sentences):
            name = f"{picture}_{number}"
            pixels = np.full((*SIZE, 3), 90, dtype=np.uint8)
            pixels[mask_of(box)] = (200, 60, 40)
            Image.fromarray(pixels).save(root / "images" / f"{name}.tif")
            Image.fromarray(mask_of(box).astype(np.uint8) * 255).save(root / "masks" / f"{name}.tif")
            lines.append(f"{name} {sentence}\n")
    (root / "output_phrase_val.txt").write_text("".join(lines))
    return root


@pytest.fixture
def with_oracle(monkeypatch, oracle):
    monkeypatch.setattr(Segmenter, "from_pretrained", lambda *_, **__: oracle)
    return oracle


@pytest.fixture
def evaluate():
    """`rs2sam2 evaluate` with a data set's name, root, output and more options; gives the exit code."""

    def run(data, root, output, *more):
        return main(["evaluate", "--data", data, "--root", str(root), "-o", str(output), *map(str, more)])

    return run
