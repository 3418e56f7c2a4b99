"""Names of SAM 2 and SAM 2.1 in the layout of `transformers` (`facebook/sam2-hiera-*`, `facebook/sam2.1-hiera-*`).

Sam2Model (images) and Sam2VideoModel share all names that are used here. Two things are more than names: the four
tokens for kinds of points are rows of one table, and the position frequencies are stored twice.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from torch import Tensor

from rs2sam2.checkpoints.names import Entry, NameTable, Plan, Shape

_POINTS, _POINT_KINDS = "prompt_encoder.point_embed.weight", 4
_FREQUENCIES = "prompt_encoder.shared_embedding.positional_embedding"
_IMAGE_FREQUENCIES = "shared_image_embedding.positional_embedding"

_MEMORY = "memory mechanism, for video"

# A multi-layer perceptron's first, middle and last layer have names of their own there.
_HEADS = ("iou_prediction_head", "pred_obj_score_head", *(f"output_hypernetworks_mlps.{token}" for token in range(4)))
_HEAD_LAYERS = tuple(
    (f"{head}.{theirs}.", f"{head}.layers.#{ours}.")
    for head in _HEADS
    for ours, theirs in enumerate(("proj_in", "layers.0", "proj_out"))
)

TABLE = NameTable(
    prefixes=(
        ("vision_encoder.backbone.", "trunk."),
        ("vision_encoder.neck.", "neck."),
        ("no_memory_embedding", "no_memory_embedding"),
        (_IMAGE_FREQUENCIES, "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"),
        ("prompt_encoder.", "prompt_encoder."),
        ("mask_decoder.", "mask_decoder."),
    ),
    inner=(
        ("patch_embed.projection.", "patch_embed.proj."),
        *((f"neck.convs.{level}.", f"neck.convs.{level}.conv.") for level in range(4)),
        *((f".layer_norm{n}.", f".norm{n}.") for n in (1, 2, 3, 4)),
        (".mlp.proj_in.", ".mlp.layers.0."),
        (".mlp.proj_out.", ".mlp.layers.1."),
        ("shared_embedding.positional_embedding", "pe_layer.positional_encoding_gaussian_matrix"),
        ("mask_embed.conv1.", "mask_downscaling.0."),
        ("mask_embed.norm1.", "mask_downscaling.1."),
        ("mask_embed.conv2.", "mask_downscaling.3."),
        ("mask_embed.norm2.", "mask_downscaling.4."),
        ("mask_embed.conv3.", "mask_downscaling.6."),
        (".o_proj.", ".out_proj."),
        ("layer_norm_final_attn", "norm_final_attn"),
        ("upscale_conv1.", "output_upscaling.0."),
        ("upscale_layer_norm.", "output_upscaling.1."),
        ("upscale_conv2.", "output_upscaling.3."),
        *_HEAD_LAYERS,
        ("layers.#", "layers."),  # the mark kept a layer that has its new number from being numbered again
    ),
    dropped=dict.fromkeys(
        (
            "memory_attention.",
            "memory_encoder.",
            "memory_temporal_positional_encoding",
            "no_memory_positional_encoding",
            "no_object_pointer",
            "object_pointer_proj.",
            "occlusion_spatial_embedding_parameter",
            "temporal_positional_encoding_projection_layer.",
            "mask_downsample.",
        ),
        _MEMORY,
    ),
)

MARKS_OF_2_1 = ("occlusion_spatial_embedding_parameter", "temporal_positional_encoding_projection_layer.")


def plan(shapes: Mapping[str, Shape]) -> Plan:
    """Account for every name of a checkpoint in this layout."""
    twice = {_FREQUENCIES} if _IMAGE_FREQUENCIES in shapes else set()
    rest = {name: shape for name, shape in shapes.items() if name != _POINTS and name not in twice}
    made = TABLE.plan(rest)
    points = {
        f"prompt_encoder.point_embeddings.{kind}.weight": Entry(_POINTS, (1, *shapes[_POINTS][1:]), partial(_row, kind))
        for kind in range(_POINT_KINDS)
        if _POINTS in shapes
    }
    stored_twice = dict.fromkeys(twice, f"stored twice, {_IMAGE_FREQUENCIES} is used")
    return replace(made, entries=made.entries | points, dropped=made.dropped | stored_twice)


def _row(index: int, table: Tensor) -> Tensor:
    return table[index : index + 1]
