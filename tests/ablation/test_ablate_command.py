"""`rs2sam2 ablate` with a budget of two steps: trains, goes on after a stop, asks and reports."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from time import sleep

import numpy as np
import pytest
import torch
import yaml
from tests.ablation.scores import plan as small_plan
from tests.training.oam_fake import write_oam

from rs2sam2.ablation.jobs import prepare
from rs2sam2.ablation.one_run import main as one_run
from rs2sam2.ablation.page import page
from rs2sam2.ablation.plan import Rendered, read_plan
from rs2sam2.ablation.questions import RenderedQuestions, write_rendered
from rs2sam2.cli import main
from rs2sam2.data.vocabulary import ensure_tokenizer
from rs2sam2.errors import ConfigError, DataError

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src")}


@pytest.fixture
def config(tmp_path):
    settings = yaml.safe_load((ROOT / "configs" / "ablation_nano.yaml").read_text())
    real = write_oam(tmp_path / "oam", "train", "val")
    settings |= {"folder": str(tmp_path / "runs"), "real": str(real), "steps": 4, "checkpoint_every": 1}
    settings["rendered"] = {"scenes": 4, "size": 96, "seed": 1, "pairs": 2, "corrected": 2}
    phase = {"start": 0.0, "scene_size": 96, "image_size": 96, "group_size": 2}
    settings["training"]["data"] |= {"groups": 2, "phases": [phase]}
    settings["rows"] = {name: settings["rows"][name] for name in ("full", "baseline")}
    settings["rows"]["baseline"]["seeds"] = [2026]
    settings["tables"] = {"Table 3": ["baseline", "full"]}
    path = tmp_path / "ablation.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


@pytest.mark.slow
@pytest.mark.timeout(3600)  # three trainings, each in a process that first has to import all it needs
def test_all_of_it(config, tmp_path):
    command = [sys.executable, "-m", "rs2sam2", "ablate", "--config", str(config), "--jobs", "2"]
    command += ["--docs", str(tmp_path / "docs")]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "docs/numbers/ablation.json").read_text())
    assert (tmp_path / "docs/ablation.md").read_text() == page(report)
    assert set(report["rows"]["full"]["runs"]) == {"2026", "2027"}
    assert report["questions"]["rendered"]["places"] == 4 and report["questions"]["real"]["places"] == 2
    assert {"real", "rendered", "real_clicks", "rendered_clicks", "real_several"} <= report["questions"].keys()
    assert report["rows"]["baseline"]["differences"]["real"]["seeds"].keys() == {"2026"}
    weights = {run["weights_sha256"] for row in report["rows"].values() for run in row["runs"].values()}
    assert len(weights) == 3, "another row or seed, other weights"

    # A run of which nothing is left but the checkpoint is asked again, and trained no further.
    folder = tmp_path / "runs" / "full-2026"
    scores, checkpoint = (folder / "scores.json").read_bytes(), (folder / "last.ckpt").read_bytes()
    (folder / "scores.json").unlink()
    again = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    assert again.returncode == 0 and again.stdout.count("begins") == 1, again.stdout + again.stderr
    assert (folder / "last.ckpt").read_bytes() == checkpoint
    assert json.loads((folder / "scores.json").read_bytes())["parts"] == json.loads(scores)["parts"]

    settings = yaml.safe_load(config.read_text()) | {"steps": 5}
    config.write_text(yaml.safe_dump(settings))
    other = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    assert other.returncode == 2 and "begun with other settings" in other.stderr


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_run_that_was_killed_goes_on_to_the_same_weights(config):
    plan = read_plan(config)
    plan.folder.mkdir()
    ensure_tokenizer(plan.tokenizer)
    write_rendered(plan.rendered_file, plan.rendered)
    run = plan.runs[0]
    command = [sys.executable, "-m", "rs2sam2.ablation.one_run", run.folder, "--steps", "4"]
    command += ["--real", plan.real, "--rendered", plan.rendered_file]
    ends = []
    for kills in (True, False):
        prepare(plan, run)
        process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if kills:
            while not (run.folder / "last.ckpt").exists():
                assert process.poll() is None
                sleep(0.01)
            sleep(0.1)
            process.kill()
            process.wait()
            assert torch.load(run.folder / "last.ckpt", weights_only=True)["global_step"] < 4
            process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert process.wait(300) == 0
        ends.append(torch.load(run.folder / "last.ckpt", weights_only=True)["state_dict"])
        shutil.rmtree(run.folder)
    assert all(torch.equal(ends[0][name], tensor) for name, tensor in ends[1].items())


def test_rendered_scenes_are_the_same_each_time(tmp_path):
    wanted = Rendered(scenes=6, size=96, seed=5, pairs=2)
    paths = [tmp_path / name for name in ("one.npz", "other.npz")]
    for path in paths:
        write_rendered(path, wanted)
    one, other = (RenderedQuestions(path) for path in paths)
    assert one.sha256 == other.sha256
    assert len({target.unit for target in one.targets}) == 6 and one.wanted == wanted
    assert len(one.pairs) == 2
    assert 0 < len(one.single) <= len(one.targets)
    target = one.targets[0]
    assert target.mask.mask.any() and one.open(target.question.picture).pixels.shape == (96, 96, 3)
    write_rendered(paths[1], Rendered(scenes=3, size=96, seed=6))
    assert RenderedQuestions(paths[1]).sha256 != one.sha256
    paths[0].write_bytes(paths[0].read_bytes()[:1000])
    with pytest.raises(DataError, match="no rendered scenes"):
        RenderedQuestions(paths[0])
    np.savez(paths[0], images=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="no rendered scenes"):
        RenderedQuestions(paths[0])


def test_a_run_begun_with_other_settings_is_not_mixed_in(tmp_path, config):
    plan = read_plan(config)
    prepare(plan, plan.runs[0])
    prepare(plan, plan.runs[0])
    path = plan.runs[0].folder / "recipe.yaml"
    path.write_text(path.read_text().replace("learning_rate: 0.001", "learning_rate: 0.002"))
    with pytest.raises(ConfigError, match="begun with other settings"):
        prepare(plan, plan.runs[0])


def test_what_a_run_cannot_do_is_one_line(tmp_path, capsys):
    folder = small_plan(tmp_path, full=70).runs[0].folder
    folder.mkdir()
    (folder / "last.ckpt").write_bytes(b"no checkpoint")
    assert one_run([str(folder), "--steps", "2", "--real", "x", "--rendered", "y"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "delete it, the run begins anew" in said


def test_bad_usage(tmp_path, capsys):
    assert main(["ablate", "--config", str(tmp_path / "none.yaml")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_command_line_knows_it(capsys):
    from rs2sam2.cli import main

    assert main(["ablate", "--help"]) == 0
    assert "--jobs" in capsys.readouterr().out
