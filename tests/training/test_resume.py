"""A run that was interrupted ends with the weights of one that was not, and has seen every sample once."""

from pathlib import Path

import pytest
import torch
import yaml
from tests.training.oam_fake import write_oam

from rs2sam2.training.cli import main


def nano_recipe(root: Path, tmp_path: Path, name: str, steps: int = 4, every: int = 2) -> Path:
    """nano's recipe in one process, with small pictures and a checkpoint after so many steps; `name` is its folder."""
    recipe = yaml.safe_load(Path("configs/nano.yaml").read_text(encoding="utf-8"))
    run = tmp_path / name
    recipe["trainer"] |= {"devices": 1, "strategy": "auto", "max_steps": steps, "default_root_dir": str(run)}
    recipe["trainer"] |= {"enable_progress_bar": False, "logger": False, "log_every_n_steps": 1}
    for callback in recipe["trainer"]["callbacks"]:
        if callback["class_path"].endswith("ModelCheckpoint"):
            callback["init_args"] |= {"dirpath": str(run), "every_n_train_steps": every, "save_top_k": -1}
            callback["init_args"]["filename"] = "{step}"
    recipe["data"] |= {"root": str(root), "tokenizer": str(tmp_path / "tokenizer.spm"), "steps": steps, "groups": 2}
    for phase in recipe["data"]["phases"]:
        phase |= {"scene_size": 128, "image_size": 128, "group_size": 2}
    path = tmp_path / f"{name}.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_interrupted_run_ends_as_an_undisturbed_one(tmp_path: Path):
    root = write_oam(tmp_path / "oam")
    whole, halved = nano_recipe(root, tmp_path, "whole"), nano_recipe(root, tmp_path, "halved")
    main(["fit", "--config", str(whole)])
    main(["fit", "--config", str(halved), "--trainer.limit_train_batches", "4", "--trainer.max_steps", "4"])
    middle = tmp_path / "halved" / "step=2.ckpt"
    main(["fit", "--config", str(halved), "--ckpt_path", str(middle)])
    expected = torch.load(tmp_path / "whole" / "last.ckpt", weights_only=True)
    resumed = torch.load(tmp_path / "halved" / "last.ckpt", weights_only=True)
    assert resumed["global_step"] == expected["global_step"] == 4
    for name, tensor in expected["state_dict"].items():
        torch.testing.assert_close(resumed["state_dict"][name], tensor, rtol=0, atol=0, msg=name)
