"""Names of Meta's SAM 2 and SAM 2.1 files (Apache-2.0), which our parts of SAM 2 keep but for their prefix."""

from collections.abc import Mapping

from rs2sam2.checkpoints.names import NameTable

PREFIXES = (
    ("image_encoder.trunk.", "trunk."),
    ("image_encoder.neck.", "neck."),
    ("no_mem_embed", "no_memory_embedding"),
    ("sam_prompt_encoder.", "prompt_encoder."),
    ("sam_mask_decoder.", "mask_decoder."),
)

_MEMORY = "memory mechanism, for video"
MEMORY: Mapping[str, str] = dict.fromkeys(
    (
        "maskmem_tpos_enc",
        "no_mem_pos_enc",
        "no_obj_ptr",
        "obj_ptr_proj.",
        "memory_attention.",
        "memory_encoder.",
        "mask_downsample.",
    ),
    _MEMORY,
)
"""What SAM 2 and SAM 2.1 both hold and an image does not need."""

MEMORY_OF_2_1: Mapping[str, str] = dict.fromkeys(("no_obj_embed_spatial", "obj_ptr_tpos_proj."), _MEMORY)
"""What SAM 2.1 adds."""

TABLE = NameTable(PREFIXES, dropped={**MEMORY, **MEMORY_OF_2_1})
