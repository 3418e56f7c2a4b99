"""Every row of the paper's Tables 3 and 4 is a configuration that has what its row says, and learns."""

from typing import Any

import pytest
import torch

from rs2sam2.losses import BoundaryReading, LossWeights, training_loss
from rs2sam2.model.rs2sam2 import RS2SAM2
from tiny import relative_error, tiny_config, tiny_inputs, tiny_model

WITHOUT: dict[str, Any] = {"fusion_layer": "none", "fusion_after_encoding": False, "mask_prompt": "none"}
MASK_PROMPT, FUSION = {"mask_prompt": "full"}, {"fusion_layer": "bi", "fusion_after_encoding": True}

# Row -> configuration, boundary loss, and the additions that the row is made of.
ATTENTION, TOKEN = "mask_prompt_generator.cls_reads_visual", "mask_prompt_generator.token"
IMAGE_OUT, ADAPTER = "trunk.blocks.0.fusion.image_out", "trunk.blocks.0.adapter"
IMAGE_READS, TEXT_READS = "trunk.blocks.0.fusion.image_reads_text", "trunk.blocks.0.fusion.text_reads_image"
EQ4 = "fusion_after_encoding.image_reads_text"
ALL = {ATTENTION, TOKEN, IMAGE_OUT, ADAPTER, IMAGE_READS, TEXT_READS, EQ4}

ROWS: dict[str, tuple[dict[str, Any], BoundaryReading, set[str]]] = {
    "table 3: baseline": (WITHOUT, "none", set()),
    "table 3: boundary loss": (WITHOUT, "soft", set()),
    "table 3: boundary loss, mask prompt": (WITHOUT | MASK_PROMPT, "soft", {ATTENTION, TOKEN}),
    "table 3: boundary loss, fusion": (WITHOUT | FUSION, "soft", ALL - {ATTENTION, TOKEN}),
    "table 3: all": ({}, "soft", ALL),
    "table 4: mask prompt without attention": ({"mask_prompt": "no_attention"}, "soft", ALL - {ATTENTION}),
    "table 4: mask prompt with attention": ({"mask_prompt": "full"}, "soft", ALL),
    "table 4: linear": ({"fusion_layer": "linear"}, "soft", ALL - {IMAGE_READS, TEXT_READS}),
    "table 4: uni": ({"fusion_layer": "uni"}, "soft", ALL - {TEXT_READS}),
    "table 4: bi": ({"fusion_layer": "bi"}, "soft", ALL),
    "table 4: without fusion after encoding": ({"fusion_after_encoding": False}, "soft", ALL - {EQ4}),
    "table 4: without fusion layers": (
        {"fusion_layer": "none"},
        "soft",
        ALL - {IMAGE_OUT, ADAPTER, IMAGE_READS, TEXT_READS},
    ),
    "table 4: with both": ({"fusion_layer": "bi", "fusion_after_encoding": True}, "soft", ALL),
}

# SAM 2's weights that one mask for one sentence never reads; they are kept so that checkpoints can be exchanged.
IDLE = (
    "prompt_encoder.point_embeddings.",
    "prompt_encoder.not_a_point_embed.",
    *(f"mask_decoder.output_hypernetworks_mlps.{n}." for n in (1, 2, 3)),
)


def additions(model: RS2SAM2) -> set[str]:
    names = dict(model.named_modules())
    return {part for part in ALL if part in names}


@pytest.mark.parametrize("row", ROWS)
def test_row_has_its_parts_and_no_others(row: str) -> None:
    changes, _, expected = ROWS[row]
    assert additions(RS2SAM2(tiny_config(**changes))) == expected


@pytest.mark.parametrize("row", ROWS)
def test_row_runs_and_every_part_learns(row: str) -> None:
    changes, boundary, _ = ROWS[row]
    model = tiny_model(**changes).train()
    side = model.config.image_size // 4
    target = (torch.rand(2, side, side, generator=torch.Generator().manual_seed(2)) > 0.5).long()
    answer = model(*tiny_inputs(model.config, 2, 6))
    assert answer.mask_logits.shape == (2, 1, side, side)
    assert (answer.pseudo_mask_logits is None) == (model.config.mask_prompt == "none")
    loss = training_loss(
        answer.mask_logits, target, answer.text_weight[..., None, None], LossWeights(boundary_reading=boundary)
    ).total
    (loss + answer.predicted_iou.sum() + answer.object_score_logits.sum()).backward()

    idle = IDLE
    if boundary == "none":
        idle += ("text_weight.",)
    if model.config.mask_prompt == "none":
        idle += ("prompt_encoder.mask_downscaling.",)
    else:
        idle += ("prompt_encoder.no_mask_embed.",)
    unread: tuple[str, ...] = ()
    if (
        model.config.fusion_layer in ("none", "linear")
        and not model.config.fusion_after_encoding
        and boundary == "none"
    ):
        idle += ("text_projection.", "union_encoder.layer_norm.B.")
        unread = ("union_encoder.layers.1.",)  # the last layer's text tokens, but for what the image reads in them
    last = f"trunk.blocks.{sum(model.config.hiera.stages) - 1}.fusion."
    idle += (last + "text_reads_image.", last + "text_out.")  # the text that leaves the last block goes nowhere
    silent = {name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()}
    # Softmax does not change when every key moves alike, so keys' biases get (nearly) no gradient.
    excused = {name for name in silent if name.startswith(idle) or "k_proj" in name}
    excused |= {name for name in silent if name.startswith(unread) and ".B." in name} if unread else set()
    assert silent - excused == set()
    assert {name for name, _ in model.named_parameters() if name.startswith(idle)} <= silent


def test_baseline_is_union_encoder_and_sam2_alone() -> None:
    names = {name.split(".")[0] for name, _ in RS2SAM2(tiny_config(**WITHOUT)).named_parameters()}
    assert names == {
        "union_encoder",
        "text_projection",
        "token_mlp",
        "text_weight",
        "trunk",
        "neck",
        "no_memory_embedding",
        "prompt_encoder",
        "mask_decoder",
    }
    assert not any("fusion" in name or "adapter" in name for name in RS2SAM2(tiny_config(**WITHOUT)).state_dict())


@pytest.mark.parametrize(("fusion_layer", "listens"), [("none", False), ("linear", False), ("uni", True), ("bi", True)])
def test_trunk_listens_only_where_it_should(fusion_layer: str, listens: bool) -> None:
    model = tiny_model(fusion_layer=fusion_layer)
    image, _, _, mask = tiny_inputs(model.config, 1, 6)
    texts = torch.randn(2, 6, model.config.width, generator=torch.Generator().manual_seed(4)).split(1)
    with torch.no_grad():
        first, second = (model.trunk(image, text, mask) for text in texts)
    assert (relative_error(first.stages[-1], second.stages[-1]) > 1e-3) == listens
    assert torch.equal(first.text, texts[0]) == (fusion_layer != "bi")


def test_eq3_constants_are_the_paper_s() -> None:
    config = tiny_config()
    assert (config.alpha_t, config.alpha_i) == (0.2, 0.5)


def test_alpha_t_zero_leaves_the_text_and_alpha_i_zero_silences_the_adapter() -> None:
    image, _, _, mask = tiny_inputs(tiny_config(), 1, 6)
    text = torch.randn(1, 6, 32, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        assert torch.equal(tiny_model(alpha_t=0.0).trunk(image, text, mask).text, text)
        quiet, deaf = tiny_model(alpha_i=0.0), tiny_model(alpha_i=0.0)
        for block in deaf.trunk.blocks:
            block.adapter.up.weight.zero_()
        assert torch.equal(quiet.trunk(image, text, mask).stages[-1], deaf.trunk(image, text, mask).stages[-1])


def test_adapter_reads_what_the_mlp_reads() -> None:
    model = tiny_model()
    given: dict[str, list[torch.Tensor]] = {"mlp": [], "adapter": []}
    for block in model.trunk.blocks:
        for part in given:
            getattr(block, part).register_forward_hook(lambda _, inputs, __, part=part: given[part].append(inputs[0]))
    with torch.no_grad():
        model(*tiny_inputs(model.config, 1, 6))
    assert len(given["mlp"]) == len(given["adapter"]) == len(model.trunk.blocks)
    assert all(torch.equal(a, b) for a, b in zip(given["mlp"], given["adapter"], strict=True))


def test_trunk_text_goes_on_in_order() -> None:
    """Text attends to the image that is fused already (eq. 2 as published): undoing the image's reading changes it."""
    model = tiny_model()
    layer = model.trunk.blocks[0].fusion
    image = torch.randn(1, 4, 4, 16, generator=torch.Generator().manual_seed(6))
    text = torch.randn(1, 5, 32, generator=torch.Generator().manual_seed(7))
    mask = torch.ones(1, 5, dtype=torch.bool)
    with torch.no_grad():
        _, before = layer(image, text, mask)
        layer.image_reads_text.out_proj.weight.zero_()
        layer.image_reads_text.out_proj.bias.zero_()
        _, after = layer(image, text, mask)
    assert relative_error(after, before) > 1e-4
