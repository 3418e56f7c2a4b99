"""A batch of unequal sentences gives what each gives alone: no sentence can see another's padding."""

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from rs2sam2.config import PAD_ID, ModelConfig
from rs2sam2.model.cross_attention import CrossAttention
from rs2sam2.model.rs2sam2 import RS2SAM2, RS2SAM2Output
from tiny import randomised, relative_error, tiny_inputs, tiny_model

LENGTHS = (4, 9, 3, 12)
TOLERANCE = 1e-6  # in double precision, but for the dense prompt, which is always resized in single
SINGLE_TOLERANCE = 1e-5
CONFIGURATIONS = [
    {"fusion_layer": "bi", "mask_prompt": "full"},
    {"fusion_layer": "bi", "mask_prompt": "no_attention"},
    {"fusion_layer": "bi", "mask_prompt": "full", "fusion_after_encoding": False},
    {"fusion_layer": "uni", "mask_prompt": "full"},
    {"fusion_layer": "uni", "mask_prompt": "no_attention", "fusion_after_encoding": False},
    {"fusion_layer": "linear", "mask_prompt": "full"},
    {"fusion_layer": "none", "mask_prompt": "none"},
]


def unequal(model: RS2SAM2, *, unknown: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A batch of sentences of `LENGTHS` tokens, padded at the end; with `unknown`, words inside them are unknown."""
    image, union_image, ids, mask = tiny_inputs(model.config, len(LENGTHS), max(LENGTHS))
    for row, length in enumerate(LENGTHS):
        ids[row, length - 1], ids[row, length:], mask[row, length:] = 2, PAD_ID, False
        if unknown:
            ids[row, 1] = PAD_ID
    return image, union_image, ids, mask


def answers(output: RS2SAM2Output) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in dataclasses.asdict(output).items() if tensor is not None}


@torch.no_grad()
def worst_error(model: RS2SAM2, *, unknown: bool) -> float:
    """Largest relative error, over sentences and over what is answered, of the batch against each one alone."""
    image, union_image, ids, mask = unequal(model, unknown=unknown)
    dtype = next(model.parameters()).dtype
    image, union_image = image.to(dtype), union_image.to(dtype)
    together = answers(model(image, union_image, ids, mask))
    errors = []
    for row, length in enumerate(LENGTHS):
        one = slice(row, row + 1)
        alone = answers(model(image[one], union_image[one], ids[one, :length], mask[one, :length]))
        assert alone.keys() == together.keys()
        errors += [relative_error(together[name][one], alone[name]) for name in alone]
    return max(errors)


@pytest.mark.parametrize("unknown", [False, True], ids=["known", "unknown word"])
@pytest.mark.parametrize("changes", CONFIGURATIONS, ids=lambda changes: "-".join(map(str, changes.values())))
def test_batch_equals_each_alone(changes: dict[str, Any], unknown: bool) -> None:
    error = worst_error(tiny_model(**changes).double(), unknown=unknown)
    assert error <= TOLERANCE


@pytest.mark.parametrize("changes", CONFIGURATIONS, ids=lambda changes: "-".join(map(str, changes.values())))
def test_one_picture_for_all_sentences_is_as_many_of_it(changes: dict[str, Any]) -> None:
    model = tiny_model(**changes).double()
    image, union_image, ids, mask = unequal(model, unknown=False)
    image, union_image = image[:1].double(), union_image[:1].double()
    worked: dict[str, int] = {}
    parts = {"patches": model.trunk.patch_embed, "first attention": model.trunk.blocks[0].attn,
             "vision": model.union_encoder.vision_embed}  # fmt: skip
    for name, part in parts.items():
        part.register_forward_hook(lambda _, given, __, name=name: worked.update({name: len(given[0])}))
    with torch.no_grad():
        together = answers(model(image, union_image, ids, mask))
        once = dict(worked)
        many = answers(model(image.expand(4, -1, -1, -1), union_image.expand(4, -1, -1, -1), ids, mask))
    assert once["patches"] == once["vision"] == 1 < worked["patches"] == worked["vision"]
    assert worked["first attention"] == 4 * once["first attention"], "the words are met after it"
    for name, expected in many.items():
        assert together[name].shape == expected.shape
        assert relative_error(together[name], expected) <= TOLERANCE


def test_nano_s_masks_do_not_depend_on_the_batch() -> None:
    model = randomised(RS2SAM2(ModelConfig.preset("nano")), seed=0).eval()
    image, union_image, ids, mask = unequal(model, unknown=True)
    with torch.no_grad():
        together = model(image, union_image, ids, mask).mask_logits
        for row, length in list(enumerate(LENGTHS))[:2]:
            one = slice(row, row + 1)
            alone = model(image[one], union_image[one], ids[one, :length], mask[one, :length]).mask_logits
            assert relative_error(together[one], alone) <= SINGLE_TOLERANCE


@pytest.mark.parametrize(
    "changes",
    [
        {"fusion_layer": "bi", "fusion_after_encoding": False, "mask_prompt": "none"},
        {"fusion_layer": "uni", "fusion_after_encoding": False, "mask_prompt": "none"},
        {"fusion_layer": "none", "fusion_after_encoding": True, "mask_prompt": "none"},
    ],
    ids=["bi", "uni", "eq. 4"],
)
def test_the_comparison_notices_a_fusion_that_reads_padding(
    changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    masked = CrossAttention.forward
    monkeypatch.setattr(CrossAttention, "forward", lambda self, query, context, mask=None: masked(self, query, context))
    error = worst_error(tiny_model(**changes).double(), unknown=False)
    assert error > 1e-3


def test_the_comparison_notices_a_union_encoder_that_reads_padding() -> None:
    model = tiny_model(fusion_layer="none", fusion_after_encoding=False)
    read_everything = model.union_encoder.forward
    image, union_image, ids, mask = unequal(model, unknown=False)
    ids = ids.where(mask, 7)  # not the padding id, which is masked by itself
    with torch.no_grad():
        honest = model(image, union_image, ids, mask).mask_logits
        model.union_encoder.forward = lambda image, ids, mask: read_everything(image, ids, torch.ones_like(mask))
        assert relative_error(model(image, union_image, ids, mask).mask_logits, honest) > 1e-3


def test_union_encoder_does_not_read_an_unknown_word() -> None:
    """As published: the unknown token shares the padding's id and is masked like it."""
    model = tiny_model()
    _, union_image, ids, mask = unequal(model, unknown=True)
    with torch.no_grad():
        before = model.union_encoder(union_image, ids, mask)
        model.union_encoder.text_embed.weight[PAD_ID] += 1
        after = model.union_encoder(union_image, ids, mask)
        model.union_encoder.text_embed.weight[ids[0, 2]] += 1
        other = model.union_encoder(union_image, ids, mask)
    for name in ("cls", "visual", "text"):
        assert torch.equal(getattr(before, name), getattr(after, name))
        assert not torch.equal(getattr(before, name), getattr(other, name))


def test_fusion_reads_the_place_of_an_unknown_word() -> None:
    """Ours: only places past the sentence's end are hidden from the fusion, whatever id stands within it."""
    model = tiny_model()
    seen = []
    hooks = [
        module.register_forward_hook(lambda _, inputs, __: seen.append(inputs[2]))
        for name, module in model.named_modules()
        if name.endswith("image_reads_text")
    ]
    image, union_image, ids, mask = unequal(model, unknown=True)
    with torch.no_grad():
        model(image, union_image, ids, mask)
    assert len(seen) == len(hooks) == sum(model.config.hiera.stages) + 1
    assert all(torch.equal(given, mask) for given in seen)
    assert mask[:, 1].all()
    assert (ids[:, 1] == PAD_ID).all()
