"""Names of the published RS2-SAM 2 checkpoints, and where each of them goes.

Such a checkpoint is one of SAM 2 and one of BEiT-3, each behind a prefix, with the paper's own parts among them.
Dropped are SAM 2's memory mechanism, BEiT-3's masking token, and a layer that the published forward never calls.
"""

from rs2sam2.checkpoints import beit3, meta_sam2
from rs2sam2.checkpoints.names import NameTable

_SAM2, _BEIT3 = "visual_model.", "mm_extractor."

TABLE = NameTable(
    prefixes=(
        (_SAM2 + "sam_mask_decoder.vlfusion_module.multihead_attn.", "fusion_after_encoding.image_reads_text."),
        *((_SAM2 + theirs, ours) for theirs, ours in meta_sam2.PREFIXES),
        *((_BEIT3 + theirs, ours) for theirs, ours in beit3.PREFIXES),
        ("text_hidden_fcs.0.", "token_mlp."),
        ("text_feat_linear.", "text_projection."),
        ("text2one_linear.", "text_weight."),
        ("vmtoken.multihead_attn.", "mask_prompt_generator.cls_reads_visual."),
        ("mask_linear.", "mask_prompt_generator.token."),
        ("mask_product.", "mask_prompt_generator.mask."),
    ),
    # Inside a trunk block, and inside torch.nn.MultiheadAttention.
    inner=(
        (".Space_Adapter.vlfusion_module.multihead_attn.", ".fusion.image_reads_text."),
        (".Space_Adapter.lvfusion_module.multihead_attn.", ".fusion.text_reads_image."),
        (".Space_Adapter.text_in_linear.", ".fusion.text_in."),
        (".Space_Adapter.text_out_linear.", ".fusion.text_out."),
        (".Space_Adapter.D_fc1.", ".fusion.image_in."),
        (".Space_Adapter.D_fc2.", ".fusion.image_out."),
        (".MLP_Adapter.D_fc1.", ".adapter.down."),
        (".MLP_Adapter.D_fc2.", ".adapter.up."),
        (".in_proj_", ".in_proj."),
    ),
    dropped={
        **{_SAM2 + name: reason for name, reason in meta_sam2.MEMORY.items()},
        **{_BEIT3 + name: reason for name, reason in beit3.MASKING.items()},
        "meo_linear.": "never called",
    },
)
