"""SAM 2 and BEiT-3 of any make become a model to train; what is new is said, and begins the same each time."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from foreign_weights import (
    MEMORY,
    MEMORY_2_1,
    SETTINGS,
    SPM,
    UNION,
    beit3_state,
    is_sam2,
    model,
    published_state,
    sam2_state,
    write_folder,
    write_pickle,
)
from safetensors.torch import load_file
from torch import Tensor

from rs2sam2.checkpoints import native
from rs2sam2.checkpoints.beit3 import resample_positions
from rs2sam2.checkpoints.joining import join
from rs2sam2.checkpoints.recognise import Kind, open_checkpoint
from rs2sam2.checkpoints.sizes import hiera_config, model_config, union_encoder_config
from rs2sam2.config import PRESETS, ModelConfig
from rs2sam2.errors import OutputError, WeightsError
from rs2sam2.model.rs2sam2 import RS2SAM2

# Patches of 8 pixels at 224 pixels, which every new model begins with.
GRID = 28
POSITIONS = "union_encoder.vision_positions.weight"


@pytest.fixture(scope="module")
def whole() -> RS2SAM2:
    return model()


@pytest.fixture
def sam2(tmp_path: Path, whole: RS2SAM2) -> Path:
    return write_pickle(tmp_path / "sam2" / "sam2.1_hiera_test.pt", sam2_state(whole))


@pytest.fixture
def beit3(tmp_path: Path, whole: RS2SAM2) -> Path:
    return write_pickle(tmp_path / "beit3" / "beit3_test_patch8_32.pth", beit3_state(whole))


@pytest.fixture
def joined(tmp_path: Path, sam2: Path, beit3: Path) -> Path:
    join(sam2, beit3, SPM, tmp_path / "start")
    return tmp_path / "start"


def test_both_halves_are_there_unchanged(joined: Path, whole: RS2SAM2) -> None:
    found = load_file(joined / "model.safetensors")
    for name, tensor in whole.state_dict().items():
        if is_sam2(name) or (name.startswith("union_encoder.") and name != POSITIONS):
            assert torch.equal(found[name], tensor), name


def test_it_loads_and_begins_as_sam2(joined: Path) -> None:
    bundle = native.load(joined)
    assert bundle.name == "start"
    assert bundle.model.config.image_size == 1024 and bundle.model.config.union_encoder.image_size == 224
    for block in bundle.model.trunk.blocks:
        for layer in (block.fusion.image_out, block.adapter.up):
            assert not layer.weight.any() and not layer.bias.any()
        assert block.fusion.image_in.weight.any() and block.adapter.down.weight.any()


def test_it_says_what_is_new_and_what_was_left(joined: Path, sam2: Path, beit3: Path, whole: RS2SAM2) -> None:
    provenance = json.loads((joined / "provenance.json").read_text())
    expected = {n for n in whole.state_dict() if not is_sam2(n) and not n.startswith("union_encoder.")}
    assert set(provenance["new_parts"]["names"]) == expected
    assert provenance["trained"] is False
    left = {name for names in provenance["dropped"].values() for name in names}
    heads = {f"{head}.{part}" for head in ("mlm_head", "mim_head") for part in ("weight", "bias")}
    assert left == {*MEMORY, *MEMORY_2_1, *heads, "beit3.vision_embed.mask_token"}
    for path in (sam2, beit3):
        assert provenance["source_files"][path.name] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert provenance["license"] == "Apache-2.0 AND MIT"
    assert "SAM 2.1" in provenance["source"] and "not yet trained" in provenance["source"]


def test_new_parts_are_the_same_each_time_whatever_was_drawn_before(
    tmp_path: Path, joined: Path, sam2: Path, beit3: Path
) -> None:
    torch.manual_seed(123)
    before = torch.get_rng_state()
    join(sam2, beit3, SPM, tmp_path / "again")
    assert torch.equal(torch.get_rng_state(), before), "joining must not disturb a training's own numbers"
    first, second = (load_file(folder / "model.safetensors") for folder in (joined, tmp_path / "again"))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("newer", [False, True])
def test_both_versions_of_sam2_are_told_apart(tmp_path: Path, whole: RS2SAM2, newer: bool) -> None:
    path = write_pickle(tmp_path / "any.pt", sam2_state(whole, newer=newer))
    with open_checkpoint(path) as checkpoint:
        assert (checkpoint.kind, checkpoint.is_sam2_1) == (Kind.SAM2, newer)
        assert not checkpoint.plan.unknown


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_known_by_its_shapes(preset: str) -> None:
    config = ModelConfig.preset(preset)
    shapes = native.shapes_of(native.on_meta(config))
    hiera, union = hiera_config(shapes, {}), union_encoder_config(shapes, {})
    found = model_config(preset, shapes, hiera, union)
    assert found.replace(image_size=config.image_size, fusion_heads=config.fusion_heads) == config


class TestPositions:
    def test_of_the_paper_s_size_stay(self, tmp_path: Path, whole: RS2SAM2, sam2: Path) -> None:
        state = beit3_state(whole)
        table = torch.randn(3 + GRID**2, 32, generator=torch.Generator().manual_seed(1))
        state["beit3.encoder.embed_positions.A.weight"] = table
        join(sam2, write_pickle(tmp_path / "b" / "beit3.pth", state), SPM, tmp_path / "start")
        assert torch.equal(load_file(tmp_path / "start" / "model.safetensors")[POSITIONS], table)

    def test_of_another_size_are_resampled(self, joined: Path, whole: RS2SAM2) -> None:
        table = whole.state_dict()[POSITIONS]
        found = load_file(joined / "model.safetensors")[POSITIONS]
        assert torch.equal(found[:3], table[:3]), "the class token and the rows before it are no places"
        grid = table[3:].reshape(4, 4, 32).permute(2, 0, 1)[None]
        expected = F.interpolate(grid, (GRID, GRID), mode="bicubic", align_corners=False)[0].flatten(1).T
        assert torch.allclose(found[3:], expected, atol=1e-6)

    def test_rows_and_columns_keep_their_order(self) -> None:
        rows = torch.arange(24.0).repeat_interleave(24)
        table = torch.cat([torch.zeros(3, 2), torch.stack([rows, torch.arange(24.0).repeat(24)], dim=1)])
        found = resample_positions(table.half(), 14)
        assert found.dtype == torch.float16 and found.shape == (3 + 14**2, 2)
        place = found[3:].reshape(14, 14, 2)
        assert (place[:, :, 0].diff(dim=0) > 0).all() and (place[:, :, 1].diff(dim=1) > 0).all()
        assert (place[:, :, 0].diff(dim=1).abs() < 0.1).all()


@pytest.mark.parametrize(
    "head",
    [
        "head.weight",
        "head.3.bias",
        "head.dense1.weight",
        "pooler.dense.weight",
        "fc_norm.weight",
        "vision_head.weight",
        "language_head.weight",
        "logit_scale",
        "mlm_head.bias",
    ],
)
def test_heads_of_fine_tuning_are_left(tmp_path: Path, whole: RS2SAM2, sam2: Path, head: str) -> None:
    state = {name: t for name, t in beit3_state(whole).items() if name.startswith("beit3.")} | {head: torch.ones(2)}
    provenance = join(sam2, write_pickle(tmp_path / "b" / "beit3.pth", state), SPM, tmp_path / "start")
    assert any(head in names for names in provenance["dropped"].values())


def test_file_without_a_final_norm_gets_a_new_one(tmp_path: Path, whole: RS2SAM2, sam2: Path) -> None:
    state = {name: t for name, t in beit3_state(whole).items() if not name.startswith("beit3.encoder.layer_norm.")}
    provenance = join(sam2, write_pickle(tmp_path / "b" / "beit3.pth", state), SPM, tmp_path / "start")
    assert "union_encoder.layer_norm.A.weight" in provenance["new_parts"]["names"]
    norm = native.load(tmp_path / "start").model.union_encoder.layer_norm
    assert all((way.weight == 1).all() and not way.bias.any() for way in (norm.A, norm.B))


def test_half_a_final_norm_is_a_damaged_file(tmp_path: Path, whole: RS2SAM2, sam2: Path) -> None:
    state = beit3_state(whole)
    del state["beit3.encoder.layer_norm.A.weight"]
    with pytest.raises(WeightsError, match=r"1 missing: union_encoder\.layer_norm\.A\.weight"):
        join(sam2, write_pickle(tmp_path / "b" / "beit3.pth", state), SPM, tmp_path / "start")


def test_all_that_does_not_fit_is_in_one_message(tmp_path: Path, whole: RS2SAM2) -> None:
    segments, reads = sam2_state(whole), beit3_state(whole)
    del segments["sam_mask_decoder.iou_token.weight"]
    segments["surprise"] = torch.zeros(1)
    del reads["beit3.encoder.layers.0.self_attn.q_proj.A.bias"]
    reads["beit3.surprise"] = torch.zeros(1)
    reads["adapter.weight"] = torch.zeros(1)
    sam2, beit3 = write_pickle(tmp_path / "a.pt", segments), write_pickle(tmp_path / "b.pth", reads)
    with pytest.raises(WeightsError) as caught:
        join(sam2, beit3, SPM, tmp_path / "start")
    message = str(caught.value)
    assert "2 missing: mask_decoder.iou_token.weight, union_encoder.layers.0.self_attn.q_proj.A.bias" in message
    assert "3 unexpected: adapter.weight, beit3.surprise, surprise" in message
    assert "\n" not in message and not (tmp_path / "start").exists()


@pytest.mark.parametrize(("swapped", "said"), [(True, "--sam2 takes SAM 2"), (False, "--beit3 takes BEiT-3")])
def test_files_in_each_other_s_place(tmp_path: Path, sam2: Path, beit3: Path, swapped: bool, said: str) -> None:
    with pytest.raises(WeightsError, match=said):
        join(beit3 if swapped else sam2, sam2 if not swapped else beit3, SPM, tmp_path / "start")


def test_whole_model_is_no_half(tmp_path: Path, whole: RS2SAM2, beit3: Path) -> None:
    source = write_folder(tmp_path / "published", published_state(whole))
    with pytest.raises(WeightsError, match="published RS2-SAM 2 folder, but --sam2"):
        join(source, beit3, SPM, tmp_path / "start")


@pytest.mark.parametrize("settings", [{}, {"num_heads": 1}, {"model": [SETTINGS["model"]]}])
def test_trunk_of_no_known_size_needs_words(tmp_path: Path, whole: RS2SAM2, beit3: Path, settings: Any) -> None:
    path = write_pickle(tmp_path / "s" / "sam2.pt", sam2_state(whole), settings=settings)
    with pytest.raises(WeightsError, match=r"sam2\.pt: a trunk of width 16.*global_att_blocks"):
        join(path, beit3, SPM, tmp_path / "start")


def test_wrong_tokenizer(tmp_path: Path, whole: RS2SAM2, sam2: Path) -> None:
    state: dict[str, Tensor] = beit3_state(whole)
    state["beit3.text_embed.weight"] = torch.zeros(900, UNION.embed_dim)
    with pytest.raises(WeightsError, match=r"tiny\.spm: \d+ ids, but the model knows 900"):
        join(sam2, write_pickle(tmp_path / "b" / "beit3.pth", state), SPM, tmp_path / "start")


def test_weights_that_are_there_stay(tmp_path: Path, joined: Path, sam2: Path, beit3: Path) -> None:
    with pytest.raises(OutputError, match="--overwrite"):
        join(sam2, beit3, SPM, joined)
    shutil.rmtree(joined)
    join(sam2, beit3, SPM, joined)
    join(sam2, beit3, SPM, joined, overwrite=True)
