"""The whole model: shapes at every size, how a logit is read, and which choices of the published code it keeps."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from rs2sam2.config import PRESETS, ModelConfig
from rs2sam2.model.rs2sam2 import RS2SAM2, mask_probability
from rs2sam2.model.sam2_prompt_encoder import dense_prompt_from_pseudo_mask
from tiny import relative_error, tiny_config, tiny_inputs, tiny_model


def test_published_reading_is_a_softmax_over_two_channels() -> None:
    z = torch.linspace(-8, 8, 161)[None, None, None]
    expected = torch.cat([1 - z, z], dim=1).softmax(dim=1)[:, 1:]
    found = mask_probability(z, tiny_config())
    assert torch.allclose(found, expected, atol=1e-6)
    assert mask_probability(torch.tensor(0.5), tiny_config()) == 0.5


def test_paper_reading_is_a_sigmoid() -> None:
    z = torch.linspace(-8, 8, 161)
    config = tiny_config(mask_reading="paper")
    assert torch.equal(mask_probability(z, config), z.sigmoid())
    assert mask_probability(torch.tensor(0.0), config) == 0.5


@given(st.floats(-8, 8, width=32), st.sampled_from(["published", "paper"]))
def test_probability_is_a_probability_that_grows_with_the_logit(z: float, reading: str) -> None:
    config = tiny_config(mask_reading=reading)
    here, above = mask_probability(torch.tensor([z, z + 1], dtype=torch.float64), config)
    assert 0 <= here < above <= 1


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_answers_in_its_shapes(name: str) -> None:
    """On the meta device: shapes without numbers."""
    config = ModelConfig.preset(name)
    with torch.device("meta"):
        model = RS2SAM2(config).eval()
        image, union_image, ids, mask = (t.to("meta") for t in tiny_inputs(config, 2, 7))
        answer = model(image, union_image, ids, mask)
    side = config.image_size // 4
    assert answer.mask_logits.shape == (2, 1, side, side)
    assert answer.pseudo_mask_logits is not None
    assert answer.pseudo_mask_logits.shape == (2, 1, config.union_encoder.grid, config.union_encoder.grid)
    for scalar in (answer.predicted_iou, answer.object_score_logits, answer.text_weight):
        assert scalar.shape == (2, 1)


def test_nano_runs_on_pixels() -> None:
    config = ModelConfig.preset("nano")
    with torch.no_grad():
        answer = RS2SAM2(config).eval()(*tiny_inputs(config, 1, 9))
    assert answer.mask_logits.isfinite().all()
    assert 0 <= answer.predicted_iou.item() <= 1


def test_sentence_embedding_is_the_first_text_token() -> None:
    model = tiny_model()
    seen = {}
    model.text_projection.register_forward_hook(lambda _, __, output: seen.update(text=output))
    with torch.no_grad():
        answer = model(*tiny_inputs(model.config, 2, 6))
        assert torch.equal(answer.text_weight, model.text_weight(seen["text"][:, 0]))


def test_sparse_prompt_comes_from_the_union_encoder_s_own_cls() -> None:
    model = tiny_model()
    seen = {}
    model.union_encoder.register_forward_hook(lambda _, __, output: seen.update(cls=output.cls))
    model.token_mlp.register_forward_hook(lambda _, inputs, __: seen.update(given=inputs[0]))
    with torch.no_grad():
        model(*tiny_inputs(model.config, 2, 6))
    assert torch.equal(seen["given"], seen["cls"])


def test_dense_prompt_is_a_sigmoid_resized_with_antialiasing() -> None:
    logits = torch.randn(2, 1, 14, 14, generator=torch.Generator().manual_seed(0)) * 4
    up = dense_prompt_from_pseudo_mask(logits, 16, 16)
    assert up.shape == (2, 1, 64, 64)
    assert torch.equal(up, F.interpolate(logits.sigmoid(), (64, 64), mode="bilinear", antialias=True))
    # Up-sampling is the same without antialiasing; where the map is smaller than the pseudo-mask it is not.
    down = dense_prompt_from_pseudo_mask(logits, 2, 2)
    assert relative_error(down, F.interpolate(logits.sigmoid(), (8, 8), mode="bilinear")) > 0.01


def test_text_of_eq4_is_the_text_that_entered_the_trunk() -> None:
    model = tiny_model()
    seen = {}
    model.text_projection.register_forward_hook(lambda _, __, output: seen.update(text=output))
    model.fusion_after_encoding.register_forward_hook(lambda _, inputs, __: seen.update(given=inputs))
    model.neck.register_forward_hook(lambda _, __, output: seen.update(neck=output[2]))
    with torch.no_grad():
        model(*tiny_inputs(model.config, 1, 6))
    image, _, text, _ = seen["given"]
    assert torch.equal(text, seen["text"])
    assert torch.equal(image, seen["neck"] + model.no_memory_embedding.reshape(1, -1, 1, 1))


def test_eq4_weighs_the_map_by_what_it_reads() -> None:
    model = tiny_model()
    fusion = model.fusion_after_encoding
    draw = torch.Generator().manual_seed(3)
    image, positions = (torch.randn(1, 32, 3, 3, generator=draw) for _ in range(2))
    text, mask = torch.randn(1, 5, 32, generator=draw), torch.ones(1, 5, dtype=torch.bool)
    with torch.no_grad():
        read = fusion.image_reads_text((image + positions).flatten(2).transpose(1, 2), text)
        expected = image * read.transpose(1, 2).reshape(1, 32, 3, 3)
        assert torch.equal(fusion(image, positions, text, mask), expected)


def test_mask_prompt_generator_multiplies_by_cls() -> None:
    generator = tiny_model().mask_prompt_generator
    draw = torch.Generator().manual_seed(3)
    cls, visual = torch.randn(2, 1, 32, generator=draw), torch.randn(2, 16, 32, generator=draw)
    with torch.no_grad():
        token = generator.token(cls * generator.cls_reads_visual(cls, visual))
        expected = generator.mask(visual * token).reshape(2, 1, 4, 4)
        assert torch.equal(generator(cls, visual), expected)
