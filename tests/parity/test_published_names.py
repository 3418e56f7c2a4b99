"""The tables of published names account for every entry, at both sizes that a real state dict is known of."""

import gzip
import json
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch

from rs2sam2.checkpoints.published import _PREFIXES, DROPPED, convert, dropped, our_name
from rs2sam2.config import HieraConfig, ModelConfig
from rs2sam2.errors import WeightsError
from rs2sam2.model.rs2sam2 import RS2SAM2

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def small() -> dict[str, Any]:
    return json.loads((GOLDEN / "published_small.json").read_text())


@pytest.fixture(scope="module")
def large() -> dict[str, Any]:
    return json.loads(gzip.decompress((GOLDEN / "published_large_keys.json.gz").read_bytes()))


def shapes_of(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in RS2SAM2(config).state_dict().items()}


def converted_shapes(keys: dict[str, list[int]]) -> dict[str, tuple[int, ...]]:
    state = convert({name: torch.empty(shape, device="meta") for name, shape in keys.items()})
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def test_small_model_every_name_is_used_or_dropped(small: dict[str, Any]) -> None:
    keys = small["keys"]
    assert len(keys) == 693
    left_behind = set(dropped(keys))
    used = {name: our_name(name) for name in keys if name not in left_behind}
    assert len(set(used.values())) == len(used), "two published entries share one of ours"
    assert len(used) + len(left_behind) == 693
    assert converted_shapes(keys) == shapes_of(small_config(small))


def test_large_keys_map_onto_the_preset(large: dict[str, Any]) -> None:
    hiera = {
        name: tuple(value) if isinstance(value, list) else value for name, value in large["config"]["hiera"].items()
    }
    assert HieraConfig(**hiera) == ModelConfig.preset("large").hiera
    assert converted_shapes(large["keys"]) == shapes_of(ModelConfig.preset("large"))


@pytest.mark.parametrize("which", ["small", "large"])
def test_what_is_dropped_is_memory_and_two_idle_parts(which: str, request: pytest.FixtureRequest) -> None:
    keys = request.getfixturevalue(which)["keys"]
    for name in dropped(keys):
        assert any(word in name for word in ("mem", "obj_ptr", "no_obj", "mask_downsample", "mask_token", "meo_linear"))
    memory = sum(prod(keys[name]) for name in dropped(keys))
    assert memory == sum(prod(shape) for shape in keys.values()) - sum(
        prod(shape) for shape in converted_shapes(keys).values()
    )


def test_no_line_of_the_tables_is_idle(small: dict[str, Any]) -> None:
    for prefix in (*DROPPED, *(published for published, _ in _PREFIXES)):
        assert any(name.startswith(prefix) for name in small["keys"]), prefix


@pytest.mark.parametrize("name", ["visual_model.surprise.weight", "mm_extractor.weight", "", "trunk.pos_embed"])
def test_unknown_name_is_refused_by_name(name: str) -> None:
    with pytest.raises(WeightsError, match=repr(name)):
        convert({name: torch.zeros(1)})


def small_config(small: dict[str, Any]) -> ModelConfig:
    """The paper's model with the golden files' reduced trunk and fewer layers in the union encoder."""
    values = ModelConfig.preset("large").to_dict()
    values["hiera"] |= small["config"]["hiera"]
    values["union_encoder"] |= {"depth": small["config"]["layers"]}
    return ModelConfig.from_dict(values)
