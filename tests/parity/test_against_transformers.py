"""SAM 2's own parts against `transformers`' SAM 2: with what the paper adds silenced, they are the same functions."""

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rs2sam2.config import HieraConfig, ModelConfig
from rs2sam2.model.rs2sam2 import RS2SAM2
from rs2sam2.model.sam2_mask_decoder import MaskDecoder
from rs2sam2.model.sam2_neck import Neck
from rs2sam2.model.sam2_prompt_encoder import BOX_LOWER_RIGHT, BOX_UPPER_LEFT, PADDING, PromptEncoder
from rs2sam2.model.text_guided_hiera import TextGuidedHiera
from tiny import randomised, relative_error, tiny_config

TOLERANCE = 1e-10
NECK_TOLERANCE = 1e-6  # theirs up-samples in single precision, whatever it is given
WIDTH, GRID, SIDE = 32, 4, 64

# Meta's names (ours) to those of `transformers`, applied one after the other.
TRUNK = {
    "patch_embed.proj.": "patch_embed.projection.",
    ".norm1.": ".layer_norm1.",
    ".norm2.": ".layer_norm2.",
    ".mlp.layers.0.": ".mlp.proj_in.",
    ".mlp.layers.1.": ".mlp.proj_out.",
}
NECK = {".conv.": "."}
PROMPTS = {
    "pe_layer.positional_encoding_gaussian_matrix": "shared_embedding.positional_embedding",
    "mask_downscaling.0.": "mask_embed.conv1.",
    "mask_downscaling.1.": "mask_embed.layer_norm1.",
    "mask_downscaling.3.": "mask_embed.conv2.",
    "mask_downscaling.4.": "mask_embed.layer_norm2.",
    "mask_downscaling.6.": "mask_embed.conv3.",
}
DECODER = {
    ".out_proj.": ".o_proj.",
    "norm_final_attn": "layer_norm_final_attn",
    **{f".norm{n}.": f".layer_norm{n}." for n in (1, 2, 3, 4)},
    ".mlp.layers.0.": ".mlp.proj_in.",
    ".mlp.layers.1.": ".mlp.proj_out.",
    "output_upscaling.0.": "upscale_conv1.",
    "output_upscaling.1.": "upscale_layer_norm.",
    "output_upscaling.3.": "upscale_conv2.",
    **{
        f"{head}.layers.{ours}.": f"{head}.{theirs}."
        for head in (
            "iou_prediction_head",
            "pred_obj_score_head",
            *(f"output_hypernetworks_mlps.{n}" for n in range(4)),
        )
        for ours, theirs in enumerate(("proj_in", "layers.0", "proj_out"))
    },
}


@pytest.fixture(scope="module")
def sam2() -> Iterator[tuple[ModuleType, ModuleType]]:
    """transformers' SAM 2: classes and configurations. Importing it takes seconds, so it is done once."""
    from transformers.models.sam2 import configuration_sam2, modeling_sam2

    yield modeling_sam2, configuration_sam2


@pytest.fixture(autouse=True)
def double_precision() -> Iterator[None]:
    """Rounding must not be what two implementations differ by."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def renamed(state: Mapping[str, Tensor], table: Mapping[str, str]) -> dict[str, Tensor]:
    names = {}
    for name, tensor in state.items():
        for old, new in table.items():
            name = name.replace(old, new)
        names[name] = tensor
    return names


def hiera_arguments(hiera: HieraConfig) -> dict[str, Any]:
    return {
        "hidden_size": hiera.embed_dim,
        "num_attention_heads": hiera.num_heads,
        "window_positional_embedding_background_size": list(hiera.window_pos_embed_bkg_spatial_size),
        "blocks_per_stage": list(hiera.stages),
        "embed_dim_per_stage": list(hiera.widths),
        "num_attention_heads_per_stage": [hiera.num_heads * 2**stage for stage in range(4)],
        "window_size_per_stage": list(hiera.window_spec),
        "global_attention_blocks": list(hiera.global_att_blocks),
    }


def silenced(trunk: TextGuidedHiera) -> TextGuidedHiera:
    """Random everywhere but for the output layers of the fusion's image branch and of the block adapter."""
    randomised(trunk, seed=3)
    for block in trunk.blocks:
        for layer in (block.fusion.image_out, block.adapter.up):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
    return trunk.eval()


def narrow(preset: str) -> HieraConfig:
    """A preset's depths, heads, windows and tables at a sixth or less of its width."""
    hiera = ModelConfig.preset(preset).hiera.__dict__
    return HieraConfig(**(hiera | {"embed_dim": 16}))


@pytest.mark.parametrize(
    ("hiera", "side"),
    [
        pytest.param(tiny_config().hiera, 64, id="test-64"),
        pytest.param(tiny_config().hiera, 160, id="test-160"),
        *(
            pytest.param(narrow(name), 256, id=f"{name}-256")
            for name in ("nano", "tiny", "small", "base_plus", "large")
        ),
        pytest.param(narrow("base_plus"), 512, id="base_plus-512"),
    ],
)
def test_silenced_trunk_is_sam2s(sam2: tuple[ModuleType, ModuleType], hiera: HieraConfig, side: int) -> None:
    modeling, configuration = sam2
    ours = silenced(TextGuidedHiera(tiny_config(hiera=hiera, image_size=side)))
    theirs = modeling.Sam2HieraDetModel(configuration.Sam2HieraDetConfig(**hiera_arguments(hiera))).eval()
    theirs.load_state_dict(
        renamed(
            {name: t for name, t in ours.state_dict().items() if "fusion" not in name and "adapter" not in name}, TRUNK
        )
    )

    draw = torch.Generator().manual_seed(5)
    image, text = torch.randn(2, 3, side, side, generator=draw), torch.randn(2, 7, WIDTH, generator=draw)
    with torch.no_grad():
        found = ours(image, text, torch.ones(2, 7, dtype=torch.bool))
        expected = theirs(image).intermediate_hidden_states
    assert len(expected) == 4
    for ours_stage, theirs_stage in zip(found.stages, expected, strict=True):
        assert relative_error(ours_stage.permute(0, 2, 3, 1), theirs_stage) <= TOLERANCE
    assert relative_error(found.text, text) > 0.1, "the fusion layers did not run at all"


def test_trunk_with_a_voice_is_not_sam2s(sam2: tuple[ModuleType, ModuleType]) -> None:
    """The test above could not tell anything if the silenced layers changed nothing in the first place."""
    hiera = tiny_config().hiera
    draw = torch.Generator().manual_seed(5)
    image, text = torch.randn(1, 3, 64, 64, generator=draw), torch.randn(1, 7, WIDTH, generator=draw)
    mask = torch.ones(1, 7, dtype=torch.bool)
    loud = randomised(TextGuidedHiera(tiny_config(hiera=hiera)), seed=3).eval()
    silent = silenced(TextGuidedHiera(tiny_config(hiera=hiera)))
    with torch.no_grad():
        for a, b in zip(loud(image, text, mask).stages, silent(image, text, mask).stages, strict=True):
            assert relative_error(a, b) > 0.05


def test_untrained_trunk_is_sam2s() -> None:
    """A new model's silent layers are zero by themselves: training begins at SAM 2's own features."""
    trunk = TextGuidedHiera(tiny_config())
    for block in trunk.blocks:
        assert not any(p.any() for layer in (block.fusion.image_out, block.adapter.up) for p in layer.parameters())


def test_neck_is_sam2s(sam2: tuple[ModuleType, ModuleType]) -> None:
    modeling, configuration = sam2
    widths = (16, 32, 64, 128)
    ours = randomised(Neck(widths, WIDTH), seed=7)
    theirs = modeling.Sam2VisionNeck(
        configuration.Sam2VisionConfig(backbone_channel_list=list(reversed(widths)), fpn_hidden_size=WIDTH)
    )
    theirs.load_state_dict(renamed(ours.state_dict(), NECK))
    draw = torch.Generator().manual_seed(8)
    stages = [torch.randn(2, width, 32 // 2**n, 32 // 2**n, generator=draw) for n, width in enumerate(widths)]
    with torch.no_grad():
        found = ours(stages)
        expected, _ = theirs([stage.permute(0, 2, 3, 1) for stage in stages])
    for ours_level, theirs_level in zip(found, reversed(expected[-3:]), strict=True):
        assert relative_error(ours_level, theirs_level) <= NECK_TOLERANCE


class TestPromptEncoder:
    @pytest.fixture
    def ours(self) -> PromptEncoder:
        return randomised(PromptEncoder(WIDTH), seed=11).eval()

    @pytest.fixture
    def theirs(self, sam2: tuple[ModuleType, ModuleType], ours: PromptEncoder) -> nn.Module:
        modeling, configuration = sam2
        state = dict(ours.state_dict())
        points = torch.cat([state.pop(f"point_embeddings.{n}.weight") for n in range(4)])
        theirs = modeling.Sam2PromptEncoder(configuration.Sam2PromptEncoderConfig(hidden_size=WIDTH, image_size=SIDE))
        theirs.load_state_dict(renamed(state, PROMPTS) | {"point_embed.weight": points})
        return theirs.eval()

    @pytest.fixture
    def xy(self) -> Tensor:
        return torch.rand(2, 5, 2, generator=torch.Generator().manual_seed(12)) * SIDE

    def test_points(self, ours: PromptEncoder, theirs: nn.Module, xy: Tensor) -> None:
        """Theirs ends every list of points with one that is not there."""
        labels = torch.tensor([[1, 0, 1, PADDING, PADDING], [0, 1, BOX_UPPER_LEFT, BOX_LOWER_RIGHT, 1]])
        with torch.no_grad():
            expected, _ = theirs(xy[:, None], labels[:, None], None, None)
            padded_xy = torch.cat([xy, torch.zeros(2, 1, 2)], dim=1)
            padded_labels = torch.cat([labels, torch.full((2, 1), PADDING)], dim=1)
            assert relative_error(ours.points(padded_xy, padded_labels, SIDE), expected[:, 0]) <= TOLERANCE
            assert relative_error(ours.points(xy, labels, SIDE), expected[:, 0, :-1]) <= TOLERANCE

    def test_padding_forgets_where_it_was(self, ours: PromptEncoder, xy: Tensor) -> None:
        labels = torch.full((2, 5), PADDING)
        assert torch.equal(ours.points(xy, labels, SIDE), ours.points(xy.flip(1), labels, SIDE))

    def test_boxes(self, ours: PromptEncoder, theirs: nn.Module) -> None:
        boxes = torch.tensor([[3.0, 5.0, 40.0, 61.5], [0.0, 0.0, 63.0, 20.0]])
        with torch.no_grad():
            expected, _ = theirs(None, None, boxes[:, None], None)
            assert relative_error(ours.boxes(boxes, SIDE), expected[:, 0, :2]) <= TOLERANCE
            not_there = ours.points(torch.zeros(2, 1, 2), torch.full((2, 1), PADDING), SIDE)
            assert torch.equal(not_there, expected[:, 0, 2:])

    def test_mask(self, ours: PromptEncoder, theirs: nn.Module) -> None:
        mask = torch.randn(2, 1, 4 * GRID, 4 * GRID, generator=torch.Generator().manual_seed(13))
        with torch.no_grad():
            _, expected = theirs(None, None, None, mask)
            assert relative_error(ours.mask(mask), expected) <= TOLERANCE

    def test_no_mask(self, ours: PromptEncoder, theirs: nn.Module, xy: Tensor) -> None:
        with torch.no_grad():
            _, expected = theirs(xy[:, None], torch.ones(2, 1, 5, dtype=torch.long), None, None)
            assert torch.equal(ours.no_mask(2, GRID, GRID), expected)

    def test_dense_positions(self, sam2: tuple[ModuleType, ModuleType], ours: PromptEncoder, theirs: nn.Module) -> None:
        """Theirs is a method of the whole model, which needs nothing but the parts that stand in for it here."""
        modeling, _ = sam2
        whole = nn.Module()
        whole.prompt_encoder, whole.shared_image_embedding = theirs, theirs.shared_embedding
        with torch.no_grad():
            expected = modeling.Sam2Model.get_image_wide_positional_embeddings(whole)
            assert relative_error(ours.pe_layer.grid(GRID, GRID), expected) <= TOLERANCE


@pytest.mark.parametrize("prompts", [1, 3])
def test_mask_decoder_is_sam2s(sam2: tuple[ModuleType, ModuleType], prompts: int) -> None:
    modeling, configuration = sam2
    ours = randomised(MaskDecoder(WIDTH, 48), seed=17).eval()
    theirs = modeling.Sam2MaskDecoder(
        configuration.Sam2MaskDecoderConfig(
            hidden_size=WIDTH,
            mlp_dim=48,
            iou_head_hidden_dim=WIDTH,
            dynamic_multimask_via_stability=False,
            attn_implementation="sdpa",
        )
    ).eval()
    theirs.load_state_dict(renamed(ours.state_dict(), DECODER))

    draw = torch.Generator().manual_seed(18)
    image, dense = (torch.randn(2, WIDTH, GRID, GRID, generator=draw) for _ in range(2))
    positions = torch.randn(1, WIDTH, GRID, GRID, generator=draw)
    stride4, stride8 = (torch.randn(2, WIDTH, GRID * n, GRID * n, generator=draw) for n in (4, 2))
    sparse = torch.randn(2, prompts, WIDTH, generator=draw)
    with torch.no_grad():
        found = ours(image, positions, (ours.conv_s0(stride4), ours.conv_s1(stride8)), sparse, dense)
        masks, iou, _, object_score = theirs(
            image_embeddings=image,
            image_positional_embeddings=positions.expand(2, -1, -1, -1),
            sparse_prompt_embeddings=sparse[:, None],
            dense_prompt_embeddings=dense,
            multimask_output=False,
            high_resolution_features=[theirs.conv_s0(stride4), theirs.conv_s1(stride8)],
        )
    assert relative_error(found.logits, masks[:, 0]) <= TOLERANCE
    assert relative_error(found.predicted_iou, iou[:, 0]) <= TOLERANCE
    assert relative_error(found.object_score_logits, object_score[:, 0]) <= TOLERANCE


# SAM 2's sizes as Meta's configuration files give them.
SIZES = {
    "tiny": {},
    "small": {"blocks_per_stage": [1, 2, 11, 2], "global_attention_blocks": [7, 10, 13]},
    "base_plus": {
        "hidden_size": 112,
        "num_attention_heads": 2,
        "embed_dim_per_stage": [112, 224, 448, 896],
        "num_attention_heads_per_stage": [2, 4, 8, 16],
        "blocks_per_stage": [2, 3, 16, 3],
        "global_attention_blocks": [12, 16, 20],
        "window_positional_embedding_background_size": [14, 14],
    },
    "large": {
        "hidden_size": 144,
        "num_attention_heads": 2,
        "embed_dim_per_stage": [144, 288, 576, 1152],
        "num_attention_heads_per_stage": [2, 4, 8, 16],
        "blocks_per_stage": [2, 6, 36, 4],
        "global_attention_blocks": [23, 33, 43],
        "window_size_per_stage": [8, 4, 16, 8],
    },
}


@pytest.mark.parametrize("name", SIZES)
def test_presets_sam2_part_has_sam2s_shapes(sam2: tuple[ModuleType, ModuleType], name: str) -> None:
    """Trunk, neck, prompt encoder, decoder and no-memory embedding: as many numbers, and in a trunk the same shapes."""
    modeling, configuration = sam2
    backbone = configuration.Sam2HieraDetConfig(**SIZES[name])
    channels = list(reversed(backbone.embed_dim_per_stage))
    vision = configuration.Sam2VisionConfig(backbone_config=backbone, backbone_channel_list=channels)
    with torch.device("meta"):
        theirs = modeling.Sam2Model(configuration.Sam2Config(vision_config=vision))
        ours = RS2SAM2(ModelConfig.preset(name).replace(fusion_layer="none"))
    expected = {key: tuple(t.shape) for key, t in theirs.vision_encoder.backbone.state_dict().items()}
    assert {key: tuple(t.shape) for key, t in renamed(ours.trunk.state_dict(), TRUNK).items()} == expected
    assert hiera_arguments(ModelConfig.preset(name).hiera).items() <= backbone.to_dict().items()
    parts = (ours.trunk, ours.neck, ours.prompt_encoder, ours.mask_decoder)
    count = sum(p.numel() for part in parts for p in part.parameters()) + ours.no_memory_embedding.numel()
    assert count == sum(p.numel() for p in theirs.parameters())
