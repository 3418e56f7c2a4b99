"""The paper's recipes: they parse, hold the paper's numbers, run, go on where they stopped, and give weights."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from tests.training.referring_fake import small_recipes

from rs2sam2.checkpoints import native
from rs2sam2.errors import ConfigError, DataError, WeightsError
from rs2sam2.training.cli import main
from rs2sam2.training.recipe import asks_for_a_data_set

CONFIGS = Path(__file__).parents[2] / "configs"
PUBLISHED = Path(__file__).parents[2] / "src" / "rs2sam2" / "evaluation" / "benchmark" / "published"
# Of the paper's "Training Details": epochs, base rate, rate of fusion and mask prompt generator.
PAPER = {"refsegrs": (60, 5e-5, 1e-4), "rrsisd": (40, 1e-5, 5e-5)}
NAMES = [*PAPER, *(f"{name}_published" for name in PAPER)]


def read(name):
    return yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())


@pytest.mark.parametrize("name", PAPER)
def test_recipe_holds_the_paper_s_numbers(name):
    recipe = read(name)
    epochs, base, higher = PAPER[name]
    trainer, model, data = recipe["trainer"], recipe["model"], recipe["data"]
    assert trainer["max_epochs"] == epochs
    assert trainer["devices"] * data["batch_size"] * trainer.get("accumulate_grad_batches", 1) == 8
    assert model["rates"] == {"base": base, "higher": higher, "weight_decay": 0.01}
    assert model["loss"] == {"cross_entropy": 1.0, "dice": 0.1, "boundary": 0.2, "boundary_reading": "soft"}
    assert model["schedule"] == "paper" and data["black_boxes"] == 0 and data["validation_sentences"] == "all"


@pytest.mark.parametrize("name", PAPER)
def test_published_recipe_differs_where_the_published_code_does(name):
    paper, published = read(name), read(f"{name}_published")
    assert {k: v for k, v in published["trainer"].items() if k not in ("default_root_dir", "logger", "callbacks")} == {
        k: v for k, v in paper["trainer"].items() if k not in ("default_root_dir", "logger", "callbacks")
    }
    model, data = published["model"], published["data"]
    assert model["rates"] == {"base": 5e-5, "higher": 1e-4, "weight_decay": 0.01, "fusion_after_encoding": "higher"}
    assert model["loss"] == {"cross_entropy": 0.9, "dice": 0.1, "boundary": 0.2, "boundary_reading": "published"}
    assert model["schedule"] == "published" and data["validation_sentences"] == "one_per_thing"
    assert data["black_boxes"] == (0.2 if name == "rrsisd" else 0)
    assert model["init_from"] == paper["model"]["init_from"] and data["dataset"] == paper["data"]["dataset"]


@pytest.mark.parametrize("name", NAMES)
def test_recipe_opens_with_its_command_and_the_paper_s_score(name):
    lines = (CONFIGS / f"{name}.yaml").read_text().splitlines()
    opening = "\n".join(line for line in lines[:8] if line.startswith("#"))
    assert f"rs2sam2 train fit --config configs/{name}.yaml" in opening
    rows = json.loads((PUBLISHED / f"{name.removesuffix('_published')}.json").read_text())["rows"]
    ours = [row for row in rows if row["method"] == "RS2-SAM 2"]
    assert {row["split"] for row in ours} == {"val", "test"}
    for row in ours:
        for figure in ("mean_iou", "overall_iou", "precision_at_0.5"):
            assert f"{row['percent'][figure]:.2f}" in opening


@pytest.mark.parametrize("name", [*NAMES, "own"])
def test_recipe_parses(name, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["fit", "--config", str(CONFIGS / f"{name}.yaml"), "--print_config"])
    assert stop.value.code == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["model"]["rates"].items() >= read(name)["model"]["rates"].items()


def test_training_is_told_by_the_configuration(tmp_path):
    assert asks_for_a_data_set(["--config", str(CONFIGS / "rrsisd.yaml"), "--trainer.max_epochs", "1"])
    assert asks_for_a_data_set([f"--config={CONFIGS / 'rrsisd.yaml'}"])
    assert not asks_for_a_data_set(["--config", str(CONFIGS / "nano.yaml")]) and not asks_for_a_data_set([])
    with pytest.raises(ConfigError, match=r"missing\.yaml: cannot be read"):
        asks_for_a_data_set(["--config", str(tmp_path / "missing.yaml")])


@pytest.fixture
def small(tmp_path):
    """A recipe of the paper on the CPU, with a model and a data set of a few pixels."""
    return small_recipes(tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_recipe_runs_validates_keeps_the_best_and_gives_weights(small, tmp_path, capsys):
    path = small("run", "rrsisd_published")
    assert main(["fit", "--config", str(path), "--data.batch_size", "2", "--trainer.max_epochs", "1"]) == 0
    said = capsys.readouterr().out
    assert "What is trained" in said and "frozen" in said
    best = torch.load(tmp_path / "run" / "best.ckpt", weights_only=True)
    assert best["global_step"] == 2, "four samples, two at once"
    assert "val/precision_at_0.9" in (tmp_path / "run/log/version_0/metrics.csv").read_text()
    main(["export", "--config", str(path), "-o", str(tmp_path / "weights")])
    start, bundle = native.load(tmp_path / "init"), native.load(tmp_path / "weights")
    last = torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(tensor, last[f"model.{name}"]) for name, tensor in bundle.model.state_dict().items())
    assert not torch.equal(bundle.model.text_projection.weight, start.model.text_projection.weight)
    assert torch.equal(bundle.model.neck.convs[0].conv.weight, start.model.neck.convs[0].conv.weight)
    assert bundle.provenance["license"] == "Apache-2.0" and bundle.tokenizer.sha256 == start.tokenizer.sha256


@pytest.mark.filterwarnings("ignore")
def test_what_this_machine_lacks_is_said_in_one_line(small, tmp_path):
    path = small("run")
    with pytest.raises(WeightsError, match="no weights there"):
        main(["fit", "--config", str(path), "--model.init_from", "./weights/nowhere"])
    with pytest.raises(DataError, match=r"no sentences in split .train."):
        main(["fit", "--config", str(path), "--data.root", str(tmp_path)])
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="gpu"):
            main(["fit", "--config", str(path), "--trainer.accelerator", "gpu"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_one_s_own_recipe_ends_early_and_writes_weights(small, tmp_path, capsys):
    path = small("run", "own", max_epochs=9)
    recipe = yaml.safe_load(path.read_text())
    (early,) = [one for one in recipe["trainer"]["callbacks"] if one["class_path"].endswith("EarlyStopping")]
    early["init_args"] |= {"patience": 1, "min_delta": 2.0}  # no IoU gets better by so much
    path.write_text(yaml.safe_dump(recipe))
    assert main(["fit", "--config", str(path), "--data.batch_size", "4"]) == 0
    assert f"wrote {tmp_path / 'run' / 'weights'}" in capsys.readouterr().out
    assert torch.load(tmp_path / "run" / "last.ckpt", weights_only=True)["global_step"] == 2
    best = torch.load(tmp_path / "run" / "best.ckpt", weights_only=True)["state_dict"]
    bundle = native.load(tmp_path / "run" / "weights")
    assert all(torch.equal(tensor, best[f"model.{name}"]) for name, tensor in bundle.model.state_dict().items())
    assert bundle.provenance["recipe"]["data"]["batch_size"] == 4, "what was said on the command line"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stop", ["after an epoch", "within an epoch"])
def test_a_resumed_run_ends_as_an_undisturbed_one(small, tmp_path, stop):
    main(["fit", "--config", str(small("whole"))])
    path, last = small("halved"), tmp_path / "halved" / "last.ckpt"
    if stop == "within an epoch":
        recipe = yaml.safe_load(path.read_text())
        recipe["trainer"]["callbacks"][-1]["init_args"] |= {"every_n_train_steps": 3}
        path.write_text(yaml.safe_dump(recipe))
    steps = 4 if stop == "after an epoch" else 3
    main(["fit", "--config", str(path), "--trainer.max_steps", str(steps)])
    assert torch.load(last, weights_only=True)["global_step"] == steps
    main(["fit", "--config", str(small("halved")), "--ckpt_path", str(last)])
    expected = torch.load(tmp_path / "whole" / "last.ckpt", weights_only=True)
    resumed = torch.load(tmp_path / "halved" / "last.ckpt", weights_only=True)
    assert resumed["global_step"] == expected["global_step"] == 8
    for name, tensor in expected["state_dict"].items():
        assert torch.equal(resumed["state_dict"][name], tensor), name


FSDP2 = {
    "class_path": "lightning.pytorch.strategies.ModelParallelStrategy",
    "init_args": {"data_parallel_size": 2, "tensor_parallel_size": 1, "save_distributed_checkpoint": False},
}


TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "rs2sam2")


@pytest.fixture
def trained(small, tmp_path):
    """Trains by the command, since Lightning starts the second process with the same one; gives the last checkpoint."""

    def train(run, processes=1, strategy="auto", again=(), starter=(), **trainer):
        path = small(run, devices=processes, strategy=strategy, **{"max_steps": 1} | trainer)
        recipe = yaml.safe_load(path.read_text())
        recipe["data"]["batch_size"] = 2 // processes
        recipe["trainer"]["callbacks"][-1]["init_args"] |= {"every_n_train_steps": 1}
        path.write_text(yaml.safe_dump(recipe))
        starter = starter or (Path(sys.executable).parent / "rs2sam2",)
        command = [*starter, "train", "fit", "--config", path, *again]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr[-2000:]
        return torch.load(tmp_path / run / "last.ckpt", weights_only=True)

    return train


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("strategy", "precision", "rounding", "starter"),
    [("ddp", "64-true", 1e-8, ()), ("ddp", "64-true", 1e-8, TORCHRUN), (FSDP2, "32-true", 1e-6, ())],
    ids=["ddp", "torchrun", "fsdp2"],
)
def test_two_processes_equal_one_with_twice_the_batch(trained, strategy, precision, rounding, starter):
    ends = [trained("one", precision=precision), trained("two", 2, strategy, starter=starter, precision=precision)]
    moments = [averages(end["optimizer_states"][0]) for end in ends]
    assert len(moments[0]) == len(moments[1]) > 100
    for one, other in zip(*moments, strict=True):  # a tenth of the gradient, after a single step
        torch.testing.assert_close(other, one, rtol=1e-4, atol=rounding)


def averages(optimizer):
    """AdamW's first averages in the order of its groups; FSDP2 numbers parameters otherwise."""
    order = [number for group in optimizer["param_groups"] for number in group["params"]]
    return [optimizer["state"][number]["exp_avg"] for number in order]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_model_that_is_spread_out_goes_on_and_gives_weights(trained, small, tmp_path):
    whole = trained("whole", 2, FSDP2, max_steps=4)
    trained("halved", 2, FSDP2, max_steps=2)
    again = trained("halved", 2, FSDP2, again=("--ckpt_path", "last"), max_steps=4)
    assert whole["global_step"] == again["global_step"] == 4
    for name, tensor in whole["state_dict"].items():
        assert torch.equal(again["state_dict"][name], tensor), name
    main(["export", "--config", str(small("halved")), "-o", str(tmp_path / "weights")])
    bundle = native.load(tmp_path / "weights")
    for name, tensor in bundle.model.state_dict().items():
        assert torch.equal(tensor, whole["state_dict"][f"model.{name}"].float()), name
