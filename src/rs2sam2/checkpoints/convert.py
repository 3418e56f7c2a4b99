"""Somebody else's whole model as one of ours: in a weight folder, or in memory."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rs2sam2.checkpoints import native, origin
from rs2sam2.checkpoints.native import Bundle
from rs2sam2.checkpoints.recognise import Checkpoint, Kind, naming, open_checkpoint
from rs2sam2.checkpoints.settings import read_json
from rs2sam2.checkpoints.sizes import hiera_config, model_config, union_encoder_config
from rs2sam2.config import Decision, ModelConfig
from rs2sam2.errors import OutputError, WeightsError
from rs2sam2.model.precision import LinearKind
from rs2sam2.tokenizer import Tokenizer

TOKENIZERS = (native.TOKENIZER, "sentencepiece.bpe.model", "beit3.spm")
"""Names under which a folder holds its SentencePiece model, the first that is there wins."""

_WHAT_TO_DO = "get the file again, or say what it is: it is not quite the kind that it looks like"


@dataclass(frozen=True)
class _Whole:
    """All of a model but its weights."""

    config: ModelConfig
    tokenizer: Tokenizer
    decision: Decision
    provenance: dict[str, Any]


def convert(
    source: Path,
    folder: Path,
    *,
    dtype: torch.dtype = torch.float32,
    overwrite: bool = False,
    tokenizer: Path | None = None,
    name: str | None = None,
) -> dict[str, Any]:
    """Write a whole model as a weight folder of ours, tensor by tensor.

    Args:
        source: a published RS2-SAM 2 folder or file, or a folder of ours (for another precision).
        folder: the folder to write.
        dtype: float32, bfloat16, float16 or int8.
        overwrite: replace weights that are there.
        tokenizer: SentencePiece model; None looks beside the weights (`TOKENIZERS`).
        name: of the model; None takes that of its folder.

    Returns:
        The provenance that was written, but for the checksums.

    Raises:
        WeightsError: if the source cannot be read, is no whole model, or holds what `dtype` cannot.
        OutputError: if the folder holds weights already, is the source itself or cannot be written.
    """
    check_target(folder, source, overwrite=overwrite)
    with open_checkpoint(source) as checkpoint:
        whole = _whole(checkpoint, tokenizer, name)
        provenance = {**whole.provenance, "dtype": str(dtype).removeprefix("torch.")}
        card = origin.card(whole.config.name, provenance)
        with naming(source):
            tensors = checkpoint.tensors()
            native.write(folder, whole.config, tensors, whole.tokenizer, whole.decision, provenance, card, dtype)
    return provenance


def load_any(
    source: Path, device: torch.device | str = "cpu", dtype: native.Dtype = torch.float32, linear: LinearKind = "plain"
) -> Bundle:
    """Read a whole model, of ours or published.

    Args:
        source: a folder, or the file with the weights.
        device: where the weights go.
        dtype: as for `native.fill`.
        linear: likewise.

    Raises:
        WeightsError: if it cannot be read or is no whole model.
    """
    if is_native(source):
        return native.load(source if source.is_dir() else source.parent, device, dtype, linear)
    with open_checkpoint(source) as checkpoint:
        whole = _whole(checkpoint, None, None)
        model = native.on_meta(whole.config)
        entries, read = checkpoint.plan.entries, checkpoint.source.read
        native.fill(model, lambda name: entries[name].read(read), device, dtype, linear)
    return Bundle(
        model=model,
        tokenizer=whole.tokenizer,
        decision=whole.decision,
        provenance=whole.provenance,
        name=whole.config.name,
        sha256=_one_checksum(whole.provenance["source_files"]),
        license=whole.provenance["license"],
    )


def is_native(source: Path) -> bool:
    """Whether a path is that of a weight folder of ours, whole or not, or of the weights in one."""
    folder = source if source.is_dir() else source.parent
    named = source.is_dir() or source.name == native.WEIGHTS
    config = folder / native.CONFIG
    return named and config.is_file() and {"format", "model"} <= read_json(config).keys()


def check_target(folder: Path, *sources: Path, overwrite: bool) -> None:
    """Refuse a folder before anything is read for it.

    Raises:
        OutputError: if it holds weights already and may not lose them, is no folder, or is one of the sources.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file; name a folder")
    if any(folder.resolve() in (source.resolve(), source.resolve().parent) for source in sources):
        raise OutputError(f"{folder}: holds the source itself; name another folder")
    if there := [name for name in native.FILES if (folder / name).exists() and not overwrite]:
        raise OutputError(f"{folder}: has {', '.join(there)} already; name another folder or say --overwrite")


def _whole(checkpoint: Checkpoint, tokenizer: Path | None, name: str | None) -> _Whole:
    if checkpoint.kind == Kind.NATIVE:
        return _whole_of_ours(checkpoint, name)
    if checkpoint.kind != Kind.PUBLISHED:
        raise WeightsError(_join_first(checkpoint))
    plan, folder = checkpoint.plan, checkpoint.folder
    with naming(checkpoint.path):
        hiera = hiera_config(plan.shapes, checkpoint.settings)
        union = union_encoder_config(plan.shapes, checkpoint.settings)
        config = model_config(name or checkpoint.name, plan.shapes, hiera, union)
    check_fit(checkpoint, config)
    words = tokenizer or next((folder / name for name in TOKENIZERS if (folder / name).is_file()), None)
    if words is None:
        raise WeightsError(f"{folder}: no tokenizer there (looked for {', '.join(TOKENIZERS)}); name one with --spm")
    provenance = {
        "source": f"{origin.title(checkpoint, hiera, union)}: {config.name}",
        "source_files": origin.checksums([*checkpoint.source.files, words]),
        "license": origin.license_of(checkpoint),
        "training_data": origin.training_data_of(checkpoint),
        "languages": ["en"],
        "tool": origin.tool(),
        "dropped": origin.dropped(plan),
    }
    # Its object score was never trained: presence is read from the mask.
    return _Whole(config, native.read_tokenizer(words, config), Decision(presence="mask"), provenance)


def _whole_of_ours(checkpoint: Checkpoint, name: str | None) -> _Whole:
    folder = checkpoint.folder
    config, decision = native.read_settings(folder)
    config = config.replace(name=name or config.name)
    check_fit(checkpoint, config)
    provenance = read_json(folder / native.PROVENANCE)
    sha256 = native.verified_sha256(folder / native.WEIGHTS, provenance)
    rest = {key: value for key, value in provenance.items() if key not in native.CHECKSUMS}
    reasons = rest.get("dropped", {})
    if not (isinstance(reasons, dict) and all(isinstance(names, list) for names in reasons.values())):
        raise WeightsError(f"{folder / native.PROVENANCE}: 'dropped' gives no list of names for a reason; mend it")
    return _Whole(
        config,
        native.read_tokenizer(folder / native.TOKENIZER, config),
        decision,
        {**rest, "converted_from": {native.WEIGHTS: sha256}, "tool": origin.tool()},
    )


def check_fit(checkpoint: Checkpoint, config: ModelConfig) -> None:
    """Every name of the model has its tensor, and every tensor its name.

    Raises:
        WeightsError: if not.
    """
    with naming(checkpoint.path):
        if problems := checkpoint.plan.mismatch(native.shapes_of(native.on_meta(config))):
            raise WeightsError(f"does not fit the model that its sizes say: {problems}; {_WHAT_TO_DO}")


def _join_first(checkpoint: Checkpoint) -> str:
    path = checkpoint.path
    if checkpoint.kind == Kind.BEIT3:
        return (
            f"{path}: BEiT-3 alone, which draws no masks; join it with SAM 2 first: "
            f"rs2sam2 init --sam2 FILE --beit3 {path} --spm FILE DST"
        )
    return (
        f"{path}: SAM 2 alone, which reads no words; join it with BEiT-3 first: "
        f"rs2sam2 init --sam2 {path} --beit3 FILE --spm FILE DST"
    )


def _one_checksum(files: Mapping[str, str]) -> str:
    """The checksum of the weights; of the list of checksums where they lie in several files."""
    sums = [sha256 for name, sha256 in files.items() if name not in TOKENIZERS]
    return sums[0] if len(sums) == 1 else hashlib.sha256("\n".join(sums).encode()).hexdigest()
