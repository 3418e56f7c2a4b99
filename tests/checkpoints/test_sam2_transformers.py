"""Folders that `transformers` itself writes: every name has its place, and the same picture gives the same features."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from foreign_weights import SPM, beit3_state, is_sam2, model, write_pickle
from torch import nn

from rs2sam2.checkpoints import native
from rs2sam2.checkpoints.joining import join
from rs2sam2.checkpoints.recognise import Kind, open_checkpoint
from rs2sam2.config import HieraConfig
from rs2sam2.errors import WeightsError
from rs2sam2.model.rs2sam2 import RS2SAM2
from tiny import randomised, relative_error

WIDTH, SIDE = 32, 64
TRUNK = {
    "hidden_size": 16,
    "num_attention_heads": 1,
    "window_positional_embedding_background_size": [5, 5],
    "blocks_per_stage": [1, 2, 2, 1],
    "embed_dim_per_stage": [16, 32, 64, 128],
    "num_attention_heads_per_stage": [1, 2, 4, 8],
    "window_size_per_stage": [8, 4, 6, 3],
    "global_attention_blocks": [4],
}


def image_model() -> nn.Module:
    from transformers.models.sam2 import configuration_sam2 as settings
    from transformers.models.sam2 import modeling_sam2 as modeling

    config = settings.Sam2Config(**parts(settings, ""))
    return modeling.Sam2Model(config)


def video_model(**changes: Any) -> nn.Module:
    from transformers.models.sam2 import configuration_sam2 as images
    from transformers.models.sam2_video import configuration_sam2_video as settings
    from transformers.models.sam2_video import modeling_sam2_video as modeling

    own = parts(settings, "Video") | {"vision_config": parts(images, "")["vision_config"]}
    memory = {
        "memory_attention_hidden_size": WIDTH,
        "memory_attention_feed_forward_hidden_size": 48,
        "memory_attention_num_layers": 1,
        "memory_attention_rope_feat_sizes": [4, 4],
        "memory_encoder_hidden_size": WIDTH,
        "memory_encoder_output_channels": 8,
        "mask_downsampler_embed_dim": WIDTH,
        "memory_fuser_embed_dim": WIDTH,
        "memory_fuser_intermediate_dim": 48,
        "memory_fuser_num_layers": 1,
    }
    return modeling.Sam2VideoModel(settings.Sam2VideoConfig(**own, **memory, **changes))


def parts(settings: Any, kind: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "prompt_encoder_config": getattr(settings, f"Sam2{kind}PromptEncoderConfig")(hidden_size=WIDTH, image_size=64),
        "mask_decoder_config": getattr(settings, f"Sam2{kind}MaskDecoderConfig")(
            hidden_size=WIDTH, mlp_dim=48, iou_head_hidden_dim=WIDTH
        ),
    }
    if not kind:
        trunk = settings.Sam2HieraDetConfig(**TRUNK, image_size=[64, 64])
        made["vision_config"] = settings.Sam2VisionConfig(
            backbone_config=trunk,
            backbone_channel_list=[128, 64, 32, 16],
            fpn_hidden_size=WIDTH,
            backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
        )
    return made


MODELS = {
    "images": (image_model, False),
    "video 2": (
        lambda: video_model(
            enable_occlusion_spatial_embedding=False, enable_temporal_pos_encoding_for_object_pointers=False
        ),
        False,
    ),
    "video 2.1": (video_model, True),
}


@pytest.fixture(scope="module", params=MODELS)
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Path, bool]]:
    make, newer = MODELS[request.param]
    theirs = randomised(make(), seed=2).eval()
    # As their own conversion leaves it: one table of frequencies, stored twice.
    state = theirs.state_dict()
    state["prompt_encoder.shared_embedding.positional_embedding"].copy_(
        state["shared_image_embedding.positional_embedding"]
    )
    folder = tmp_path_factory.mktemp(request.param.replace(" ", "-"))
    theirs.save_pretrained(folder)
    yield theirs, folder, newer


@pytest.fixture(scope="module")
def joined(saved: tuple[Any, Path, bool], tmp_path_factory: pytest.TempPathFactory) -> RS2SAM2:
    folder = tmp_path_factory.mktemp("joined")
    beit3 = write_pickle(folder / "beit3.pth", beit3_state(model()))
    join(saved[1], beit3, SPM, folder / "start")
    return native.load(folder / "start").model


def test_every_name_is_used_or_dropped(saved: tuple[Any, Path, bool]) -> None:
    theirs, folder, newer = saved
    with open_checkpoint(folder) as checkpoint:
        assert (checkpoint.kind, checkpoint.is_sam2_1) == (Kind.SAM2_TRANSFORMERS, newer)
        plan = checkpoint.plan
        assert plan.unknown == {}
        expected = {name: tuple(t.shape) for name, t in model().state_dict().items() if is_sam2(name)}
        assert plan.shapes == expected
        used = {entry.name for entry in plan.entries.values()}
        assert used | plan.dropped.keys() == set(theirs.state_dict())
        memory = ("memory", "object_pointer", "occlusion", "temporal", "mask_downsample")
        assert {name for name in plan.dropped if not any(word in name for word in memory)} == {
            "prompt_encoder.shared_embedding.positional_embedding"
        }


def test_heads_and_windows_come_from_their_configuration(joined: RS2SAM2) -> None:
    assert joined.config.hiera == HieraConfig(16, 1, (1, 2, 2, 1), (4,), (8, 4, 6, 3), (5, 5))


def test_same_picture_same_features(saved: tuple[Any, Path, bool], joined: RS2SAM2) -> None:
    theirs = saved[0]
    draw = torch.Generator().manual_seed(5)
    image, text = torch.randn(1, 3, SIDE, SIDE, generator=draw), torch.randn(1, 5, WIDTH, generator=draw)
    with torch.no_grad():
        found = joined.neck(joined.trunk(image, text, torch.ones(1, 5, dtype=torch.bool)).stages)
        expected = theirs.vision_encoder(image).fpn_hidden_states
    for ours, their in zip(found, expected, strict=True):
        assert relative_error(ours, their) <= 1e-5


def test_same_prompts_and_mask(saved: tuple[Any, Path, bool], joined: RS2SAM2) -> None:
    theirs = saved[0]
    draw = torch.Generator().manual_seed(6)
    image, sparse = torch.randn(1, WIDTH, 4, 4, generator=draw), torch.randn(1, 1, WIDTH, generator=draw)
    stride4, stride8 = (torch.randn(1, WIDTH, 4 * n, 4 * n, generator=draw) for n in (4, 2))
    mask = torch.randn(1, 1, 16, 16, generator=draw)
    with torch.no_grad():
        positions = joined.prompt_encoder.pe_layer.grid(4, 4)
        dense = joined.prompt_encoder.mask(mask)
        assert relative_error(positions, theirs.get_image_wide_positional_embeddings()) <= 1e-5
        assert relative_error(dense, theirs.prompt_encoder(None, None, None, mask)[1]) <= 1e-5
        thin = joined.mask_decoder.conv_s0(stride4), joined.mask_decoder.conv_s1(stride8)
        answer = joined.mask_decoder(image, positions, thin, sparse, dense)
        theirs.mask_decoder.dynamic_multimask_via_stability = False
        high = [theirs.mask_decoder.conv_s0(stride4), theirs.mask_decoder.conv_s1(stride8)]
        masks, iou, _, score = theirs.mask_decoder(
            image_embeddings=image,
            image_positional_embeddings=positions,
            sparse_prompt_embeddings=sparse[:, None],
            dense_prompt_embeddings=dense,
            multimask_output=False,
            high_resolution_features=high,
        )
    assert relative_error(answer.logits, masks[:, 0]) <= 1e-5
    assert relative_error(answer.predicted_iou, iou[:, 0]) <= 1e-5
    assert relative_error(answer.object_score_logits, score[:, 0]) <= 1e-5


def test_tokens_for_kinds_of_points_keep_their_order(saved: tuple[Any, Path, bool], joined: RS2SAM2) -> None:
    table = saved[0].prompt_encoder.point_embed.weight
    for kind, token in enumerate(joined.prompt_encoder.point_embeddings):
        assert torch.equal(token.weight, table[kind : kind + 1])


def test_missing_name_is_given_as_ours(tmp_path: Path, saved: tuple[Any, Path, bool]) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(saved[1] / "model.safetensors")
    del state["prompt_encoder.point_embed.weight"]
    state["vision_encoder.backbone.surprise"] = torch.zeros(1)
    save_file(state, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes((saved[1] / "config.json").read_bytes())
    beit3 = write_pickle(tmp_path / "b" / "beit3.pth", beit3_state(model()))
    with pytest.raises(WeightsError, match=r"4 missing: prompt_encoder\.point_embeddings\.0\.weight.*1 unexpected"):
        join(tmp_path, beit3, SPM, tmp_path / "start")
