"""Our own weight folder: everything that a model needs, and where it came from.

model.safetensors   weights, float16, under our parameter names
config.json         {"format": 1, "model": ModelConfig, "decision": Decision}
tokenizer.spm       SentencePiece model
provenance.json     source, licence, how it was trained, tool and versions
README.md           model card
"""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from rs2sam2.config import Decision, ModelConfig
from rs2sam2.errors import ConfigError, OutputError, WeightsError
from rs2sam2.files import file_sha256, whole_file
from rs2sam2.model.rs2sam2 import RS2SAM2
from rs2sam2.tokenizer import Tokenizer

FORMAT = 1
WEIGHTS, CONFIG, TOKENIZER, PROVENANCE = "model.safetensors", "config.json", "tokenizer.spm", "provenance.json"
CARD = "README.md"
SHIPPED = ("nano",)


@dataclass(frozen=True)
class Bundle:
    """A model that is ready to answer, with all that belongs to it.

    Attributes:
        model: in eval mode.
        tokenizer: the words it was trained with.
        decision: how its numbers become an answer.
        provenance: what `provenance.json` says.
        name: the model's name, from its configuration.
        sha256: checksum of `model.safetensors`.
        license: what the provenance says of it, "unknown" where it says nothing.
    """

    model: RS2SAM2
    tokenizer: Tokenizer
    decision: Decision
    provenance: dict[str, Any]
    name: str
    sha256: str
    license: str


def resolve(name_or_path: str | Path) -> Path:
    """The folder of weights that ship with the package ("nano"), or a folder on disk.

    Raises:
        WeightsError: if it is neither.
    """
    if str(name_or_path) in SHIPPED:
        folder = Path(str(files("rs2sam2"))) / "weights" / str(name_or_path)
    else:
        folder = Path(name_or_path)
    if not (folder / CONFIG).is_file():
        raise WeightsError(
            f"{name_or_path}: no weights there (looked for {folder / CONFIG}); "
            f"name a folder made by rs2sam2, or one of: {', '.join(SHIPPED)}"
        )
    return folder


def load(name_or_path: str | Path, device: torch.device | str = "cpu", dtype: torch.dtype = torch.float32) -> Bundle:
    """Read a weight folder. Weights come from safetensors only, so no code from the file can run.

    Raises:
        WeightsError: if a file is missing or damaged, or names and shapes do not fit the configuration.
    """
    folder = resolve(name_or_path)
    settings = _read_json(folder / CONFIG)
    if settings.get("format") != FORMAT:
        raise WeightsError(f"{folder / CONFIG}: format {settings.get('format')!r}, this version reads {FORMAT}")
    try:
        config = ModelConfig.from_dict(settings.get("model", {}))
        decision = Decision.from_dict(settings.get("decision", {}))
    except ConfigError as error:
        raise WeightsError(f"{folder / CONFIG}: {error}") from error
    provenance = _read_json(folder / PROVENANCE)
    with torch.device("meta"):
        model = RS2SAM2(config)
    state = _read_weights(folder / WEIGHTS, model, device, dtype)
    sha256 = file_sha256(folder / WEIGHTS)
    # A flipped bit in a weight is a weight all the same: only the checksum tells.
    if provenance.get("sha256", sha256) != sha256:
        raise WeightsError(f"{folder / WEIGHTS}: damaged, its checksum is not that of {PROVENANCE}; get the file again")
    tokenizer = Tokenizer.from_file(folder / TOKENIZER, config.union_encoder.max_text_tokens)
    if tokenizer.vocab_size > config.union_encoder.vocab_size:
        raise WeightsError(
            f"{folder / TOKENIZER}: {tokenizer.vocab_size} ids, but the model knows {config.union_encoder.vocab_size}; "
            "it belongs to other weights"
        )
    model.load_state_dict(state, assign=True)
    return Bundle(
        model=model.eval().requires_grad_(False),
        tokenizer=tokenizer,
        decision=decision,
        provenance=provenance,
        name=config.name,
        sha256=sha256,
        license=str(provenance.get("license", "unknown")),
    )


def save(
    folder: Path,
    model: RS2SAM2,
    tokenizer: Tokenizer,
    decision: Decision,
    provenance: Mapping[str, Any],
    card: str,
) -> None:
    """Write a weight folder. All its files are written before the first takes its place: none is left half done.

    Raises:
        OutputError: if the folder cannot be written.
    """
    state = {name: tensor.detach().half().contiguous().cpu() for name, tensor in model.state_dict().items()}
    settings = {"format": FORMAT, "model": model.config.to_dict(), "decision": asdict(decision)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as whole:
            names = (WEIGHTS, CONFIG, PROVENANCE, CARD, TOKENIZER)
            paths = {name: whole.enter_context(whole_file(folder / name)) for name in names}
            save_file(state, paths[WEIGHTS], metadata={"format": "pt"})
            sources = {**provenance, "sha256": file_sha256(paths[WEIGHTS])}
            paths[CONFIG].write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
            paths[PROVENANCE].write_text(json.dumps(sources, indent=2) + "\n", encoding="utf-8")
            paths[CARD].write_text(card, encoding="utf-8")
            tokenizer.save(paths[TOKENIZER])
    except (OSError, SafetensorError) as error:
        raise OutputError(f"{folder}: cannot write weights: {error}") from error


def mismatch(expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]]) -> str | None:
    """What does not fit between the names and shapes of a model and of a file: one line, or None."""
    missing = sorted(expected.keys() - found.keys())
    unexpected = sorted(found.keys() - expected.keys())
    wrong = [
        f"{name} {found[name]} instead of {expected[name]}"
        for name in sorted(expected.keys() & found.keys())
        if found[name] != expected[name]
    ]
    problems = [
        f"{len(names)} {kind}: {', '.join(names[:10])}{', ...' if len(names) > 10 else ''}"
        for kind, names in (("missing", missing), ("unexpected", unexpected), ("of the wrong shape", wrong))
        if names
    ]
    return "; ".join(problems) or None


def _read_weights(path: Path, model: RS2SAM2, device: torch.device | str, dtype: torch.dtype) -> dict[str, Tensor]:
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    try:
        with safe_open(path, "pt", device=str(device)) as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            if problems := mismatch(expected, found):
                raise WeightsError(f"{path} does not fit its config.json: {problems}")
            return {name: file.get_tensor(name).to(dtype) for name in expected}
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: missing; the folder is not whole, get it again") from error
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: damaged or unreadable ({error}); get the file again") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: missing or no JSON ({error})") from error
    if not isinstance(values, dict):
        raise WeightsError(f"{path}: expected a JSON object")
    return values
