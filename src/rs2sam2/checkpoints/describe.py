"""What a weight file is, from its listing alone: no tensor is read."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from rs2sam2.checkpoints import native, origin
from rs2sam2.checkpoints.convert import is_native
from rs2sam2.checkpoints.names import Shape
from rs2sam2.checkpoints.recognise import NAMES, SAM2_KINDS, Checkpoint, Kind, naming, open_checkpoint
from rs2sam2.checkpoints.settings import read_json
from rs2sam2.checkpoints.sizes import hiera_config, model_config, union_encoder_config
from rs2sam2.config import HieraConfig, ModelConfig, UnionEncoderConfig

# The parts of figure 2, by the beginnings of our names.
_PARTS: Mapping[str, tuple[str, ...]] = {
    "union encoder": ("union_encoder.",),
    "trunk": ("trunk.",),
    "fusion layers": (),
    "neck": ("neck.", "no_memory_embedding"),
    "fusion after encoding": ("fusion_after_encoding.",),
    "mask prompt generator": ("mask_prompt_generator.",),
    "early presence": ("early_presence.",),
    "prompt encoder": ("prompt_encoder.",),
    "mask decoder": ("mask_decoder.",),
    "projections": ("text_projection.", "token_mlp.", "text_weight."),
}
_IN_A_BLOCK = (".fusion.", ".adapter.")


@dataclass(frozen=True)
class Description:
    """What `rs2sam2 info` says.

    Attributes:
        path: where the weights are.
        kind: one of `Kind`.
        format: the kind in words.
        title: what a person would call the weights.
        name: of the model, or of its folder.
        parts: number of values in each part of figure 2 that is there.
        precision: number of values in each dtype.
        dropped: number of values that are left behind on purpose, by reason.
        bytes: of the weight files.
        license: "unknown" where nobody says.
        training_data: "unknown" where nobody says.
        source: where the weights come from.
        provenance: what `provenance.json` says; empty for other formats.
        problems: what does not fit the model that the sizes say; None if all does.
        sha256: by file; what is recorded, or, after a thorough look, what was found to be so.
    """

    path: str
    kind: str
    format: str
    title: str
    name: str
    parts: dict[str, int]
    precision: dict[str, int]
    dropped: dict[str, int]
    bytes: int
    license: str
    training_data: str
    source: str
    provenance: dict[str, Any]
    problems: str | None
    sha256: dict[str, str]

    @property
    def total(self) -> int:
        """Number of values that are used."""
        return sum(self.parts.values())


def describe(path: Path, *, verify: bool = False) -> Description:
    """Look at any weights that are known here.

    Args:
        path: a file or folder.
        verify: read all of it and compare or take checksums.

    Raises:
        WeightsError: if it cannot be read, is unknown, or is not what its checksum says.
    """
    with open_checkpoint(path) as checkpoint:
        source, plan = checkpoint.source, checkpoint.plan
        ours = checkpoint.kind == Kind.NATIVE and is_native(path)
        hiera, union, config = _configs(checkpoint, ours=ours)
        provenance = read_json(checkpoint.folder / native.PROVENANCE) if ours else {}
        if not verify:
            sha256 = {native.WEIGHTS: str(provenance["sha256"])} if "sha256" in provenance else {}
        elif ours:
            weights = checkpoint.folder / native.WEIGHTS
            sha256 = {native.WEIGHTS: native.verified_sha256(weights, provenance, thorough=True)}
        else:
            sha256 = origin.checksums(source.files)
        title = origin.title(checkpoint, hiera, union)
        used = {entry.name for entry in plan.entries.values()}
        return Description(
            path=str(path),
            kind=str(checkpoint.kind),
            format=NAMES[checkpoint.kind],
            title=title,
            name=config.name if ours else checkpoint.name,
            parts=count_parts(plan.shapes),
            precision=_count((_dtype(checkpoint, name), source.shapes[name]) for name in used),
            dropped=_count((reason, source.shapes[name]) for name, reason in plan.dropped.items()),
            bytes=sum(file.stat().st_size for file in source.files),
            license=str(provenance.get("license", origin.license_of(checkpoint))),
            training_data=str(
                provenance.get("training_data")
                or provenance.get("training_imagery")
                or origin.training_data_of(checkpoint)
            ),
            source=str(provenance.get("source", title)),
            provenance=provenance,
            problems=_problems(checkpoint, config),
            sha256=sha256,
        )


def count_parts(shapes: Mapping[str, Shape]) -> dict[str, int]:
    """Number of values in each part of figure 2 that `shapes`, by our names, has."""
    counts = _count((_part(name), shape) for name, shape in shapes.items())
    return {part: counts[part] for part in (*_PARTS, "other") if part in counts}


def _part(name: str) -> str:
    if name.startswith("trunk.blocks.") and any(inside in name for inside in _IN_A_BLOCK):
        return "fusion layers"
    return next((part for part, starts in _PARTS.items() if starts and name.startswith(starts)), "other")


def _count(pairs: Iterable[tuple[str, Shape]]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for key, shape in pairs:
        counts[key] += prod(shape)
    return dict(counts)


def _dtype(checkpoint: Checkpoint, name: str) -> str:
    return str(checkpoint.source.dtypes[name]).removeprefix("torch.")


def _configs(checkpoint: Checkpoint, *, ours: bool) -> tuple[HieraConfig, UnionEncoderConfig, ModelConfig]:
    """What the sizes say; a half that the file does not have is that of the paper."""
    if ours:
        config, _ = native.read_settings(checkpoint.folder)
        return config.hiera, config.union_encoder, config
    paper, shapes, settings = ModelConfig.preset("large"), checkpoint.plan.shapes, checkpoint.settings
    with naming(checkpoint.path):
        if checkpoint.kind == Kind.BEIT3:
            union = union_encoder_config(shapes, settings)
            return paper.hiera, union, paper.replace(union_encoder=union)
        hiera = hiera_config(shapes, settings)
        union = paper.union_encoder if checkpoint.kind in SAM2_KINDS else union_encoder_config(shapes, settings)
        return hiera, union, model_config(checkpoint.name, shapes, hiera, union)


def _problems(checkpoint: Checkpoint, config: ModelConfig) -> str | None:
    """What does not fit in the parts that such a checkpoint has."""
    expected = native.shapes_of(native.on_meta(config))
    if checkpoint.kind == Kind.BEIT3:
        has = _PARTS["union encoder"]
    elif checkpoint.kind in SAM2_KINDS:
        has = tuple(start for part in ("trunk", "neck", "prompt encoder", "mask decoder") for start in _PARTS[part])
    else:
        has = ("",)
    whole = checkpoint.kind not in SAM2_KINDS
    return checkpoint.plan.mismatch(
        {
            name: shape
            for name, shape in expected.items()
            if name.startswith(has) and (whole or _part(name) != "fusion layers")
        }
    )
