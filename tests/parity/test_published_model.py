"""Every tensor that the published code computed, computed by ours."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from seeded import seeded_inputs, seeded_weight
from torch import Tensor

from rs2sam2.checkpoints.published import TABLE
from rs2sam2.config import ModelConfig
from rs2sam2.model.rs2sam2 import RS2SAM2
from tiny import relative_error

GOLDEN = Path(__file__).parent / "golden"
DESCRIPTION = json.loads((GOLDEN / "published_small.json").read_text())
CASES = dict(zip(DESCRIPTION["config"]["seeds"], DESCRIPTION["config"]["lens"], strict=True))
TOLERANCE = 1e-5
MASK_PIXELS_ALLOWED_TO_FLIP = 6


@pytest.fixture(scope="module")
def model() -> RS2SAM2:
    values = ModelConfig.preset("large").to_dict()
    values["hiera"] |= DESCRIPTION["config"]["hiera"]
    values["union_encoder"] |= {"depth": DESCRIPTION["config"]["layers"]}
    with torch.device("meta"):
        model = RS2SAM2(ModelConfig.from_dict(values))
    entries = TABLE.plan({name: tuple(shape) for name, shape in DESCRIPTION["keys"].items()}).entries
    state = {ours: seeded_weight(entry.name, entry.shape) for ours, entry in entries.items()}
    model.load_state_dict(state, assign=True)
    return model.eval()


@pytest.fixture(scope="module", params=CASES, ids=lambda seed: f"case{seed}")
def found_and_expected(request: pytest.FixtureRequest, model: RS2SAM2) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    case = f"case{request.param}."
    stored = load_file(GOLDEN / "published_small.safetensors")
    expected = {name.removeprefix(case): tensor for name, tensor in stored.items() if name.startswith(case)}
    with torch.no_grad():
        return dict(observed(model, *seeded_inputs(request.param, CASES[request.param]))), expected


def observed(model: RS2SAM2, image: Tensor, union_image: Tensor, ids: Tensor) -> Iterator[tuple[str, Tensor]]:
    """One forward pass, and what its parts handed on, under the golden files' names and shapes."""
    parts = ("union_encoder", "text_projection", "trunk", "neck", "fusion_after_encoding", "token_mlp")
    seen = {}
    hooks = [
        model.get_submodule(name).register_forward_hook(lambda _, __, output, name=name: seen.update({name: output}))
        for name in (*parts, "mask_prompt_generator.cls_reads_visual")
    ]
    answer = model(image, union_image, ids, torch.ones_like(ids, dtype=torch.bool))
    for hook in hooks:
        hook.remove()

    yield "input_ids", ids
    union = seen["union_encoder"]
    yield "union_cls", union.cls
    yield "union_visual_mean", union.visual.mean(dim=1)
    yield "union_visual_first8", union.visual[:, :8]
    yield "union_text", union.text
    yield "text_256", seen["text_projection"]
    for index, stage in enumerate(seen["trunk"].stages):
        places = stage.flatten(2)
        yield f"stage{index}_mean_std", torch.stack([places.mean(-1), places.std(-1, correction=1)], dim=-1)
        yield f"stage{index}_patch", stage[:, :, 3:7, 5:9]
    yield "text_after_trunk", seen["trunk"].text.transpose(0, 1)
    _, _, stride16 = seen["neck"]
    yield "neck_patch", stride16[:, :, 10:18, 20:28]
    yield "text_guided_patch", seen["fusion_after_encoding"][:, :, 10:18, 20:28]
    yield "mpg_token", union.cls * seen["mask_prompt_generator.cls_reads_visual"]
    assert answer.pseudo_mask_logits is not None
    yield "pseudo_mask_logits", answer.pseudo_mask_logits[:, 0]
    yield "sparse_prompt", seen["token_mlp"]
    yield "low_res_logits", answer.mask_logits
    yield "iou_score", answer.predicted_iou
    yield "object_score_logit", answer.object_score_logits
    yield "text_weight", answer.text_weight[..., None]
    full = F.interpolate(answer.mask_logits, size=(1024, 1024), mode="bilinear", align_corners=False)
    share = (full > 0.5).float().mean()
    yield "mask_logits_1024_mean_std", torch.stack([full.mean(), full.std(correction=1), share])


def test_every_stored_tensor_is_compared(found_and_expected: tuple[dict[str, Tensor], dict[str, Tensor]]) -> None:
    found, expected = found_and_expected
    assert found.keys() == expected.keys()


def test_every_tensor_agrees(found_and_expected: tuple[dict[str, Tensor], dict[str, Tensor]]) -> None:
    found, expected = found_and_expected
    assert torch.equal(found.pop("input_ids"), expected["input_ids"])
    errors = {name: relative_error(tensor, expected[name]) for name, tensor in found.items()}
    assert {name: error for name, error in errors.items() if not error <= TOLERANCE} == {}


def test_masks_agree(found_and_expected: tuple[dict[str, Tensor], dict[str, Tensor]]) -> None:
    found, expected = ({"z": tensors["low_res_logits"]} for tensors in found_and_expected)
    assert 0.1 < (expected["z"] > 0.5).float().mean() < 0.9, "a mask of one kind only would prove nothing"
    assert ((found["z"] > 0.5) != (expected["z"] > 0.5)).sum() <= MASK_PIXELS_ALLOWED_TO_FLIP
