"""The four commands of the researcher's page, on a map of rectangles."""

import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
import yaml
from tests.data.building.world import make_world, write_coco

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "research.md").read_text()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_own_data_in_four_commands(tmp_path):
    (script,) = re.findall(r"<!-- tested -->\n```bash\n(.*?)```", PAGE, flags=re.DOTALL)
    assert script.count("\n") == 4
    instances, images = write_coco(tmp_path, make_world(side=768, count=36), side=256)
    assert (instances, images) == (tmp_path / "instances.json", tmp_path / "images")
    recipe = yaml.safe_load((ROOT / "configs" / "own.yaml").read_text())
    recipe["trainer"] |= {"max_epochs": 1, "limit_train_batches": 3, "limit_val_batches": 1}
    recipe["data"]["workers"] = 0
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "own.yaml").write_text(yaml.safe_dump(recipe))
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euc", script], cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    assert (tmp_path / "runs/own/best.ckpt").exists() and (tmp_path / "runs/own/weights/model.safetensors").exists()
    assert "mIoU" in (tmp_path / "measured/own/report.md").read_text()


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert links and all((ROOT / "docs" / link).exists() for link in links)
