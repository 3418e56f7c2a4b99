"""A folder of graphs for another runtime, with all that is needed beside them to ask them.

read.*, look.*, decode.*   the graphs, in the runtime's own format
config.json                {"export": Export, "model": ModelConfig, "decision": Decision}
tokenizer.spm              SentencePiece model
provenance.json            of the weights that were exported
README.md                  what the graphs take and give
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rs2sam2.checkpoints.checksums import file_crc32
from rs2sam2.checkpoints.native import CONFIG, PROVENANCE, TOKENIZER, read_tokenizer
from rs2sam2.checkpoints.settings import read_json
from rs2sam2.config import Decision, ModelConfig
from rs2sam2.errors import ConfigError, WeightsError
from rs2sam2.tokenizer import Tokenizer

VERSION = 2


@dataclass(frozen=True)
class ExportedFolder:
    """What a folder of graphs holds, but for the graphs.

    Attributes:
        folder: where they lie.
        format: "onnx", "openvino" or "torch-export".
        config: of the model.
        decision: how its numbers become an answer.
        tokenizer: the words it was trained with.
        provenance: of its weights.
        sha256: of the weights that were exported.
        license: of the weights.
    """

    folder: Path
    format: str
    config: ModelConfig
    decision: Decision
    tokenizer: Tokenizer
    provenance: dict[str, Any]
    sha256: str
    license: str


def is_exported(folder: Path) -> bool:
    """Whether a path is that of a folder of graphs, whole or not."""
    path = folder / CONFIG
    return path.is_file() and {"export", "model"} <= read_json(path).keys()


def read_exported(folder: Path) -> ExportedFolder:
    """Read a folder of graphs, and see that each of its files is the one that was written.

    Raises:
        WeightsError: if something is missing, damaged or of another version.
    """
    path = folder / CONFIG
    settings = read_json(path)
    export = settings.get("export")
    if not isinstance(export, dict) or export.get("version") != VERSION:
        raise WeightsError(f"{path}: no export of version {VERSION}: export the weights again with rs2sam2 export")
    try:
        config = ModelConfig.from_dict(settings.get("model", {}))
        decision = Decision.from_dict(settings.get("decision", {}))
    except ConfigError as error:
        raise WeightsError(f"{path}: {error}") from error
    _verify(folder, export.get("files"))
    provenance = read_json(folder / PROVENANCE)
    return ExportedFolder(
        folder=folder,
        format=str(export.get("format")),
        config=config,
        decision=decision,
        tokenizer=read_tokenizer(folder / TOKENIZER, config),
        provenance=provenance,
        sha256=str(export.get("weights_sha256")),
        license=str(provenance.get("license", "unknown")),
    )


def _verify(folder: Path, files: object) -> None:
    """A flipped bit in a graph is a graph all the same: only a checksum tells."""
    if not (isinstance(files, Mapping) and files and all(Path(name).name == name for name in files)):
        raise WeightsError(f"{folder / CONFIG}: 'export' lists no files of this folder: export the weights again")
    for name, crc32 in files.items():
        try:
            whole = file_crc32(folder / name) == crc32
        except OSError as error:
            raise WeightsError(
                f"{folder / name}: cannot be read ({error.strerror}): export the weights again"
            ) from error
        if not whole:
            raise WeightsError(f"{folder / name}: damaged, its checksum is not that of {CONFIG}: export it again")
