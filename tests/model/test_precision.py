"""The blocks in bfloat16, everything else in float32; linear layers whose weights are laid out beforehand."""

import pytest
import torch

from rs2sam2.checkpoints.native import fill, on_meta
from rs2sam2.model.precision import PackedLinear, can_pack, dtype_of, linear_layers, linear_layers_of_blocks
from rs2sam2.model.rs2sam2 import RS2SAM2
from tiny import relative_error, tiny_inputs, tiny_model

packs = pytest.mark.skipif(not can_pack("cpu", torch.bfloat16), reason="oneDNN does not multiply bfloat16 here")


def in_bfloat16(model: RS2SAM2, linear: str) -> RS2SAM2:
    values = model.state_dict()
    found = on_meta(model.config)
    fill(found, values.__getitem__, "cpu", torch.bfloat16, linear)  # type: ignore[arg-type]
    return found


@packs
@pytest.mark.parametrize("shape", [(1,), (7,), (2, 5), (3, 4, 300)], ids=str)
@pytest.mark.parametrize(("columns", "rows"), [(24, 40), (36, 144), (1, 3)])
def test_a_packed_layer_is_a_linear_layer(shape: tuple[int, ...], columns: int, rows: int) -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(columns, rows).bfloat16()
    assert layer.bias is not None
    for x in (torch.randn(*shape, columns), torch.randn(columns, *shape).movedim(0, -1)):
        with torch.inference_mode():
            found = PackedLinear(layer.weight, layer.bias)(x.bfloat16())
            expected = torch.nn.functional.linear(x.bfloat16().float(), layer.weight.float(), layer.bias.float())
        assert found.dtype == torch.bfloat16 and found.shape == expected.shape
        assert relative_error(found.float(), expected) < 1e-2


@packs
@pytest.mark.parametrize("rows", [1, 3, 16, 64, 144])
@pytest.mark.parametrize("columns", [1, 2, 31, 64, 256])
def test_a_packed_layer_keeps_nothing_of_the_weight_it_is_given(rows: int, columns: int) -> None:
    """Loading has all of them pass through one buffer."""
    weight, x = torch.randn(rows, columns).bfloat16(), torch.randn(5, columns).bfloat16()
    with torch.inference_mode():
        expected = x.float() @ weight.float().T
        layer = PackedLinear(weight, torch.zeros(rows).bfloat16())
        weight.zero_()
        assert relative_error(layer(x).float(), expected) < 1e-2


@packs
def test_a_model_with_packed_layers_is_the_model() -> None:
    exact = tiny_model()
    inputs = tiny_inputs(exact.config, 2, 6)
    plain, packed = in_bfloat16(exact, "plain"), in_bfloat16(exact, "packed")
    kinds = [type(packed.get_submodule(name)) for name in linear_layers_of_blocks(exact)]
    assert set(kinds) == {PackedLinear} and len(kinds) > 50
    assert not linear_layers(packed.union_encoder.layers), "none is left out"
    with torch.inference_mode():
        expected, found, coarse = (model(*inputs).mask_logits for model in (exact, packed, plain))
    assert found.dtype == torch.float32, "what is handed on is not rounded"
    assert relative_error(found, expected) < 0.05
    assert relative_error(found, coarse) < 0.05


def test_packing_is_for_bfloat16_on_cpus() -> None:
    model = on_meta(tiny_model().config)
    fill(model, tiny_model().state_dict().__getitem__, "cpu", torch.float32, "packed")
    assert not any(isinstance(module, PackedLinear) for module in model.modules())
    assert not can_pack("cuda", torch.bfloat16)


def test_words_reach_the_blocks_as_float32_becomes_bfloat16() -> None:
    model = in_bfloat16(tiny_model(), "plain")
    assert model.trunk.dtype == torch.bfloat16
    assert dtype_of("trunk.blocks.3.attn.qkv.weight", torch.bfloat16) == torch.bfloat16
    assert dtype_of("mask_decoder.transformer.layers.0.norm1.weight", torch.bfloat16) == torch.float32
    seen: dict[str, torch.dtype] = {}
    watched = {"maps": model.trunk.blocks[1], "tokens": model.union_encoder.layers[1], "decoder": model.mask_decoder}
    for name, module in watched.items():
        module.register_forward_hook(lambda _, given, __, name=name: seen.update({name: given[0].dtype}))
    with torch.inference_mode():
        model(*tiny_inputs(model.config, 1, 6))
    assert seen == {"maps": torch.bfloat16, "tokens": torch.float32, "decoder": torch.float32}
