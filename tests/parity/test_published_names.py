"""The tables of published names account for every entry, at both sizes that a real state dict is known of."""

import gzip
import json
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch

from rs2sam2.checkpoints import beit3, meta_sam2
from rs2sam2.checkpoints.names import NameTable, Plan
from rs2sam2.checkpoints.published import TABLE
from rs2sam2.config import HieraConfig, ModelConfig
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


def plan(keys: dict[str, list[int]], table: NameTable = TABLE) -> Plan:
    return table.plan({name: tuple(shape) for name, shape in keys.items()})


def test_small_model_every_name_is_used_or_dropped(small: dict[str, Any]) -> None:
    made = plan(small["keys"])
    assert len(small["keys"]) == 693
    assert len(made.entries) + len(made.dropped) == 693
    assert made.unknown == {}
    assert made.shapes == shapes_of(small_config(small))


def test_large_keys_map_onto_the_preset(large: dict[str, Any]) -> None:
    hiera = {
        name: tuple(value) if isinstance(value, list) else value for name, value in large["config"]["hiera"].items()
    }
    assert HieraConfig(**hiera) == ModelConfig.preset("large").hiera
    assert plan(large["keys"]).shapes == shapes_of(ModelConfig.preset("large"))


@pytest.mark.parametrize("which", ["small", "large"])
def test_what_is_dropped_is_memory_and_two_idle_parts(which: str, request: pytest.FixtureRequest) -> None:
    keys = request.getfixturevalue(which)["keys"]
    made = plan(keys)
    for name in made.dropped:
        assert any(word in name for word in ("mem", "obj_ptr", "no_obj", "mask_downsample", "mask_token", "meo_linear"))
    memory = sum(prod(keys[name]) for name in made.dropped)
    assert memory == sum(prod(shape) for shape in keys.values()) - sum(prod(shape) for shape in made.shapes.values())


def test_no_line_of_the_tables_is_idle(small: dict[str, Any]) -> None:
    for prefix in (*TABLE.dropped, *(published for published, _ in TABLE.prefixes)):
        assert any(name.startswith(prefix) for name in small["keys"]), prefix
    for inner, _ in TABLE.inner:
        assert any(inner in name for name in small["keys"]), inner


@pytest.mark.parametrize("name", ["visual_model.surprise.weight", "mm_extractor.weight", "", "trunk.pos_embed"])
def test_unknown_name_is_kept_apart(name: str) -> None:
    assert plan({name: [1]}) == Plan({}, {}, {name: (1,)})


@pytest.mark.parametrize(
    ("table", "inside"), [(meta_sam2.TABLE, "visual_model."), (beit3.TABLE, "mm_extractor.")], ids=["SAM 2", "BEiT-3"]
)
def test_what_the_published_model_holds_of_others_is_named_as_they_do(
    large: dict[str, Any], table: NameTable, inside: str
) -> None:
    """The published names are SAM 2's and BEiT-3's own behind a prefix, but for the parts that the paper adds."""
    added = ("Adapter", "vlfusion_module")
    keys = {
        name.removeprefix(inside): shape
        for name, shape in large["keys"].items()
        if name.startswith(inside) and not any(word in name for word in added)
    }
    whole, own = plan(large["keys"]), plan(keys, table)
    assert own.unknown == {}
    assert own.entries.keys() == {
        ours for ours, entry in whole.entries.items() if entry.name.removeprefix(inside) in keys
    }
    assert {ours: entry.shape for ours, entry in own.entries.items()}.items() <= whole.shapes.items()


def small_config(small: dict[str, Any]) -> ModelConfig:
    """The paper's model with the golden files' reduced trunk and fewer layers in the union encoder."""
    values = ModelConfig.preset("large").to_dict()
    values["hiera"] |= small["config"]["hiera"]
    values["union_encoder"] |= {"depth": small["config"]["layers"]}
    return ModelConfig.from_dict(values)
