"""Simulated clicks and boxes: where they fall, and that a model under training takes them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rs2sam2.model.rs2sam2 import RS2SAM2
from rs2sam2.model.sam2_prompt_encoder import BACKGROUND, BOX_LOWER_RIGHT, BOX_UPPER_LEFT, FOREGROUND, PADDING
from rs2sam2.training.clicks import boxes, click, corrected
from tiny import tiny_config

SIDE = 32


def _chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _masks(seed: int, count: int = 4) -> torch.Tensor:
    return torch.rand(count, SIDE, SIDE, generator=_chance(seed)) < torch.linspace(0, 0.9, count)[:, None, None]


@given(st.integers(0, 10_000))
def test_a_click_falls_on_what_is_wrong_and_says_how(seed):
    mask, target = _masks(seed), _masks(seed + 1)
    mask[0] = target[0]
    xy, labels = click(mask, target, _chance(seed))
    assert xy.shape == (4, 1, 2) and labels.shape == (4, 1)
    assert labels[0] == PADDING
    for i in range(1, 4):
        x, y = map(int, xy[i, 0])
        assert mask[i, y, x] != target[i, y, x]
        assert labels[i, 0] == (FOREGROUND if target[i, y, x] else BACKGROUND)
        missing, extra = (target[i] & ~mask[i]).sum(), (mask[i] & ~target[i]).sum()
        assert (labels[i, 0] == FOREGROUND) == bool(missing >= extra)


def test_clicks_fall_anywhere_in_the_wrong_region():
    target = torch.zeros(200, SIDE, SIDE, dtype=torch.bool)
    target[:, 4:12, 20:30] = True
    xy, _ = click(torch.zeros_like(target), target, _chance())
    assert xy[:, 0].min(0).values.tolist() == [20, 4] and xy[:, 0].max(0).values.tolist() == [29, 11]


def test_a_box_is_drawn_loosely_around_the_target():
    target = torch.zeros(3, SIDE, SIDE, dtype=torch.bool)
    target[0, 5:15, 8:28] = True
    target[1, 0, 31] = True  # one pixel in a corner; the third has nothing
    corners, labels = boxes(target, _chance())
    assert labels.tolist() == [[BOX_UPPER_LEFT, BOX_LOWER_RIGHT]] * 2 + [[PADDING] * 2]
    assert (corners[0] - torch.tensor([[8.0, 5.0], [27.0, 14.0]])).abs().max() <= 2
    assert corners[1].tolist() == [[31, 0], [31, 0]]


@pytest.mark.parametrize("seed", range(6))
def test_the_last_answer_alone_gets_a_gradient(seed):
    torch.manual_seed(0)
    model = RS2SAM2(tiny_config())
    size, union = model.config.image_size, model.config.union_encoder.image_size
    ids, words = torch.randint(4, 50, (2, 5)), torch.ones(2, 5, dtype=torch.bool)
    reading = model.read(torch.randn(2, 3, union, union), ids, words)
    sight = model.look(torch.randn(2, 3, size, size), reading)
    first = model.decode(reading, sight)
    target = torch.zeros(2, size, size, dtype=torch.bool)
    target[0, 3:20, 5:20] = True
    answer = corrected(model, reading, sight, first, target, _chance(seed))
    assert answer.mask_logits.shape == first.mask_logits.shape
    assert not torch.equal(answer.mask_logits, first.mask_logits)
    answer.mask_logits.sum().backward()
    points = model.prompt_encoder.point_embeddings
    assert sum(token.weight.grad is not None and bool(token.weight.grad.any()) for token in points) >= 1
    assert torch.equal(corrected(model, reading, sight, first, target, _chance(seed)).mask_logits, answer.mask_logits)
