"""Cross-attention in its own order of products is torch's cross-attention."""

from typing import Literal

import pytest
import torch
from torch import nn

from rs2sam2.model import cross_attention
from rs2sam2.model.cross_attention import CrossAttention
from tiny import relative_error

DIM, HEADS = 24, 3


@pytest.mark.parametrize("few", ["queries", "context"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("n", "m"), [(50, 7), (1, 40), (40, 16), (5, 33)])
def test_it_is_multi_head_attention(few: Literal["queries", "context"], masked: bool, n: int, m: int) -> None:
    draw = torch.Generator().manual_seed(0)
    ours = CrossAttention(DIM, HEADS, few).double()
    theirs = nn.MultiheadAttention(DIM, HEADS, batch_first=True).double()
    for parameter in ours.parameters():
        nn.init.normal_(parameter, generator=draw)
    state = ours.state_dict()
    theirs.load_state_dict({name.replace("in_proj.", "in_proj_"): tensor for name, tensor in state.items()})
    query, context = (torch.randn(2, size, DIM, generator=draw, dtype=torch.float64) for size in (n, m))
    mask = torch.rand(2, m, generator=draw) < 0.5
    mask[:, 0] = True
    found = ours(query, context, mask if masked else None)
    expected, _ = theirs(query, context, context, key_padding_mask=~mask if masked else None)
    assert relative_error(found.detach(), expected.detach()) < 1e-12
    found.square().sum().backward()
    expected.square().sum().backward()
    for name, parameter in ours.named_parameters():
        gradient = theirs.get_parameter(name.replace("in_proj.", "in_proj_")).grad
        assert parameter.grad is not None and gradient is not None
        assert (parameter.grad - gradient).norm() < 1e-9 * (1 + gradient.norm())


@pytest.mark.parametrize("most", [1, 7, 50])
def test_large_maps_are_weighed_some_tokens_at_a_time(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    layer = CrossAttention(DIM, HEADS, few="context")
    query, context = torch.randn(1, 50, DIM), torch.randn(3, 7, DIM)
    mask = torch.rand(3, 7) < 0.5
    mask[:, 0] = True
    expected = layer(query, context, mask).detach()
    with torch.no_grad():
        monkeypatch.setattr(cross_attention, "_MOST_TOKENS", most)
        found = layer(query, context, mask)
    assert torch.equal(found, expected)
