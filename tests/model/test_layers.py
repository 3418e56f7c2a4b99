"""Attention and the other layers are the same functions in training and in use, at either precision."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from rs2sam2.model import attention, layers
from rs2sam2.model.attention import attend
from rs2sam2.model.layers import LayerNorm, in_strips, sine_positions, stretched
from tiny import relative_error


@pytest.mark.parametrize("trains", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("autocast", [False, True], ids=["plain", "autocast"])
def test_attend_is_attention(dtype: torch.dtype, trains: bool, autocast: bool) -> None:
    draw = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 3, n, 8, generator=draw) for n in (5, 7, 7))
    allowed = torch.rand(2, 1, 1, 7, generator=draw) < 0.6
    allowed[..., 0] = True
    expected = ((q @ k.mT / 8**0.5).masked_fill(~allowed, -torch.inf)).softmax(-1) @ v

    given = q.to(dtype, copy=True).requires_grad_(trains)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        found = attend(given, k.to(dtype), v.to(dtype), allowed)
    exact = dtype == torch.float32 and not autocast
    assert exact <= (found.dtype == torch.float32)
    assert relative_error(found.detach().float(), expected) < (1e-6 if exact else 2e-2)
    if trains:
        found.float().square().sum().backward()
        reference = q.clone().requires_grad_()
        F.scaled_dot_product_attention(reference, k, v, attn_mask=allowed).square().sum().backward()
        assert given.grad is not None
        assert given.grad.dtype == dtype
        assert reference.grad is not None
        assert relative_error(given.grad.float(), reference.grad) < (1e-5 if exact else 5e-2)


@pytest.mark.parametrize(
    ("batch", "heads", "n", "m"), [(1, 2, 70, 70), (6, 3, 16, 16), (2, 4, 16, 64), (1, 1, 100, 33)]
)
@pytest.mark.parametrize("most", [1, 1000, 2**21])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_in_pieces_is_attention(
    monkeypatch: pytest.MonkeyPatch, batch: int, heads: int, n: int, m: int, most: int, masked: bool
) -> None:
    """In bfloat16, without gradients: the same answer at any size of piece, and no more scores than allowed."""
    draw = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(batch, size, heads, 8, generator=draw).transpose(1, 2) for size in (n, m, m))
    allowed = torch.rand(batch, 1, 1, m, generator=draw) < 0.6 if masked else None
    held = []
    real = torch.baddbmm

    def watched(*arguments: Any, **named: Any) -> torch.Tensor:
        held.append(real(*arguments, **named))
        return held[-1]

    monkeypatch.setattr(attention, "_MOST_SCORES", most)
    monkeypatch.setattr(torch, "baddbmm", watched)
    with torch.inference_mode():
        found = attend(q.bfloat16(), k.bfloat16(), v.bfloat16(), allowed)
    assert max(scores.numel() for scores in held) <= max(most, m)
    assert sum(scores.numel() for scores in held) == batch * heads * n * m
    assert relative_error(found.float(), F.scaled_dot_product_attention(q, k, v, allowed)) < 2e-2


@pytest.mark.parametrize(("rows", "columns", "dim"), [(7, 7, 32), (14, 14, 192), (3, 5, 18)])
def test_sine_positions_tell_every_cell_from_every_other(rows: int, columns: int, dim: int) -> None:
    table = sine_positions(rows, columns, dim)
    assert table.shape == (rows, columns, dim)
    assert table.abs().max() <= 1
    cells = table.flatten(0, 1)
    apart = torch.cdist(cells, cells) + 9 * torch.eye(len(cells))
    assert apart.min() > 0.1
    # The slowest sine of the columns rises all the way: one weight tells left from right, in every row.
    slowest = table[..., 2 * (dim // 4)]
    assert (slowest.diff(dim=1) > 0).all()
    assert torch.equal(slowest, slowest[:1].expand(rows, -1))


def test_a_norm_is_reckoned_as_exactly_as_what_comes_in() -> None:
    norm = LayerNorm(24).bfloat16().requires_grad_(False)
    torch.nn.init.normal_(norm.bias)
    x = 1000 + torch.randn(3, 5, 24, generator=torch.Generator().manual_seed(0))
    expected = F.layer_norm(x, (24,), norm.weight.float(), norm.bias.float())
    assert norm(x).dtype == norm(x.bfloat16()).dtype == torch.bfloat16
    assert relative_error(norm(x).float(), expected) < 1e-2, "in bfloat16 a thousand has steps of four"


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("size", [(28, 28), (16, 40), (7, 5)])
def test_stretched_is_bicubic_interpolation(dtype: torch.dtype, size: tuple[int, int]) -> None:
    table = torch.randn(1, 7, 5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)
    expected = F.interpolate(table.permute(0, 3, 1, 2).double(), size, mode="bicubic").permute(0, 2, 3, 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = stretched(table, *size)
    assert found.dtype == dtype
    assert relative_error(found.double(), expected) < {torch.bfloat16: 1e-2}.get(dtype, 1e-6)


def test_strips_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_MOST_TOKENS", 50)
    heights = []

    def layer(image: torch.Tensor) -> torch.Tensor:
        heights.append(image.shape[1])
        return 2 * image

    image = torch.randn(2, 24, 12, 3)
    for multiple, expected in ((1, [4] * 6), (3, [3] * 8), (8, [8] * 3)):
        heights.clear()
        with torch.no_grad():
            assert (in_strips(layer, image, multiple) == 2 * image).all()
        assert heights == expected
    heights.clear()
    in_strips(layer, image.requires_grad_())
    assert heights == [24], "gradients need everything anyway"
