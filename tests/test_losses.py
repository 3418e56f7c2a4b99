"""The training loss beyond what the golden files say: readings, batches, gradients."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rs2sam2.losses import (
    TEXT_WEIGHT_RANGE,
    LossWeights,
    absolute_gradient,
    boundary_published,
    boundary_soft,
    cross_entropy,
    dice,
    loss_terms,
    training_loss,
)

READINGS = ("soft", "published", "none")


def sample(batch: int, seed: int = 0, side: int = 12) -> tuple[Tensor, Tensor, Tensor]:
    """Logits and text weights that want gradients, and targets of unequal shares of foreground."""
    draw = torch.Generator().manual_seed(seed)
    z = 3 * torch.randn(batch, 1, side, side, generator=draw, dtype=torch.float64)
    shares = torch.linspace(0.05, 0.7, batch)[:, None, None]
    target = (torch.rand(batch, side, side, generator=draw) < shares).long()
    text_weight = torch.randn(batch, 1, 1, 1, generator=draw, dtype=torch.float64)
    return z.requires_grad_(), target, text_weight.requires_grad_()


@pytest.mark.parametrize("reading", READINGS)
def test_batch_is_the_mean_of_its_samples(reading: str) -> None:
    weights = LossWeights(boundary_reading=reading)
    z, target, text_weight = sample(3)
    together = training_loss(z, target, text_weight, weights)
    gradients = torch.autograd.grad(together.total, (z, text_weight), allow_unused=reading == "none")

    singles = [loss_terms(z[i : i + 1], target[i : i + 1], text_weight[i : i + 1], weights) for i in range(3)]
    for term, alone in zip(together, zip(*singles, strict=True), strict=True):
        assert torch.allclose(term, torch.stack(alone).mean(), rtol=1e-12)
    mean = torch.stack([terms.total for terms in singles]).mean()
    for found, expected in zip(
        gradients, torch.autograd.grad(mean, (z, text_weight), allow_unused=reading == "none"), strict=True
    ):
        assert (found is None) == (expected is None)
        assert found is None or torch.allclose(found, expected, rtol=1e-12, atol=0)


def test_the_published_batch_is_not_the_mean_of_its_samples() -> None:
    """Why the training loss goes sample by sample: weighted mean and summed dice depend on the company."""
    z, target, text_weight = sample(3)
    published, ours = (f(z, target, text_weight, LossWeights()) for f in (loss_terms, training_loss))
    assert abs(published.cross_entropy - ours.cross_entropy) > 1e-4
    assert torch.isclose(published.dice, 3 * ours.dice)


@pytest.mark.parametrize("reading", READINGS)
def test_batch_of_one_is_the_published_loss_exactly(reading: str) -> None:
    z, target, text_weight = sample(1)
    weights = LossWeights(0.9, 0.1, 0.2, reading)
    ours, published = (f(z, target, text_weight, weights) for f in (training_loss, loss_terms))
    assert all(torch.equal(a, b) for a, b in zip(ours, published, strict=True))
    assert torch.equal(*(torch.autograd.grad(terms.total, z)[0] for terms in (ours, published)))


def test_repeating_a_batch_changes_nothing() -> None:
    z, target, text_weight = sample(2)
    once = training_loss(z, target, text_weight, LossWeights())
    twice = training_loss(z.repeat(2, 1, 1, 1), target.repeat(2, 1, 1), text_weight.repeat(2, 1, 1, 1), LossWeights())
    assert all(torch.allclose(a, b, rtol=1e-12) for a, b in zip(once, twice, strict=True))


def test_soft_boundary_gradient_is_right_and_not_zero() -> None:
    z, target, text_weight = sample(2, side=6)
    assert torch.autograd.gradcheck(lambda z, w: boundary_soft(z, target, w), (z, text_weight))
    mask_gradient, text_gradient = torch.autograd.grad(boundary_soft(z, target, text_weight), (z, text_weight))
    assert (mask_gradient != 0).float().mean() > 0.9
    assert (text_gradient != 0).all()


def test_soft_boundary_pulls_an_edge_to_its_place() -> None:
    """An edge one pixel off costs more than one in place, and the gradient moves it there."""
    target = torch.zeros(1, 8, 8).long()
    target[..., 4:] = 1
    z = torch.full((1, 1, 8, 8), -1.5)
    z[..., 5:] = 2.5
    z.requires_grad_()
    loss = boundary_soft(z, target, torch.zeros(1, 1, 1, 1))
    loss.backward()
    assert z.grad is not None
    assert (z.grad[..., 1:, 4] < 0).all(), "a step down the gradient raises the missing column's logits"


@pytest.mark.parametrize("raw", [-1e4, -30.0, 0.0, 30.0, 1e4])
def test_soft_text_weight_cannot_vanish_nor_explode(raw: float) -> None:
    z, target, _ = sample(2)
    low, high = TEXT_WEIGHT_RANGE
    unweighted = boundary_published(z.sigmoid(), target, torch.ones(2, 1, 1, 1))  # any fixed difference will do
    assert unweighted > 0
    probability = torch.sigmoid(2 * z - 1)
    plain = ((absolute_gradient(probability) - absolute_gradient(target[:, None].double())) ** 2).mean()
    found = boundary_soft(z, target, torch.full((2, 1, 1, 1), raw, dtype=torch.float64))
    assert low > 0
    assert low**2 * plain * (1 - 1e-9) <= found <= high**2 * plain * (1 + 1e-9)


def test_published_text_weight_can_vanish() -> None:
    """The fault that the bounded weight mends: zero text weight, zero loss, however wrong the edges are."""
    z, target, _ = sample(2)
    assert boundary_published(z, target, torch.zeros(2, 1, 1, 1)) == 0
    assert boundary_published(z, target, torch.ones(2, 1, 1, 1)) > 0
    assert boundary_soft(z, target, torch.zeros(2, 1, 1, 1)) > 0


def test_published_boundary_gives_the_mask_exactly_no_gradient() -> None:
    z, target, text_weight = sample(2)
    loss = boundary_published(z, target, text_weight)
    mask_gradient, text_gradient = torch.autograd.grad(loss, (z, text_weight), allow_unused=True)
    assert mask_gradient is None or not mask_gradient.any()
    assert text_gradient.all()
    with_it, without = (
        torch.autograd.grad(loss_terms(z, target, text_weight, LossWeights(boundary_reading=reading)).total, z)[0]
        for reading in ("published", "none")
    )
    assert torch.equal(with_it, without)


def test_published_boundary_cuts_at_logit_zero_not_at_a_half() -> None:
    """The published boundary term cuts sigmoid(z) at 0.5 although the mask itself is cut at z > 0.5."""
    z = torch.tensor([[0.25, 0.25, -0.25, -0.25]]).expand(4, 4)[None, None]
    target = torch.tensor([[1, 1, 0, 0]]).expand(4, 4)[None]
    assert boundary_published(z, target, torch.ones(1, 1, 1, 1)) == 0


def test_gradient_looks_left_and_up_and_is_zero_at_the_rim() -> None:
    mask = torch.tensor([[0.0, 1.0, 1.0], [0.0, 0.0, 4.0]])[None, None]
    expected = torch.tensor([[0.0, 1.0, 0.0], [0.0, 1.0, 4.0 + 3.0]])[None, None]
    assert torch.equal(absolute_gradient(mask), expected)


def test_without_boundary_loss_the_term_is_zero() -> None:
    z, target, text_weight = sample(2)
    terms = training_loss(z, target, text_weight, LossWeights(boundary_reading="none"))
    assert terms.boundary == 0
    assert torch.isclose(terms.total, terms.cross_entropy + 0.1 * terms.dice)


def test_defaults_are_the_paper_s_lambdas_and_our_reading() -> None:
    assert LossWeights() == LossWeights(cross_entropy=1.0, dice=0.1, boundary=0.2, boundary_reading="soft")


def test_cross_entropy_by_hand() -> None:
    """One pixel of each kind at z = 0.5, where both channels are equal: log 2 whatever the class weights."""
    z = torch.full((1, 1, 1, 2), 0.5, dtype=torch.float64)
    target = torch.tensor([[[0, 1]]])
    assert torch.isclose(cross_entropy(z, target), torch.tensor(2.0, dtype=torch.float64).log())
    lopsided = torch.tensor(
        [[[[0.5, 50.0]]]], dtype=torch.float64
    )  # the foreground pixel costs nothing: 0.9 of 2.0 left
    assert torch.isclose(cross_entropy(lopsided, target), 0.45 * torch.tensor(2.0, dtype=torch.float64).log())


@given(st.integers(1, 4), st.integers(0, 1000))
def test_dice_is_summed_over_batch_and_channel(batch: int, seed: int) -> None:
    z, target, _ = sample(batch, seed)
    both = sum(dice(z[i : i + 1], target[i : i + 1]) for i in range(batch))
    assert torch.isclose(dice(z, target), torch.as_tensor(both))
    assert 0 <= dice(z, target) <= 2 * batch


def test_perfect_mask_costs_nothing_but_rounding() -> None:
    _, target, text_weight = sample(2)
    z = (target[:, None].double() * 2 - 1) * 40
    assert training_loss(z, target, text_weight, LossWeights()).total < 1e-6


@pytest.mark.parametrize("fill", [0, 1])
@pytest.mark.parametrize("reading", READINGS)
def test_empty_and_full_targets_are_finite(fill: int, reading: str) -> None:
    z, target, text_weight = sample(2)
    total = training_loss(z, torch.full_like(target, fill), text_weight, LossWeights(boundary_reading=reading)).total
    (gradient,) = torch.autograd.grad(total, z)
    assert total.isfinite()
    assert gradient.isfinite().all()
