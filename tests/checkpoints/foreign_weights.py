"""Tiny checkpoints under other people's names, made from our own model's state by walking a table backwards."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from rs2sam2.checkpoints import beit3, meta_sam2, published
from rs2sam2.config import UnionEncoderConfig
from rs2sam2.model.rs2sam2 import RS2SAM2
from tiny import tiny_model

SPM = Path(__file__).parents[1] / "parity" / "golden" / "tiny.spm"
UNION = UnionEncoderConfig(
    embed_dim=32, depth=2, num_heads=4, ffn_dim=48, image_size=32, patch_size=8, vocab_size=1210, max_text_tokens=20
)
# What no shape tells of a model whose sizes are no preset's.
SETTINGS = {
    "encoder_attention_heads": 4,
    "model": {"trunk": {"num_heads": 1, "global_att_blocks": [4], "window_spec": [8, 4, 6, 3]}},
}
MEMORY = {
    "maskmem_tpos_enc": (7, 1, 1, 8),
    "no_mem_pos_enc": (1, 1, 32),
    "no_obj_ptr": (1, 32),
    "obj_ptr_proj.layers.0.weight": (32, 32),
    "memory_attention.layers.0.linear1.weight": (48, 32),
    "memory_encoder.out_proj.weight": (8, 32, 1, 1),
    "mask_downsample.weight": (1, 1, 4, 4),
}
MEMORY_2_1 = {"no_obj_embed_spatial": (1, 8), "obj_ptr_tpos_proj.weight": (8, 32)}
SAM2_PARTS = ("trunk.", "neck.", "no_memory_embedding", "prompt_encoder.", "mask_decoder.")


def model(seed: int = 0, **changes: Any) -> RS2SAM2:
    return tiny_model(seed, union_encoder=UNION, **changes)


def is_sam2(name: str) -> bool:
    """Whether an entry of ours is one of SAM 2's."""
    return name.startswith(SAM2_PARTS) and ".fusion." not in name and ".adapter." not in name


def published_state(whole: RS2SAM2) -> dict[str, Tensor]:
    state = {published.TABLE.their_name(name): tensor for name, tensor in whole.state_dict().items()}
    left = {f"visual_model.{name}": torch.ones(shape) for name, shape in MEMORY.items()}
    left["mm_extractor.beit3.vision_embed.mask_token"] = torch.ones(1, 1, 32)
    left["meo_linear.weight"] = torch.ones(32, 32)
    return {**left, **state}


def sam2_state(whole: RS2SAM2, *, newer: bool = True) -> dict[str, Tensor]:
    """As Meta's files hold SAM 2, or SAM 2.1."""
    memory = MEMORY | (MEMORY_2_1 if newer else {})
    state = {meta_sam2.TABLE.their_name(name): t for name, t in whole.state_dict().items() if is_sam2(name)}
    return {**{name: torch.ones(shape) for name, shape in memory.items()}, **state}


def beit3_state(whole: RS2SAM2) -> dict[str, Tensor]:
    """As pre-training left it."""
    state = whole.state_dict().items()
    heads = {f"{head}.{part}": torch.ones(3, 3) for head in ("mlm_head", "mim_head") for part in ("weight", "bias")}
    return {
        **{beit3.TABLE.their_name(name): tensor for name, tensor in state if name.startswith("union_encoder.")},
        "beit3.vision_embed.mask_token": torch.ones(1, 1, 32),
        **heads,
    }


def write_folder(
    folder: Path, state: dict[str, Tensor], *, pickled: bool = False, shards: int = 1, settings: Any = SETTINGS
) -> Path:
    """A folder in the layout of `transformers`, with a tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(settings))
    shutil.copy(SPM, folder / "sentencepiece.bpe.model")
    stem, suffix = ("pytorch_model", "bin") if pickled else ("model", "safetensors")
    names = sorted(state)
    placed = {}
    for shard in range(shards):
        file = f"{stem}.{suffix}" if shards == 1 else f"{stem}-{shard + 1:05}-of-{shards:05}.{suffix}"
        part = {name: state[name].contiguous() for name in names[shard::shards]}
        placed |= dict.fromkeys(part, file)
        if pickled:
            torch.save(part, folder / file)
        else:
            save_file(part, folder / file, metadata={"format": "pt"})
    if shards > 1:
        index = {"metadata": {"total_size": 0}, "weight_map": placed}
        (folder / f"{stem}.{suffix}.index.json").write_text(json.dumps(index))
    return folder


def write_pickle(path: Path, state: dict[str, Tensor], settings: Any = SETTINGS) -> Path:
    """As Meta and BEiT-3 publish: the state under "model"; what no shape tells beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"model": {name: tensor.clone() for name, tensor in state.items()}}, path)
    (path.parent / "config.json").write_text(json.dumps(settings))
    return path
