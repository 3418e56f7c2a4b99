"""Where converted weights come from: what `provenance.json` and the model card say of it."""

import json
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from rs2sam2.checkpoints.names import Plan
from rs2sam2.checkpoints.recognise import Checkpoint, Kind
from rs2sam2.config import PRESETS, HieraConfig, UnionEncoderConfig
from rs2sam2.files import file_sha256

_LICENSES = {
    Kind.SAM2: "Apache-2.0",
    Kind.SAM2_TRANSFORMERS: "Apache-2.0",
    Kind.BEIT3: "MIT",
}
_TRAINING_DATA = {
    Kind.SAM2: "SA-1B, SA-V and data internal to Meta, according to SAM 2's authors",
    Kind.SAM2_TRANSFORMERS: "SA-1B, SA-V and data internal to Meta, according to SAM 2's authors",
    Kind.BEIT3: "CC12M, CC3M, SBU, COCO, Visual Genome, ImageNet-21k and English text, according to BEiT-3's authors",
}
_UNKNOWN = "unknown"
_FRONT_MATTER = 10_000  # characters of a model card that are looked at


def license_of(checkpoint: Checkpoint) -> str:
    """The licence: what the model card beside the weights says; else that of SAM 2 or BEiT-3; else "unknown"."""
    return _license_in_card(checkpoint.folder / "README.md") or _LICENSES.get(checkpoint.kind, _UNKNOWN)


def training_data_of(checkpoint: Checkpoint) -> str:
    """What the weights were trained on, as far as their authors say; else "unknown"."""
    return _TRAINING_DATA.get(checkpoint.kind, _UNKNOWN)


def title(checkpoint: Checkpoint, hiera: HieraConfig | None, union: UnionEncoderConfig | None) -> str:
    """What a person would call it: "SAM 2.1 large", "BEiT-3 base", "RS2-SAM 2, as published"."""
    if checkpoint.kind == Kind.BEIT3:
        sizes = {768: "base", 1024: "large"}
        return f"BEiT-3 {sizes.get(union.embed_dim, _UNKNOWN) if union else _UNKNOWN}"
    if checkpoint.kind in (Kind.SAM2, Kind.SAM2_TRANSFORMERS):
        size = next((name for name, preset in PRESETS.items() if preset["hiera"] == hiera), "of another size")
        return f"SAM {'2.1' if checkpoint.is_sam2_1 else '2'} {size}"
    return "RS2-SAM 2, as published" if checkpoint.kind == Kind.PUBLISHED else "RS2-SAM 2"


def checksums(paths: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of each file, by the file's name."""
    return {path.name: file_sha256(path) for path in paths}


def dropped(*plans: Plan) -> dict[str, list[str]]:
    """What is left behind, by reason."""
    reasons: dict[str, list[str]] = {}
    for plan in plans:
        for name, reason in plan.dropped.items():
            reasons.setdefault(reason, []).append(name)
    return reasons


def tool() -> dict[str, str]:
    """The program that converted, and what it read and wrote tensors with."""
    return {name: version(name) for name in ("rs2sam2", "torch", "safetensors")}


def card(name: str, provenance: Mapping[str, Any]) -> str:
    """A model card in Markdown."""
    template = (files("rs2sam2.checkpoints") / "model_card.md").read_text(encoding="utf-8")
    counts = {reason: f"{len(names)} tensors" for reason, names in provenance.get("dropped", {}).items()}
    values = {
        "name": name,
        **{key: provenance.get(key, _UNKNOWN) for key in ("source", "license", "training_data")},
        "provenance": json.dumps({**provenance, "dropped": counts}, indent=2),
    }
    return re.sub(r"\{(\w+)\}", lambda found: str(values[found[1]]), template)


def _license_in_card(path: Path) -> str | None:
    """The `license` in the front matter of a Hub model card."""
    try:
        with path.open(encoding="utf-8") as file:
            start, *parts = file.read(_FRONT_MATTER).split("---", 2)
    except (OSError, UnicodeDecodeError):
        return None
    found = re.search(r"^license:\s*([\w.+-]+)", parts[0], re.MULTILINE) if parts and not start.strip() else None
    return found[1] if found else None
