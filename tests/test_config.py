"""Configurations: what cannot work is refused, what can survives JSON, and the presets are the sizes they say."""

import json
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from rs2sam2.config import PRESETS, Decision, HieraConfig, ModelConfig, UnionEncoderConfig
from rs2sam2.errors import ConfigError
from rs2sam2.model.rs2sam2 import RS2SAM2
from tiny import tiny_config

hieras = st.builds(
    lambda heads, width, stages, blocks, windows, table: HieraConfig(
        4 * heads * width, heads, stages, tuple(b % sum(stages) for b in blocks), windows, table
    ),
    st.integers(1, 4),
    st.integers(1, 8),
    st.tuples(*[st.integers(1, 6)] * 4),
    st.lists(st.integers(0, 99), max_size=4),
    st.tuples(*[st.integers(1, 8).map(lambda n: 2 * n)] * 3, st.integers(1, 16)),
    st.tuples(*[st.integers(1, 14)] * 2),
)
union_encoders = st.builds(
    lambda heads, width, patch, grid, **rest: UnionEncoderConfig(
        embed_dim=8 * heads * width, num_heads=heads, patch_size=patch, image_size=patch * grid, **rest
    ),
    st.integers(1, 8),
    st.integers(1, 8),
    st.integers(1, 16),
    st.integers(1, 16),
    depth=st.integers(1, 24),
    ffn_dim=st.integers(1, 4096),
    vocab_size=st.integers(1, 70000),
    max_text_tokens=st.integers(3, 1022),
)
models = st.builds(
    ModelConfig,
    name=st.text(max_size=20),
    hiera=hieras,
    union_encoder=union_encoders,
    image_size=st.integers(1, 40).map(lambda n: 32 * n),
    width=st.integers(1, 20).map(lambda n: 16 * n),
    decoder_mlp_dim=st.integers(1, 4096),
    fusion_layer=st.sampled_from(["none", "linear", "uni", "bi"]),
    fusion_heads=st.just(1),
    fusion_reduction=st.integers(1, 4),
    fusion_after_encoding=st.booleans(),
    mask_prompt=st.sampled_from(["none", "no_attention", "full"]),
    early_presence=st.booleans(),
    alpha_t=st.floats(0, 1),
    alpha_i=st.floats(-2, 2),
    mask_reading=st.sampled_from(["published", "paper"]),
)


@given(models)
def test_model_config_survives_json(config: ModelConfig) -> None:
    again = ModelConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config
    assert hash(again) == hash(config)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json(name: str) -> None:
    config = ModelConfig.preset(name)
    assert config.name == name
    assert ModelConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@given(
    st.builds(
        Decision,
        st.floats(0, 1, exclude_min=True, exclude_max=True),
        st.sampled_from(["object_score", "mask"]),
        st.floats(0, 1, exclude_min=True, exclude_max=True),
    )
)
def test_decision_survives_json(decision: Decision) -> None:
    assert Decision.from_dict(json.loads(json.dumps(decision.__dict__))) == decision


def test_configurations_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        tiny_config().width = 64  # type: ignore[misc]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image_size": 0}, "image_size"),
        ({"image_size": 100}, "100 is no multiple of 32"),
        ({"image_size": -32}, "image_size"),
        ({"image_size": 64.0}, "image_size"),
        ({"image_size": "64"}, "image_size"),
        ({"image_size": True}, "image_size"),
        ({"width": 24}, "24 is no multiple of 16"),
        ({"width": 0}, "width"),
        ({"alpha_t": 1.5}, "1.5 is outside 0..1"),
        ({"alpha_t": float("nan")}, "alpha_t"),
        ({"alpha_i": float("inf")}, "alpha_i"),
        ({"alpha_i": "0.5"}, "alpha_i"),
        ({"fusion_layer": "both"}, "'both' is not one of none, linear, uni, bi"),
        ({"fusion_layer": None}, "fusion_layer"),
        ({"mask_prompt": "half"}, "'half' is not one of none, no_attention, full"),
        ({"mask_reading": "ours"}, "'ours' is not one of published, paper"),
        ({"fusion_heads": 3}, "4 channels in the first stage / 3 heads"),
        ({"fusion_heads": 0}, "fusion_heads"),
        ({"fusion_reduction": 0}, "fusion_reduction"),
        ({"fusion_reduction": 32}, "0 channels in the first stage"),
        ({"fusion_after_encoding": "yes"}, "fusion_after_encoding"),
        ({"name": 3}, "name"),
        ({"hiera": None}, "hiera"),
        ({"union_encoder": {}}, "union_encoder"),
        ({"decoder_mlp_dim": 0}, "decoder_mlp_dim"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        tiny_config(**changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_heads": 3}, "16 channels / 3 heads"),
        ({"num_heads": 0}, "num_heads"),
        ({"embed_dim": 16.0}, "embed_dim"),
        ({"stages": (1, 2, 3)}, "stages takes 4 whole numbers"),
        ({"stages": (1, 0, 3, 1)}, "four stages"),
        ({"stages": 4}, "stages"),
        ({"stages": (1, 1, "2", 1)}, "stages"),
        ({"global_att_blocks": (6,)}, "there are 6"),
        ({"global_att_blocks": (-1,)}, "there are 6"),
        ({"window_spec": (8, 4, 16)}, "window_spec"),
        ({"window_spec": (8, 4, 7, 7)}, "halved"),
        ({"window_spec": (8, 4, 14, 0)}, "windows"),
        ({"window_pos_embed_bkg_spatial_size": (7, 0)}, "positions"),
    ],
    ids=str,
)
def test_trunk_that_cannot_work_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        replace(tiny_config().hiera, **changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"num_heads": 5}, "32 channels / 5 heads"),
        ({"num_heads": 0}, "num_heads"),
        ({"patch_size": 0}, "patch_size"),
        ({"patch_size": 7}, "do not divide 32"),
        ({"max_text_tokens": 2}, "no room for words"),
        ({"vocab_size": -1}, "vocab_size"),
        ({"depth": 0}, "depth"),
    ],
    ids=str,
)
def test_union_encoder_that_cannot_work_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        replace(tiny_config().union_encoder, **changes)


def test_mask_prompt_attention_needs_a_width_for_its_heads() -> None:
    odd = replace(tiny_config().union_encoder, embed_dim=36, num_heads=4)
    with pytest.raises(ConfigError, match="36 channels / 8 heads"):
        tiny_config(union_encoder=odd)
    tiny_config(union_encoder=odd, mask_prompt="no_attention")


@pytest.mark.parametrize("values", [None, [], "large", 3, {}, {"name": "x"}], ids=str)
def test_file_that_describes_no_model_is_refused(values: Any) -> None:
    with pytest.raises(ConfigError):
        ModelConfig.from_dict(values)


@pytest.mark.parametrize("part", [None, "hiera", "union_encoder"])
def test_unknown_setting_is_named(part: str | None) -> None:
    values = tiny_config().to_dict()
    (values if part is None else values[part])["surprise"] = 1
    with pytest.raises(ConfigError, match="unknown settings surprise"):
        ModelConfig.from_dict(values)


@given(models, st.data())
def test_damaged_settings_are_refused_or_work(config: ModelConfig, data: st.DataObject) -> None:
    """Whatever a value is replaced by, it is a ConfigError or a configuration: no other error gets out."""
    values = config.to_dict()
    part = data.draw(st.sampled_from([values, values["hiera"], values["union_encoder"]]))
    name = data.draw(st.sampled_from(sorted(part)))
    junk = data.draw(st.none() | st.booleans() | st.integers(-2, 2) | st.floats() | st.text(max_size=3) | st.just([1]))
    assume(junk != part[name])
    part[name] = junk
    try:
        again = ModelConfig.from_dict(values)
    except ConfigError:
        return
    assert again == ModelConfig.from_dict(json.loads(json.dumps(again.to_dict())))


@pytest.mark.parametrize("name", ["", "huge", "Large"])
def test_unknown_preset_is_refused_and_the_known_ones_named(name: str) -> None:
    with pytest.raises(ConfigError, match=r"large, base_plus, small, tiny, nano"):
        ModelConfig.preset(name)


@pytest.mark.parametrize(
    "values", [{"mask_threshold": 0}, {"presence_threshold": 1.0}, {"presence": "guess"}, {"x": 1}]
)
def test_decision_that_cannot_work_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Decision.from_dict(values)


def parameters(name: str) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in RS2SAM2(ModelConfig.preset(name)).parameters())


def test_large_is_the_paper_s_model() -> None:
    """934.8 M as published, 7.8 M of them memory mechanism and idle parts; a state dict adds 256 fixed frequencies."""
    assert round(parameters("large") / 1e6, 1) == 927.0
    config = ModelConfig.preset("large")
    assert (config.image_size, config.union_encoder.image_size, config.union_encoder.patch_size) == (1024, 224, 16)
    assert (config.width, config.union_encoder.embed_dim) == (256, 1024)
    assert (config.alpha_t, config.alpha_i) == (0.2, 0.5)


def test_presets_grow() -> None:
    sizes = [parameters(name) for name in ("nano", "tiny", "small", "base_plus", "large")]
    assert sizes == sorted(sizes)


def test_nano_fits_its_budget() -> None:
    assert parameters("nano") <= 12_000_000
