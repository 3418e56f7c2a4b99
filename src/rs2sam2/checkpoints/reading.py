"""Weight files of any make as names, shapes and tensors that are read when they are asked for.

Safetensors and what `torch.save` writes, single or in shards with an index. What a file is, its first bytes say, not
its name. Nothing that a file says of itself is believed before its size bears it out.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any, NamedTuple, Self

import torch
from safetensors import safe_open
from torch import Tensor

from rs2sam2.checkpoints import int8
from rs2sam2.checkpoints.pickles import LARGEST_LISTING, load_pickle
from rs2sam2.errors import WeightsError
from rs2sam2.model.int8 import Int8Weight

IN_A_FOLDER = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""Names under which a folder holds its weights, the first that is there wins."""

# Names of dtypes in a safetensors header.
_DTYPES: Mapping[str, torch.dtype] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


class _Entry(NamedTuple):
    shape: tuple[int, ...]
    dtype: torch.dtype
    read: Callable[[], Tensor]


class TensorSource:
    """Tensors of one checkpoint, by name. A context manager: leaving it closes the files.

    Attributes:
        shapes: of every tensor.
        dtypes: of every tensor, as stored.
        files: all that was opened, an index among them.
    """

    def __init__(self, entries: Mapping[str, _Entry], files: tuple[Path, ...], stack: ExitStack) -> None:
        """Take what `open_tensors` found."""
        self._entries, self._stack = entries, stack
        self.files = files
        self.shapes: Mapping[str, tuple[int, ...]] = MappingProxyType({name: e.shape for name, e in entries.items()})
        self.dtypes: Mapping[str, torch.dtype] = MappingProxyType({name: e.dtype for name, e in entries.items()})

    def read(self, name: str) -> Tensor:
        """One tensor on the CPU, in the dtype of the file; those in int8 as float32, multiplied by their scales.

        Mapped from the file where the format allows: it takes memory when it is used, and is not to be written to.

        Raises:
            KeyError: if there is no tensor of that name.
        """
        return self._entries[name].read()

    def __enter__(self) -> Self:
        """The source itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files; tensors that were read stay valid."""
        self._entries = {}
        self._stack.close()


def open_tensors(path: Path) -> TensorSource:
    """Open a weight file, an index of shards, or a folder that holds either under a usual name (`IN_A_FOLDER`).

    Nothing but listings is read here, and of pickles their checksums.

    Raises:
        WeightsError: if there is nothing, or it is damaged, hostile or of a format unknown here.
    """
    if path.is_dir():
        path = _file_in(path)
    with ExitStack() as stack:
        if _kind(path) == "index":
            entries, files = _open_shards(path, stack)
        else:
            entries, files = _open_file(path, stack), (path,)
        entries = _unpacked(path, entries)
        kept = stack.pop_all()
    return TensorSource(entries, files, kept)


def _unpacked(path: Path, entries: Mapping[str, _Entry]) -> dict[str, _Entry]:
    """Tensors in int8 together with their scales, which are no tensors of their own any more."""
    found = dict(entries)
    for name, entry in entries.items():
        if entry.dtype is torch.int8:
            scale = found.pop(name + int8.SCALE, None)
            if problem := int8.problem(name, entry.shape, None if scale is None else scale.shape):
                raise WeightsError(f"{path}: {problem}; get the file again")
            assert scale is not None
            found[name] = entry._replace(read=partial(_floats, entry, scale))
    return found


def _floats(entry: _Entry, scale: _Entry) -> Tensor:
    return Int8Weight(entry.read(), scale.read()).floats()


def _file_in(folder: Path) -> Path:
    for name in IN_A_FOLDER:
        if (folder / name).is_file():
            return folder / name
    raise WeightsError(f"{folder}: no weights in this folder (looked for {', '.join(IN_A_FOLDER)})")


def _kind(path: Path) -> str:
    """What the first bytes say: "safetensors", "zip", "pickle" or "index"."""
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; name a weight file, an index of shards or a folder with weights")
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError as error:
        raise WeightsError(f"{path}: unreadable ({error.strerror}); see to its permissions") from error
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    # Before pickles: the length of a safetensors header may begin with the byte that begins a pickle.
    if head[4:] == b"\0\0\0\0{":
        return "safetensors"
    if head.startswith(b"\x80"):
        return "pickle"
    # Text has no zero bytes, and the eight bytes of a safetensors header's length always have some.
    if head.startswith(b"{") and 0 not in head:
        return "index"
    if head[8:] == b"{":
        return "safetensors"
    if head.startswith(b"version "):
        raise WeightsError(
            f"{path}: a Git LFS pointer, not the weights themselves; run `git lfs pull` where it is from"
        )
    raise WeightsError(f"{path}: damaged, or neither safetensors nor written by torch.save nor an index of shards")


def _open_file(path: Path, stack: ExitStack) -> dict[str, _Entry]:
    kind = _kind(path)
    if kind == "index":
        raise WeightsError(f"{path}: an index where weights should be")
    if kind == "safetensors":
        return _open_safetensors(path, stack)
    return {
        name: _Entry(tuple(tensor.shape), tensor.dtype, partial(_same, tensor))
        for name, tensor in load_pickle(path, zipped=kind == "zip").items()
    }


def _same(tensor: Tensor) -> Tensor:
    return tensor


def _open_safetensors(path: Path, stack: ExitStack) -> dict[str, _Entry]:
    """Entries of one file: 8 bytes header length (little endian), header in JSON, tensors."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > min(size - 8, LARGEST_LISTING):
        raise WeightsError(
            f"{path}: damaged or truncated, its header says {length} bytes in a file of {size}; get the file again"
        )
    try:
        tensors = stack.enter_context(safe_open(path, "pt"))
        slices = {name: tensors.get_slice(name) for name in tensors.keys()}  # noqa: SIM118
        kinds = {name: str(part.get_dtype()) for name, part in slices.items()}
        shapes = {name: tuple(part.get_shape()) for name, part in slices.items()}
    except Exception as error:  # it has more kinds of errors than it exports
        raise WeightsError(f"{path}: damaged or truncated ({error}); get the file again") from error
    if strange := [f"{name} ({kind})" for name, kind in kinds.items() if kind not in _DTYPES]:
        raise WeightsError(f"{path}: {strange[0]} is of a dtype that is not used here; use {', '.join(_DTYPES)}")
    return {
        name: _Entry(shapes[name], _DTYPES[kind], partial(tensors.get_tensor, name)) for name, kind in kinds.items()
    }


def _open_shards(index: Path, stack: ExitStack) -> tuple[dict[str, _Entry], tuple[Path, ...]]:
    """Entries of all shards that an index names: {"weight_map": {tensor name: file name}}."""
    placed = _weight_map(index)
    shards = {name: _shard(index, name) for name in shard_names(index)}
    entries: dict[str, _Entry] = {}
    for shard, path in shards.items():
        found = _open_file(path, stack)
        if twice := sorted(entries.keys() & found.keys()):
            raise WeightsError(f"{path}: {len(twice)} tensors are in another shard too: {', '.join(twice[:10])}")
        wanted = {name for name, where in placed.items() if where == shard}
        if wrong := sorted(wanted ^ found.keys()):
            raise WeightsError(
                f"{path}: does not hold what {index.name} says, {len(wanted - found.keys())} tensors are missing and "
                f"{len(found.keys() - wanted)} not announced: {', '.join(wrong[:10])}"
            )
        entries |= found
    return entries, (index, *shards.values())


def shard_names(index: Path) -> list[str]:
    """Names of the files that an index names, relative to its folder; none of them leads out of it.

    Raises:
        WeightsError: if it is no index of shards, or names a file outside its folder.
    """
    names = sorted(set(_weight_map(index).values()))
    for name in names:
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts or "\\" in name or "\0" in name:
            raise _outside(index, name)
    return names


def _weight_map(index: Path) -> Mapping[str, str]:
    if index.stat().st_size > LARGEST_LISTING:
        raise WeightsError(f"{index}: an index of more than {LARGEST_LISTING} bytes; not one of a model's shards")
    try:
        content: Any = json.loads(index.read_bytes())
        placed: Any = content["weight_map"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsError(f"{index}: no index of shards, which is JSON with a weight_map; get it again") from error
    if not isinstance(placed, dict) or not placed or not all(isinstance(shard, str) for shard in placed.values()):
        raise WeightsError(f"{index}: its weight_map does not give a file name to every tensor; get it again")
    return placed


def _shard(index: Path, name: str) -> Path:
    """The path of a shard, which may not lead out of the index's folder by a link either."""
    path = index.parent / name
    if not path.is_file():
        raise WeightsError(f"{index}: its shard {name!r} is missing; get the whole model again")
    folder, place = index.parent.resolve(), path.resolve()
    if not (place.is_relative_to(folder) or place.is_relative_to(_hub_blobs(folder))):
        raise _outside(index, name)
    return path


def _outside(index: Path, shard: str) -> WeightsError:
    return WeightsError(f"{index}: its shard {shard!r} lies outside the folder of the index; not opened")


def _hub_blobs(folder: Path) -> Path:
    """Where the Hub's own cache keeps what its snapshot folders link to; `folder` itself if it is no such snapshot."""
    for parent in folder.parents:
        if parent.name == "snapshots" and (parent.parent / "blobs").is_dir():
            return parent.parent / "blobs"
    return folder
