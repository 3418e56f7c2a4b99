"""Names of the published RS2-SAM 2 checkpoints, and where each of them goes.

Two tables account for every entry of a published state dict: `_PREFIXES` renames, `DROPPED` lists what our model
does not have (SAM 2's memory mechanism, BEiT-3's masking token, and a layer that the published forward never calls).
"""

from collections.abc import Iterable, Mapping

from torch import Tensor

from rs2sam2.errors import WeightsError

_SAM2, _BEIT3 = "visual_model.", "mm_extractor.beit3."

# (published prefix, ours), the first that matches wins.
_PREFIXES: tuple[tuple[str, str], ...] = (
    (_BEIT3 + "text_embed.", "union_encoder.text_embed."),
    (_BEIT3 + "vision_embed.", "union_encoder.vision_embed."),
    (_BEIT3 + "encoder.embed_positions.A.", "union_encoder.vision_positions."),
    (_BEIT3 + "encoder.embed_positions.B.", "union_encoder.text_positions."),
    (_BEIT3 + "encoder.", "union_encoder."),
    (_SAM2 + "image_encoder.trunk.", "trunk."),
    (_SAM2 + "image_encoder.neck.", "neck."),
    (_SAM2 + "no_mem_embed", "no_memory_embedding"),
    (_SAM2 + "sam_prompt_encoder.", "prompt_encoder."),
    (_SAM2 + "sam_mask_decoder.vlfusion_module.multihead_attn.", "fusion_after_encoding.image_reads_text."),
    (_SAM2 + "sam_mask_decoder.", "mask_decoder."),
    ("text_hidden_fcs.0.", "token_mlp."),
    ("text_feat_linear.", "text_projection."),
    ("text2one_linear.", "text_weight."),
    ("vmtoken.multihead_attn.", "mask_prompt_generator.cls_reads_visual."),
    ("mask_linear.", "mask_prompt_generator.token."),
    ("mask_product.", "mask_prompt_generator.mask."),
)

# Renames inside a trunk block and inside torch.nn.MultiheadAttention.
_INNER: tuple[tuple[str, str], ...] = (
    (".Space_Adapter.vlfusion_module.multihead_attn.", ".fusion.image_reads_text."),
    (".Space_Adapter.lvfusion_module.multihead_attn.", ".fusion.text_reads_image."),
    (".Space_Adapter.text_in_linear.", ".fusion.text_in."),
    (".Space_Adapter.text_out_linear.", ".fusion.text_out."),
    (".Space_Adapter.D_fc1.", ".fusion.image_in."),
    (".Space_Adapter.D_fc2.", ".fusion.image_out."),
    (".MLP_Adapter.D_fc1.", ".adapter.down."),
    (".MLP_Adapter.D_fc2.", ".adapter.up."),
    (".in_proj_", ".in_proj."),
)

DROPPED: Mapping[str, str] = {
    _SAM2 + "maskmem_tpos_enc": "memory mechanism",
    _SAM2 + "no_mem_pos_enc": "memory mechanism",
    _SAM2 + "no_obj_ptr": "memory mechanism",
    _SAM2 + "obj_ptr_proj.": "memory mechanism",
    _SAM2 + "memory_attention.": "memory mechanism",
    _SAM2 + "memory_encoder.": "memory mechanism",
    _SAM2 + "mask_downsample.": "memory mechanism",
    _BEIT3 + "vision_embed.mask_token": "BEiT-3's pre-training",
    "meo_linear.": "never called",
}
"""Prefixes of entries that are left behind on purpose, with the reason."""


def our_name(published: str) -> str | None:
    """Where a published entry goes in our model; None if it is dropped on purpose.

    Raises:
        WeightsError: if the name is not one of a published RS2-SAM 2 checkpoint.
    """
    if published.startswith(tuple(DROPPED)):
        return None
    for prefix, ours in _PREFIXES:
        if published.startswith(prefix):
            name = ours + published.removeprefix(prefix)
            for old, new in _INNER:
                name = name.replace(old, new)
            return name
    raise WeightsError(f"{published!r} is not an entry of a published RS2-SAM 2 checkpoint")


def convert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A published state dict under our names, without what is dropped on purpose.

    Raises:
        WeightsError: if a name is unknown.
    """
    return {ours: tensor for name, tensor in state.items() if (ours := our_name(name)) is not None}


def dropped(names: Iterable[str]) -> list[str]:
    """The names that `convert` leaves behind."""
    return [name for name in names if our_name(name) is None]
