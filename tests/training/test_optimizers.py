"""Muon and AdamW as one: each parameter has one of them, and a checkpoint brings both back."""

import copy

import torch
from torch.optim.lr_scheduler import LambdaLR

from rs2sam2.model.rs2sam2 import RS2SAM2
from rs2sam2.training.optimizers import muon_and_adamw
from tiny import tiny_config


def _model() -> RS2SAM2:
    torch.manual_seed(0)
    return RS2SAM2(tiny_config())


def _step(model: RS2SAM2, optimizer, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    optimizer.step()


def test_every_parameter_has_one_optimizer_and_matrices_of_blocks_have_muon():
    model = _model()
    model.trunk.patch_embed.requires_grad_(False)
    muon, adamw = muon_and_adamw(model, model, 0.02, 0.001, 0.05).optimizers
    theirs = [{id(p) for group in part.param_groups for p in group["params"]} for part in (muon, adamw)]
    assert not theirs[0] & theirs[1]
    assert theirs[0] | theirs[1] == {id(p) for p in model.parameters() if p.requires_grad}
    assert id(model.trunk.blocks[0].mlp.layers[0].weight) in theirs[0]
    assert id(model.union_encoder.text_embed.weight) in theirs[1]
    assert id(model.trunk.blocks[0].mlp.layers[0].bias) in theirs[1]


def test_a_run_that_goes_on_ends_as_one_that_never_stopped():
    model = _model()
    optimizer = muon_and_adamw(model, model, 0.02, 0.001, 0.05)
    _step(model, optimizer, 1)
    again = _model()
    again.load_state_dict(copy.deepcopy(model.state_dict()))
    resumed = muon_and_adamw(again, again, 0.02, 0.001, 0.05)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for one, its in ((model, optimizer), (again, resumed)):
        _step(one, its, 2)
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


def test_a_schedule_reaches_both():
    model = _model()
    optimizer = muon_and_adamw(model, model, 0.02, 0.001, 0.05)
    schedule = LambdaLR(optimizer, lambda step: 0.5)
    rates = [group["lr"] for part in optimizer.optimizers for group in part.param_groups]
    assert rates == [0.01, 0.0005, 0.0005]
    optimizer.load_state_dict(optimizer.state_dict())
    _step(model, optimizer, 3)
    schedule.step()
    assert [group["lr"] for group in optimizer.param_groups] == rates
    before = copy.deepcopy(model.state_dict())
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    _step(model, optimizer, 4)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
