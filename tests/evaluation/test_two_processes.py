"""Metrics over two real processes (gloo) equal those over one, to the last bit."""

import json
import subprocess
import sys
import textwrap

import pytest

SCRIPT = textwrap.dedent(
    """
    import json, sys
    import numpy as np, torch
    from torch import distributed
    from rs2sam2.evaluation.metrics import (
        BalancedPresenceAccuracy, ExpectedCalibrationError, GeneralisedMeanIoU, MeanBoundaryF1, MeanIoU,
        NoTargetAccuracy, OverallIoU, PrecisionAtIoU, TargetAccuracy,
    )

    rank, count, meeting = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    if count > 1:
        distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=count)
    draw = np.random.default_rng(7)
    union = draw.integers(1, 900, 31)
    part = draw.integers(0, union + 1)
    said, true = draw.random(31) < 0.6, draw.random(31) < 0.5
    score = draw.random(31)
    columns = {
        MeanIoU: (part, union), GeneralisedMeanIoU: (part, union), OverallIoU: (part, union),
        (lambda: PrecisionAtIoU(0.5)): (part, union), MeanBoundaryF1: (part, union, part // 2, union),
        TargetAccuracy: (said, true), NoTargetAccuracy: (said, true), BalancedPresenceAccuracy: (said, true),
        ExpectedCalibrationError: (score, part / union),
    }
    found = []
    for make, values in columns.items():
        metric = make()
        # Unlike shares: the first process takes two thirds, in batches of one.
        mine = [index for index in range(31) if count == 1 or (index % 3 == 2) == bool(rank)]
        for index in mine:
            metric.update(*(torch.from_numpy(column[index : index + 1].copy()) for column in values))
        found.append(float(metric.compute()))
    print(json.dumps(found))
    if count > 1:
        distributed.destroy_process_group()
    """
)


def start(rank, count, meeting):
    command = [sys.executable, "-c", SCRIPT, str(rank), str(count), str(meeting)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_two_processes_give_the_figures_of_one(tmp_path):
    processes = [start(0, 1, ""), start(0, 2, tmp_path / "meeting"), start(1, 2, tmp_path / "meeting")]
    alone, *together = [json.loads(process.communicate(timeout=1200)[0]) for process in processes]
    assert together == [alone, alone]
    assert len(set(alone)) > 5
