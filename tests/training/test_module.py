"""The training step, its schedule, and what of the model takes part."""

from itertools import pairwise
from math import isclose

import pytest
import torch
from torch import nn

from rs2sam2.config import ModelConfig
from rs2sam2.data.groups import UNKNOWN, Batch
from rs2sam2.errors import Rs2Sam2Error
from rs2sam2.losses import LossWeights, training_loss
from rs2sam2.training.module import HeadWeights, RS2SAM2Module
from rs2sam2.training.schedule import one_cycle

SIDE = 64


def _batch(count: int = 3, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.zeros(count, SIDE, SIDE, dtype=torch.uint8)
    mask[0, 8:40, 8:40] = 1
    mask[1, 30:50, 20:60] = 1  # the third sentence means nothing
    return Batch(
        image=torch.randn(count, 3, SIDE, SIDE, generator=generator),
        union_image=torch.randn(count, 3, 192, 192, generator=generator),
        input_ids=torch.randint(4, 4000, (count, 7), generator=generator),
        attention_mask=torch.ones(count, 7, dtype=torch.bool),
        mask=mask,
        classes=mask.clone(),
        sentences=["a", "b", "c"][:count],
    )


def _module(heads: HeadWeights | None = None) -> RS2SAM2Module:
    torch.manual_seed(0)
    module = RS2SAM2Module("nano", LossWeights(), heads or HeadWeights(), image_size=SIDE)
    module.log = module.log_dict = lambda *args, **kwargs: None  # there is no trainer here
    return module


def test_without_heads_the_loss_is_eq_6_of_the_up_sampled_mask():
    module, batch = _module(), _batch()
    with torch.no_grad():
        out = module.model(batch.image, batch.union_image, batch.input_ids, batch.attention_mask)
        z = nn.functional.interpolate(out.mask_logits, size=(SIDE, SIDE), mode="bilinear")
        expected = training_loss(z, batch.mask.float(), out.text_weight[..., None, None], LossWeights()).total
        assert isclose(float(module.training_step(batch, 0)), float(expected), rel_tol=1e-6)


def test_every_trained_parameter_gets_a_gradient_and_nothing_else_does():
    module = _module(HeadWeights(pseudo_mask=1, presence=1, iou=1, semantic=1))
    for parameter in module.parameters():  # output layers that start as zero would hide what lies before them
        if not parameter.any():
            nn.init.normal_(parameter, std=0.02)
    module.training_step(_batch(), 0).backward()
    for name, parameter in module.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
    frozen = {name.split(".")[2] for name, p in module.named_parameters() if not p.requires_grad and "prompt_" in name}
    assert frozen == {"point_embeddings", "not_a_point_embed", "no_mask_embed"}


def test_class_supervision_leaves_out_what_nobody_knows():
    module, batch = _module(HeadWeights(semantic=1.0)), _batch()
    plain = _module()
    unknown = batch._replace(classes=torch.full_like(batch.classes, UNKNOWN))
    with torch.no_grad():
        assert isclose(float(module.training_step(unknown, 0)), float(plain.training_step(batch, 0)), rel_tol=1e-5)
        assert float(module.training_step(batch, 0)) > float(plain.training_step(batch, 0)) + 0.5


def test_a_loss_that_is_no_number_names_the_sentences():
    module, batch = _module(), _batch()
    nn.init.constant_(module.model.text_projection.bias, float("nan"))
    with pytest.raises(Rs2Sam2Error, match=r"loss is nan.*\['a', 'b', 'c'\]"):
        module.training_step(batch, 0)


def test_schedule_rises_once_and_falls_to_zero():
    rates = [one_cycle(step, 200, 0.05) for step in range(201)]
    assert rates[0] == pytest.approx(0.1) and rates[9] == 1.0 and rates[200] == pytest.approx(0.0)
    assert all(earlier <= later for earlier, later in pairwise(rates[:10]))
    assert all(earlier >= later for earlier, later in pairwise(rates[10:]))


def test_class_heads_are_no_part_of_the_model():
    module = _module(HeadWeights(semantic=1.0))
    assert module.model.state_dict().keys() == _module().model.state_dict().keys()
    assert ModelConfig.preset("nano").replace(image_size=SIDE) == module.config
