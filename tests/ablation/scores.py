"""Plans without training, and scores as finished runs would have left them."""

import json
from pathlib import Path

from rs2sam2.ablation.one_run import FORMAT, SCORES
from rs2sam2.ablation.parts import MASKS
from rs2sam2.ablation.plan import Plan, Rendered, Row, Run

PAPER = {"precision_at_0.5": 80.0, "precision_at_0.7": 60.0, "precision_at_0.9": 20.0, "overall_iou": 75.0}


def plan(folder: Path, **paper: float) -> Plan:
    """Rows named by the keywords, each with two seeds and this mIoU in the paper; the first is `full`."""
    rows = {
        name: Row(name, name.replace("_", " "), {}, (1, 2), {**PAPER, "mean_iou": iou}, 10)
        for name, iou in paper.items()
    }
    return Plan("ablation", "Rows", folder, 5, folder, Rendered(5, 96, 1), {}, rows, {"Table 3": tuple(rows)})


def write_scores(run: Run, found: list[int], sha256: str = "asked", **more: object) -> None:
    """Ten questions in five places, targets of 100 pixels, of which `found` were found and nothing else; more parts."""
    one = {
        "sha256": sha256,
        "units": [f"place {number // 2}" for number in range(10)],
        "intersection": found,
        "union": [100] * 10,
    }
    scores = {
        "format": FORMAT,
        "weights_sha256": "0",
        "minutes": {"wall": 12.0, "cpu": 11.0},
        "parts": dict.fromkeys(MASKS, one) | more,
    }
    run.folder.mkdir(parents=True, exist_ok=True)
    (run.folder / SCORES).write_text(json.dumps(scores))
