"""Our own weight folder: everything that a model needs, and where it came from.

model.safetensors   weights under our parameter names, float32, bfloat16, float16 or int8 (`rs2sam2.checkpoints.int8`)
config.json         {"format": 1, "model": ModelConfig, "decision": Decision}
tokenizer.spm       SentencePiece model
provenance.json     source, licence, how it was trained, tool and versions; checksums of model.safetensors
README.md           model card
"""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import copyfile
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from rs2sam2.checkpoints import int8
from rs2sam2.checkpoints.checksums import THREADS, file_crc32
from rs2sam2.checkpoints.names import Shape, mismatch
from rs2sam2.checkpoints.reading import open_tensors
from rs2sam2.checkpoints.settings import read_json
from rs2sam2.checkpoints.writing import Lazy, write_safetensors
from rs2sam2.config import Decision, ModelConfig
from rs2sam2.errors import ConfigError, OutputError, WeightsError
from rs2sam2.files import file_sha256, whole_file
from rs2sam2.model.precision import LinearKind, can_pack, dtype_of, linear_layer, linear_layers_of_blocks
from rs2sam2.model.rs2sam2 import RS2SAM2
from rs2sam2.tokenizer import Tokenizer

FORMAT = 1
Dtype: TypeAlias = torch.dtype | Callable[[ModelConfig], torch.dtype]
"""Of weights: one, or what chooses it for a model."""
WEIGHTS, CONFIG, TOKENIZER, PROVENANCE = "model.safetensors", "config.json", "tokenizer.spm", "provenance.json"
CARD = "README.md"
CHECKSUMS = ("sha256", "crc32")
FILES = (WEIGHTS, CONFIG, PROVENANCE, CARD, TOKENIZER)


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


def load(
    folder: Path, device: torch.device | str = "cpu", dtype: Dtype = torch.float32, linear: LinearKind = "plain"
) -> Bundle:
    """Read a weight folder; `dtype` and `linear` as for `fill`.

    Weights that are asked for on the CPU and in the file's own precision are mapped from the file: they share its
    place in the page cache, and must not be overwritten in place while the model lives (`save` never does). Not so
    where `linear` lays them out anew.

    Raises:
        WeightsError: if a file is missing or damaged, or names and shapes do not fit the configuration.
    """
    config, decision = read_settings(folder)
    provenance = read_json(folder / PROVENANCE)
    with open_tensors(folder / WEIGHTS) as source:
        model = on_meta(config)
        if problems := mismatch(shapes_of(model), source.shapes):
            raise WeightsError(f"{folder / WEIGHTS} does not fit its config.json: {problems}")
        sha256 = verified_sha256(folder / WEIGHTS, provenance)
        fill(model, source.read, device, dtype, linear)
    return Bundle(
        model=model,
        tokenizer=read_tokenizer(folder / TOKENIZER, config),
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
    dtype: torch.dtype = torch.float16,
) -> None:
    """Write a model as a weight folder.

    Raises:
        OutputError: if the folder cannot be written.
        WeightsError: if a weight is no number, or none that `dtype` can hold.
    """

    def stored(tensor: Tensor) -> Lazy:
        return Lazy(tuple(tensor.shape), lambda: tensor)

    tensors = {name: stored(tensor) for name, tensor in model.state_dict().items()}
    write(folder, model.config, tensors, tokenizer, decision, provenance, card, dtype)


def write(
    folder: Path,
    config: ModelConfig,
    tensors: Mapping[str, Lazy],
    tokenizer: Tokenizer,
    decision: Decision,
    provenance: Mapping[str, Any],
    card: str,
    dtype: torch.dtype,
) -> None:
    """Write a weight folder. All its files are written before the first takes its place: none is left half done.

    In int8 are the matrices alone, as `rs2sam2.checkpoints.int8` says.

    Raises:
        OutputError: if the folder cannot be written.
        WeightsError: if a weight is no number, or none that `dtype` can hold.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as whole:
            paths = {name: whole.enter_context(whole_file(folder / name)) for name in FILES}
            if dtype is torch.int8:
                write_safetensors(paths[WEIGHTS], int8.packed(tensors), int8.THE_REST)
            else:
                write_safetensors(paths[WEIGHTS], tensors, dtype)
            checksums = {"sha256": file_sha256(paths[WEIGHTS]), "crc32": file_crc32(paths[WEIGHTS])}
            _write_json(paths[CONFIG], _settings(config, decision))
            _write_json(paths[PROVENANCE], {**provenance, **checksums})
            paths[CARD].write_text(card, encoding="utf-8")
            tokenizer.save(paths[TOKENIZER])
    except OSError as error:
        raise OutputError(f"{folder}: cannot write weights: {error}") from error


def save_decision(folder: Path, output: Path, decision: Decision, provenance: Mapping[str, Any]) -> None:
    """Write a weight folder again with another decision, the weights byte for byte; whole or not at all.

    Args:
        folder: what is there.
        output: what is written; may be the same folder.
        decision: how the model's numbers become an answer from now on.
        provenance: what is added to the folder's own, or takes the place of what stands there.

    Raises:
        OutputError: if the folder cannot be written.
        WeightsError: if a file is missing or damaged.
    """
    config, _ = read_settings(folder)
    new = {CONFIG: _settings(config, decision), PROVENANCE: {**read_json(folder / PROVENANCE), **provenance}}
    try:
        output.mkdir(parents=True, exist_ok=True)
        with ExitStack() as whole:
            for name in FILES:
                path = whole.enter_context(whole_file(output / name))
                if name in new:
                    _write_json(path, new[name])
                else:
                    copyfile(folder / name, path)
    except OSError as error:
        raise OutputError(f"{output}: cannot write weights: {error}") from error


def _settings(config: ModelConfig, decision: Decision) -> dict[str, Any]:
    return {"format": FORMAT, "model": config.to_dict(), "decision": asdict(decision)}


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def read_settings(folder: Path) -> tuple[ModelConfig, Decision]:
    """What `config.json` says.

    Raises:
        WeightsError: if it is missing, of another version, or holds what cannot work.
    """
    path = folder / CONFIG
    settings = read_json(path)
    if settings.get("format") != FORMAT:
        raise WeightsError(f"{path}: format {settings.get('format')!r}, this version reads {FORMAT}")
    try:
        return ModelConfig.from_dict(settings.get("model", {})), Decision.from_dict(settings.get("decision", {}))
    except ConfigError as error:
        raise WeightsError(f"{path}: {error}") from error


def read_tokenizer(path: Path, config: ModelConfig) -> Tokenizer:
    """A SentencePiece model that belongs to a model of this configuration.

    Raises:
        WeightsError: if it is missing or damaged, or has ids that the model does not know.
    """
    known = config.union_encoder
    tokenizer = Tokenizer.from_file(path, known.max_text_tokens)
    if tokenizer.vocab_size > known.vocab_size:
        raise WeightsError(
            f"{path}: {tokenizer.vocab_size} ids, but the model knows {known.vocab_size}; it belongs to other weights"
        )
    return tokenizer


def verified_sha256(path: Path, provenance: Mapping[str, Any], *, thorough: bool = False) -> str:
    """SHA-256 of the weights, as recorded where a quicker checksum confirms that they are what was written.

    A flipped bit in a weight is a weight all the same: only a checksum tells.

    Args:
        path: the weights.
        provenance: what `provenance.json` says.
        thorough: take the SHA-256 itself, which needs seconds for a large model, whatever is recorded.

    Raises:
        WeightsError: if a recorded checksum is another.
    """
    recorded, quick = provenance.get("sha256"), provenance.get("crc32")
    trusted = recorded is not None and quick is not None and not thorough
    sha256 = str(recorded) if trusted else file_sha256(path)
    if recorded not in (None, sha256) or quick not in (None, file_crc32(path)):
        raise WeightsError(f"{path}: damaged, its checksum is not that of {PROVENANCE}; get the file again")
    return sha256


class _NoValues(TorchFunctionMode):
    """Leaves out what fills tensors that have no memory: it would do nothing, after a second's worth of imports."""

    def __torch_function__(
        self, func: Callable[..., Any], types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:  # noqa: ANN401 - whatever torch's function gives
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == torch.nn.init.__name__:
            return args[0] if args else kwargs["tensor"]
        return torch.empty(*args, **kwargs) if func is torch.randn else func(*args, **kwargs)


def on_meta(config: ModelConfig) -> RS2SAM2:
    """The model without memory: names and shapes, and no values."""
    with _NoValues(), torch.device("meta"):
        return RS2SAM2(config)


def shapes_of(model: RS2SAM2) -> dict[str, Shape]:
    """Shapes of all that a model's weight file holds."""
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


def fill(
    model: RS2SAM2,
    read: Callable[[str], Tensor],
    device: torch.device | str,
    dtype: Dtype,
    linear: LinearKind = "plain",
) -> None:
    """Give a model `on_meta` its values, a few tensors at a time, and make it ready to answer.

    Args:
        model: that gets them.
        read: a tensor by its name.
        device: where they go.
        dtype: of the blocks (`rs2sam2.model.precision`), or what chooses it for a model; the rest is float32.
        linear: how the blocks' linear layers multiply; "packed" means where that can be, and "int8" is for the CPU.
    """
    if not isinstance(dtype, torch.dtype):
        dtype = dtype(model.config)
    if linear == "packed" and not can_pack(device, dtype):
        linear = "plain"
    if linear != "plain":
        buffer = torch.empty(0, dtype=torch.bfloat16)  # a copy of each would leave holes that nothing fits into
        for name in linear_layers_of_blocks(model):
            weight, bias = read(f"{name}.weight"), read(f"{name}.bias")
            if linear == "packed" and weight.dtype != buffer.dtype:
                weight = buffer.resize_(weight.shape).copy_(weight)
            model.set_submodule(name, linear_layer(weight, bias, linear))
    names = list(model.state_dict())
    copies = linear != "plain"  # then most has been copied into layers, and nothing is to hold on to a mapped file
    with ThreadPoolExecutor(THREADS) as threads:
        values = threads.map(lambda name: read(name).to(device, dtype_of(name, dtype), copy=copies), names)
        model.load_state_dict(dict(zip(names, values, strict=True)), assign=True)
    model.eval().requires_grad_(False)
