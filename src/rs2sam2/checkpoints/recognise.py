"""What a weight file is, told from the names that it holds and never from its own name."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import torch

from rs2sam2.checkpoints import beit3, meta_sam2, published, sam2_transformers
from rs2sam2.checkpoints.names import Entry, Plan, Shape
from rs2sam2.checkpoints.native import CONFIG
from rs2sam2.checkpoints.reading import TensorSource, open_tensors
from rs2sam2.checkpoints.settings import read_json
from rs2sam2.checkpoints.writing import Lazy
from rs2sam2.errors import WeightsError, printable


class Kind(StrEnum):
    """Kinds of checkpoints that are known here."""

    NATIVE = "rs2sam2"
    PUBLISHED = "published"
    SAM2 = "sam2"
    SAM2_TRANSFORMERS = "sam2-transformers"
    BEIT3 = "beit3"


SAM2_KINDS = (Kind.SAM2, Kind.SAM2_TRANSFORMERS)

NAMES: Mapping[Kind, str] = {
    Kind.NATIVE: "a weight folder of rs2sam2",
    Kind.PUBLISHED: "a published RS2-SAM 2 folder",
    Kind.SAM2: "Meta's SAM 2 or SAM 2.1 (.pt)",
    Kind.SAM2_TRANSFORMERS: "SAM 2 or SAM 2.1 as transformers keeps it (facebook/sam2-hiera-*)",
    Kind.BEIT3: "BEiT-3 (.pth)",
}
"""What a person calls each kind."""

# Beginnings of names that one kind has and no other.
_SIGNS: Mapping[Kind, tuple[str, ...]] = {
    Kind.NATIVE: ("union_encoder.", "trunk."),
    Kind.PUBLISHED: ("visual_model.", "mm_extractor."),
    Kind.SAM2: ("image_encoder.trunk.", "sam_mask_decoder.", "sam_prompt_encoder."),
    Kind.SAM2_TRANSFORMERS: ("vision_encoder.backbone.", "vision_encoder.neck.", "shared_image_embedding."),
    Kind.BEIT3: ("beit3.",),
}


def _native_plan(shapes: Mapping[str, Shape]) -> Plan:
    return Plan({name: Entry(name, shape) for name, shape in shapes.items()}, {}, {})


_PLANS: Mapping[Kind, Callable[[Mapping[str, Shape]], Plan]] = {
    Kind.NATIVE: _native_plan,
    Kind.PUBLISHED: published.TABLE.plan,
    Kind.SAM2: meta_sam2.TABLE.plan,
    Kind.SAM2_TRANSFORMERS: sam2_transformers.plan,
    Kind.BEIT3: beit3.TABLE.plan,
}


@dataclass(frozen=True)
class Checkpoint:
    """A weight file or folder that was recognised.

    Attributes:
        path: as the user named it.
        folder: where the files beside the weights are.
        kind: what it is.
        source: its tensors, under its own names.
        plan: what becomes of them.
        settings: its config.json; empty if there is none.
    """

    path: Path
    folder: Path
    kind: Kind
    source: TensorSource
    plan: Plan
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What the user calls it: its folder."""
        return self.folder.resolve().name

    @property
    def is_sam2_1(self) -> bool:
        """Whether it holds what SAM 2.1 added to SAM 2 (in its memory mechanism, which images leave aside)."""
        marks = (*meta_sam2.MEMORY_OF_2_1, *sam2_transformers.MARKS_OF_2_1)
        return any(name.startswith(marks) for name in self.plan.dropped)

    def tensors(self, plan: Plan | None = None) -> dict[str, Lazy]:
        """Its tensors under our names, to be read one by one; `plan` replaces its own."""
        entries = (plan or self.plan).entries
        return {ours: Lazy(entry.shape, partial(entry.read, self.source.read)) for ours, entry in entries.items()}


@contextmanager
def open_checkpoint(path: Path) -> Iterator[Checkpoint]:
    """Open whatever the user has, and say what it is.

    Raises:
        WeightsError: if it cannot be read, or is none of the kinds that are known here.
    """
    with open_tensors(path) as source:
        with naming(path):
            kind = recognise(source.shapes)
            plan = _PLANS[kind](source.shapes)
            whole = [entry.name for entry in plan.entries.values() if _is_whole(source.dtypes[entry.name])]
            if whole:
                raise WeightsError(f"{len(whole)} weights are stored as whole numbers, the first: {whole[0]}")
        folder = path if path.is_dir() else path.parent
        settings = read_json(folder / CONFIG) if (folder / CONFIG).is_file() else {}
        yield Checkpoint(path, folder, kind, source, plan, settings)


def _is_whole(dtype: torch.dtype) -> bool:
    return not dtype.is_floating_point and dtype is not torch.int8  # of which there is a scale


def recognise(names: Mapping[str, Shape]) -> Kind:
    """The kind of a checkpoint with these names.

    Raises:
        WeightsError: if it is none that is known here.
    """
    counts = {kind: sum(name.startswith(signs) for name in names) for kind, signs in _SIGNS.items()}
    kind = max(counts, key=lambda kind: counts[kind])
    if counts[kind] == 0:
        raise WeightsError(
            f"not weights that are known here, its {len(names)} tensors are {', '.join(sorted(names)[:3])}, ...; "
            f"expected {'; '.join(NAMES.values())}"
        )
    return kind


@contextmanager
def naming(place: Path | str) -> Iterator[None]:
    """Put the place before a message that does not name it."""
    try:
        yield
    except WeightsError as error:
        if printable(str(place)) in str(error):
            raise
        raise WeightsError(f"{place}: {error}") from error
