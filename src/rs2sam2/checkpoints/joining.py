"""SAM 2 and BEiT-3 joined into a model that is ready for training, as the paper begins."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rs2sam2.checkpoints import beit3 as beit3_names
from rs2sam2.checkpoints import native, origin
from rs2sam2.checkpoints.convert import check_target
from rs2sam2.checkpoints.fresh import SEED, fresh_final_norm, fresh_parts
from rs2sam2.checkpoints.names import Plan, mismatch
from rs2sam2.checkpoints.recognise import NAMES, SAM2_KINDS, Checkpoint, Kind, naming, open_checkpoint
from rs2sam2.checkpoints.sizes import hiera_config, model_config, union_encoder_config
from rs2sam2.checkpoints.writing import Lazy
from rs2sam2.config import Decision, ModelConfig, UnionEncoderConfig
from rs2sam2.errors import WeightsError


def join(sam2: Path, beit3: Path, spm: Path, folder: Path, *, overwrite: bool = False) -> dict[str, Any]:
    """Write a weight folder with SAM 2's trunk, neck, prompt encoder and decoder, BEiT-3, and new parts between them.

    Any size of the one goes with any size of the other. All is float32, whatever the files hold.

    Args:
        sam2: Meta's file, or a folder of `transformers`.
        beit3: BEiT-3's file; position tables of another image size than 224 are resampled.
        spm: BEiT-3's SentencePiece model.
        folder: the folder to write.
        overwrite: replace weights that are there.

    Returns:
        The provenance that was written, but for the checksums.

    Raises:
        WeightsError: if a file cannot be read, is something else, or the two do not make a model.
        OutputError: if the folder holds weights already or cannot be written.
    """
    check_target(folder, sam2, overwrite=overwrite)
    with open_checkpoint(sam2) as segments, open_checkpoint(beit3) as reads:
        _require(segments, SAM2_KINDS, "SAM 2", "--sam2")
        _require(reads, (Kind.BEIT3,), "BEiT-3", "--beit3")
        config, resampled = _config(folder.resolve().name, segments, reads)
        new = fresh_parts(config)
        if not any(name.startswith(beit3_names.FINAL_NORM) for name in resampled.entries):
            new |= fresh_final_norm(config)
        tensors = segments.tensors() | reads.tensors(resampled) | {name: _at_hand(new[name]) for name in new}
        found = {name: tensor.shape for name, tensor in tensors.items()}
        expected = native.shapes_of(native.on_meta(config))
        if problems := mismatch(expected, found | segments.plan.unknown | reads.plan.unknown):
            raise WeightsError(f"{sam2} and {beit3} do not make a model: {problems}; get the files again")
        tokenizer = native.read_tokenizer(spm, config)
        provenance = {
            "source": f"{origin.title(segments, config.hiera, None)} and "
            f"{origin.title(reads, None, config.union_encoder)}, joined and not yet trained",
            "source_files": origin.checksums([*segments.source.files, *reads.source.files, spm]),
            "license": f"{origin.license_of(segments)} AND {origin.license_of(reads)}",
            "training_data": f"{origin.training_data_of(segments)}; {origin.training_data_of(reads)}",
            "languages": ["en"],
            "trained": False,
            "new_parts": {"seed": SEED, "values": sum(tensor.numel() for tensor in new.values()), "names": list(new)},
            "tool": origin.tool(),
            "dropped": origin.dropped(segments.plan, reads.plan),
        }
        card = origin.card(config.name, {**provenance, "new_parts": f"{len(new)} tensors"})
        with naming(f"{sam2} and {beit3}"):
            native.write(folder, config, tensors, tokenizer, Decision(presence="mask"), provenance, card, torch.float32)
    return provenance


def _config(name: str, segments: Checkpoint, reads: Checkpoint) -> tuple[ModelConfig, Plan]:
    """The model's configuration, and BEiT-3's plan with its positions at the paper's image size."""
    with naming(segments.path):
        hiera = hiera_config(segments.plan.shapes, segments.settings)
    with naming(reads.path):
        found = union_encoder_config(reads.plan.shapes, reads.settings)
        union = replace(found, image_size=UnionEncoderConfig.image_size)
        plan = beit3_names.at_grid(reads.plan, union.grid)
    return model_config(name, segments.plan.shapes | plan.shapes, hiera, union), plan


def _require(checkpoint: Checkpoint, kinds: tuple[Kind, ...], what: str, option: str) -> None:
    if checkpoint.kind not in kinds:
        raise WeightsError(f"{checkpoint.path}: {NAMES[checkpoint.kind]}, but {option} takes {what}")


def _at_hand(tensor: Tensor) -> Lazy:
    return Lazy(tuple(tensor.shape), lambda: tensor)
