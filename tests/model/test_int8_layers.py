"""Linear layers in int8: near to what they stand for, and only where they pay."""

import pytest
import torch
from torch import nn

from rs2sam2.model.int8 import Int8Linear, Int8Weight
from rs2sam2.model.precision import linear_layers_of_blocks
from tiny import relative_error, tiny_model


def test_a_weight_is_rounded_row_by_row() -> None:
    weight = torch.tensor([[0.0, 0.0], [1.0, -2.0], [1e-4, 2e-4]])
    found = Int8Weight.of(weight)
    assert found.values.tolist() == [[0, 0], [64, -127], [64, 127]]
    assert relative_error(found.floats(), weight) < 4e-3
    again = Int8Weight.of(found.floats())
    assert torch.equal(again.values, found.values)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shift", [-3.0, 0.0, 3.0])
def test_a_layer_gives_nearly_the_same(dtype: torch.dtype, shift: float) -> None:
    """Wherever its numbers lie: also where all are of one sign, as after an activation."""
    draw = torch.Generator().manual_seed(3)
    layer = nn.Linear(48, 20)
    x = (torch.randn(2, 5, 7, 48, generator=draw) + shift).to(dtype)
    with torch.inference_mode():
        found = Int8Linear(Int8Weight.of(layer.weight), layer.bias)(x)
        expected = layer(x.float())
    assert found.dtype == dtype and found.shape == expected.shape
    assert relative_error(found.float(), expected) < 0.03


@pytest.mark.parametrize("x", [torch.zeros(3, 8), torch.full((3, 8), 5.0), torch.full((3, 8), -1e-9)])
def test_numbers_without_a_range(x: torch.Tensor) -> None:
    layer = nn.Linear(8, 4)
    with torch.inference_mode():
        found = Int8Linear(Int8Weight.of(layer.weight), layer.bias)(x)
        assert (found - layer(x)).abs().max() < 0.05


def test_every_level_is_reached_and_none_turns_over() -> None:
    """The greatest and the least number come back as what they are, and not with the other's sign."""
    layer = Int8Linear(Int8Weight.of(torch.eye(2)), torch.zeros(2))
    with torch.inference_mode():
        for least, greatest in ((-1.0, 1.0), (-0.17, 6.1), (0.0, 3.3), (-2.9, 0.0), (-1.0, 252.7), (-0.31, 0.87)):
            for dtype in (torch.float32, torch.bfloat16):
                found = layer(torch.tensor([[least, greatest]], dtype=dtype))[0].float()
                assert found.tolist() == pytest.approx([least, greatest], abs=0.02 * (greatest - least))


def test_layers_whose_weights_are_read_by_others_stay() -> None:
    """Cross-attention, and all that is small: projections, decoder, heads."""
    names = linear_layers_of_blocks(tiny_model())
    assert "trunk.blocks.0.attn.qkv" in names and "union_encoder.layers.1.ffn.B.fc2" in names
    assert "trunk.blocks.0.fusion.image_in" in names
    assert not [name for name in names if "reads" in name or not name.startswith(("trunk.", "union_encoder."))]
