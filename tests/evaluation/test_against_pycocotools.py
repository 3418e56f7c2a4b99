"""The whole command on real data against an independent computation: pycocotools' own IoU of run-length masks."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pycocotools import mask as coco
from scipy import ndimage

from rs2sam2.cli import main
from rs2sam2.data.registry import open_dataset

pytestmark = [
    pytest.mark.slow,
    # Its arrays do not know numpy 2's copy keyword; nothing here can change that.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def run_lengths(mask):
    return coco.encode(np.asfortranarray(mask.astype(np.uint8)))


@pytest.mark.parametrize(
    ("data", "folder", "pattern"), [("rrsisd", "refer", "^(.{20})"), ("refsegrs", "refsegrs", None)]
)
def test_ious_are_those_of_pycocotools(shared, tmp_path, data, folder, pattern):
    root = shared / "data/oam_buildings" / folder
    rng = np.random.default_rng(0)
    masks, expected, parts, wholes = tmp_path / "masks", {}, [], []
    masks.mkdir()
    for sample in open_dataset(data, root, "val"):
        found = np.roll(sample.mask, rng.integers(-40, 40, 2), axis=(0, 1))
        found = ndimage.binary_dilation(found, iterations=int(rng.integers(1, 9))) if rng.random() < 0.5 else found
        if rng.random() < 0.1:
            found = np.zeros_like(found)
        Image.fromarray(found).save(masks / f"{sample.sample_id}.png")
        codes = run_lengths(found), run_lengths(sample.mask)
        expected[sample.sample_id] = float(coco.iou([codes[0]], [codes[1]], [0])[0, 0])
        parts.append(int(coco.area(coco.merge(codes, intersect=True))))
        wholes.append(int(coco.area(coco.merge(codes))))
    options = ["--place", pattern] if pattern else []
    command = [
        "evaluate",
        "--data",
        data,
        "--root",
        str(root),
        "--predictions",
        str(masks),
        "-o",
        str(tmp_path / "out"),
    ]
    assert main([*command, *options]) == 0
    figures = json.loads((tmp_path / "out/metrics.json").read_text())["figures"]["native"]
    rows = pq.read_table(tmp_path / "out/samples.parquet").to_pylist()
    assert {row["sample"]: row["iou"] for row in rows} == pytest.approx(expected, abs=1e-6)
    assert figures["mean_iou"]["value"] == pytest.approx(np.mean(list(expected.values())), abs=1e-6)
    assert figures["overall_iou"]["value"] == pytest.approx(sum(parts) / sum(wholes), abs=1e-6)
    for tenths in (5, 9):
        share = np.mean([value >= tenths / 10 for value in expected.values()])
        assert figures[f"precision_at_{tenths / 10}"]["value"] == pytest.approx(share, abs=1e-6)
