"""`rs2sam2 train plan`: parts that can be counted by hand are, and what is computed holds in a real step."""

import json
from math import ceil
from pathlib import Path

import pytest
import torch
import yaml
from tests.training.referring_fake import write_refsegrs, write_weights
from torch._subclasses.fake_tensor import FakeTensorMode

from rs2sam2.config import ModelConfig
from rs2sam2.errors import ConfigError
from rs2sam2.model.rs2sam2 import RS2SAM2
from rs2sam2.training.activations import BLOCKS, compute_blocks_again
from rs2sam2.training.cli import main
from rs2sam2.training.plan import plan
from rs2sam2.training.plan_page import page
from rs2sam2.training.spread import spread
from rs2sam2.training.step_cost import step_cost
from tiny import tiny_config, tiny_inputs

CONFIGS = Path(__file__).parents[2] / "configs"


def kept_for_the_way_back(model, loss):
    """Bytes in storages that autograd holds after a real forward pass."""
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    held = {}

    def pack(tensor):
        held[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss()
    return sum(tensor.untyped_storage().nbytes() for place, tensor in held.items() if place not in own)


def loss_of(model, inputs):
    return lambda: model(*inputs).mask_logits.square().mean()


@pytest.fixture(scope="module")
def cost():
    with FakeTensorMode():
        config = tiny_config()
        model = RS2SAM2(config)
        model.trunk.patch_embed.requires_grad_(False)
        inputs = [torch.zeros(tensor.shape, dtype=tensor.dtype) for tensor in _inputs(config)]
        return step_cost(model, loss_of(model, inputs), mixed=False)


def _inputs(config):
    from torch._subclasses.fake_tensor import unset_fake_temporarily

    with unset_fake_temporarily():
        return tiny_inputs(config, 2, 6)


def test_numbers_that_can_be_counted(cost):
    model = RS2SAM2(tiny_config())
    values = sum(parameter.numel() for parameter in model.parameters())
    frozen = sum(parameter.numel() for parameter in model.trunk.patch_embed.parameters())
    assert (cost.values, cost.trained) == (values, values - frozen)
    assert (cost.parameters, cost.gradients, cost.optimiser) == (4 * values, 4 * cost.trained, 8 * cost.trained)
    assert cost.memory(checkpointing=False) == 4 * (values + 3 * cost.trained) + cost.activations


def test_activations_are_those_of_a_real_pass(cost):
    model = RS2SAM2(tiny_config()).train()
    model.trunk.patch_embed.requires_grad_(False)
    real = kept_for_the_way_back(model, loss_of(model, tiny_inputs(model.config, 2, 6)))
    assert cost.activations == pytest.approx(real, rel=0.02)


def test_what_blocks_keep_is_not_kept_when_it_is_computed_again(cost):
    model = RS2SAM2(tiny_config()).train()
    model.trunk.patch_embed.requires_grad_(False)
    compute_blocks_again(model)
    outside = kept_for_the_way_back(model, loss_of(model, tiny_inputs(model.config, 2, 6)))
    assert outside < cost.checkpointed < cost.activations


def test_operations_of_a_matrix_product():
    with FakeTensorMode():
        layer = torch.nn.Linear(8, 16, bias=False)
        given = torch.zeros(4, 8)
        found = step_cost(layer, lambda: layer(given).sum(), mixed=False)
    assert (found.forward, found.backward, found.again) == (2 * 4 * 8 * 16, 2 * 4 * 8 * 16, 0)


def test_operations_of_attention_are_counted():
    with FakeTensorMode():
        layer = torch.nn.Linear(8, 8, bias=False)
        given = torch.zeros(1, 2, 32, 8)

        def loss():
            query = layer(given)
            return torch.nn.functional.scaled_dot_product_attention(query, query, query).sum()

        found = step_cost(layer, loss, mixed=False)
    assert found.forward == 2 * 2 * 32 * 8 * 8 + 2 * (2 * 2 * 32 * 32 * 8)


def test_mixed_precision_keeps_less():
    costs = []
    for mixed in (False, True):
        with FakeTensorMode():
            layer = torch.nn.Sequential(torch.nn.Linear(8, 512), torch.nn.GELU(), torch.nn.Linear(512, 8))
            given = torch.zeros(64, 8)
            costs.append(step_cost(layer, lambda net=layer, x=given: net(x).sum(), mixed=mixed))
    assert costs[1].activations < 0.7 * costs[0].activations


@pytest.fixture
def recipe(tmp_path):
    weights, data = write_weights(tmp_path / "init"), write_refsegrs(tmp_path / "RefSegRS")
    settings = yaml.safe_load((CONFIGS / "refsegrs.yaml").read_text())
    settings["model"]["init_from"], settings["data"]["root"] = str(weights), str(data)
    return settings


def planned(tmp_path, settings):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(settings))
    return plan(path)


def test_a_recipe_of_the_paper(tmp_path, recipe):
    recipe["trainer"] |= {"devices": 2, "max_epochs": 3, "accumulate_grad_batches": 2}
    found = planned(tmp_path, recipe)
    samples = int(found["because"].split()[3])
    assert found["passes"] == 3 * 2 * ceil(ceil(samples / 2) / 2)
    assert "counted in" in found["because"]
    assert found["checkpoints"] and found["devices"] == 2
    assert found["held"]["exchange"] == found["cost"]["gradients"] > 0
    assert found["memory"]["kept"] == sum(found["held"].values()) + found["cost"]["activations"]
    assert found["memory"]["checkpointed"] < found["memory"]["kept"]
    assert found["hours"]["H100 SXM, 80 GB"]["kept"] < found["hours"]["RTX 3090, 24 GB"]["checkpointed"]


def test_alone_nothing_is_exchanged(tmp_path, recipe):
    recipe["trainer"] |= {"devices": 1}
    assert planned(tmp_path, recipe)["held"]["exchange"] == 0


def strategy(devices, tensor=1):
    options = {"data_parallel_size": devices, "tensor_parallel_size": tensor}
    return {"class_path": "lightning.pytorch.strategies.ModelParallelStrategy", "init_args": options}


def test_spread_over_devices(tmp_path, recipe):
    recipe["trainer"] |= {"devices": 4}
    whole = planned(tmp_path, recipe)
    recipe["trainer"]["strategy"] = strategy(4)
    found = planned(tmp_path, recipe)
    assert found["memory"] == whole["spread"]["4"] and found["cost"] == whole["cost"]
    for part in ("parameters", "gradients", "optimiser"):
        assert whole["held"][part] / 4 <= found["held"][part] < whole["held"][part] / 3.5
    assert 0 < found["held"]["exchange"] < whole["held"]["parameters"] + whole["held"]["gradients"]
    most = [memory["checkpointed"] for memory in whole["spread"].values()]
    assert most == sorted(most, reverse=True) and [*whole["spread"]] == ["2", "4", "8", "16"]


def test_a_device_s_share_is_the_one_that_fsdp2_gives_it():
    """The first device's, as torch's Shard(0) cuts: a last device may have less, or nothing."""
    shapes = ((7, 5), (3,), (1, 4), (9, 2, 2))
    module = torch.nn.ParameterList([torch.nn.Parameter(torch.zeros(shape)) for shape in shapes])
    real = sum(4 * torch.chunk(parameter, 3, dim=0)[0].numel() for parameter in module)
    assert spread(module, 3).parameters == real == spread(module, 3).gradients == spread(module, 3).optimiser // 2


def test_what_is_put_together():
    model = RS2SAM2(tiny_config())
    blocks = [part for part in model.modules() if isinstance(part, BLOCKS)]
    sizes = sorted((sum(p.numel() for p in block.parameters()) for block in blocks), reverse=True)
    outside = sum(p.numel() for p in model.parameters()) - sum(sizes)
    assert spread(model, 2).exchange == 4 * 2 * (outside + sizes[0] + sizes[1])
    model.requires_grad_(False)
    assert spread(model, 2).exchange == 4 * (outside + sizes[0] + sizes[1])


def test_larger_batches_keep_more(tmp_path, recipe):
    one = planned(tmp_path, recipe)["cost"]
    recipe["data"]["batch_size"] = 4
    four = planned(tmp_path, recipe)["cost"]
    assert four["activations"] > 2 * one["activations"]
    assert four["parameters"] == one["parameters"]
    assert four["forward"] == pytest.approx(4 * one["forward"], rel=0.01)


def test_reading_alone_takes_less(tmp_path, monkeypatch):
    monkeypatch.setattr("rs2sam2.training.plan._core_rate", lambda: 1e9)
    recipe = yaml.safe_load((CONFIGS / "nano.yaml").read_text())
    recipe["data"] |= {"groups": 2, "phases": [{"start": 0, "scene_size": 64, "image_size": 64, "group_size": 1}]}
    hours = []
    for share in (0.0, 0.5, 1.0):
        recipe["model"]["reads_first"] = share
        hours.append(planned(tmp_path, recipe)["hours"]["a core of this machine"]["kept"])
    assert hours[2] < hours[1] < hours[0] and hours[1] == pytest.approx((hours[0] + hours[2]) / 2)


def test_nano_s_time_is_that_of_its_picture_sizes(tmp_path):
    recipe = yaml.safe_load((CONFIGS / "nano.yaml").read_text())
    recipe["model"]["reads_first"] = 0.0
    phases = [{"start": 0.5 * i, "scene_size": 64, "image_size": 64 * (1 + i), "group_size": 1} for i in range(2)]
    recipe["data"] |= {"groups": 2, "phases": phases}
    both = planned(tmp_path, recipe)
    assert both["passes"] == recipe["trainer"]["max_steps"] and both["image_size"] == 128
    assert both["model"].startswith("nano") and both["hours"].keys() == {"a core of this machine"}
    assert both["cost"]["values"] > sum(p.numel() for p in RS2SAM2(ModelConfig.preset("nano")).parameters())
    recipe["data"]["phases"] = phases[:1]
    assert planned(tmp_path, recipe)["cost"]["activations"] < both["cost"]["activations"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"trainer": {"strategy": "fsdp"}}, "strategy fsdp"),
        ({"trainer": {"devices": 2, "strategy": strategy(4)}}, r"sizes \(4, 1\) for 2 devices"),
        ({"trainer": {"devices": 4, "strategy": strategy(2, 2)}}, "tensor_parallel_size 1"),
        ({"trainer": {"max_epochs": None}}, "cannot be planned"),
        ({"data": {"root": "nowhere", "dataset": "nwpu-refer"}}, "size of nwpu-refer is not known"),
        ({"model": {"loss": {"tea": 1}}}, "cannot be planned"),
    ],
)
def test_what_cannot_be_planned_is_one_line(tmp_path, recipe, change, said):
    for section, values in change.items():
        recipe[section] |= values
    with pytest.raises(ConfigError, match=said):
        planned(tmp_path, recipe)


def test_the_command_prints_and_writes_a_page(tmp_path, recipe, capsys):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    assert main(["plan", "--config", str(path), "--docs", str(tmp_path / "docs")]) == 0
    said = capsys.readouterr().out
    assert "recipe.yaml: memory of a device, GB" in said and "RTX 4090" in said and "by FSDP2" in said
    report = json.loads((tmp_path / "docs/numbers/train_plan.json").read_text())
    assert (tmp_path / "docs/train_plan.md").read_text() == page(report)


@pytest.mark.parametrize("name", ["refsegrs", "rrsisd"])
def test_the_documentation_s_page_is_made_from_its_figures(name, root):
    report = json.loads((root / "docs/numbers/train_plan.json").read_text())
    assert (root / "docs/train_plan.md").read_text() == page(report)
    (one,) = [one for one in report["plans"] if one["recipe"] == f"{name}.yaml"]
    assert 9.2e8 < one["cost"]["values"] < 9.4e8
