"""Weight files of any make, whole or not, and what tests ask of them."""

import json
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from rs2sam2.checkpoints.reading import TensorSource, open_tensors
from rs2sam2.errors import WeightsError

TENSORS = {
    "a.weight": torch.arange(12.0).reshape(3, 4),
    "b": torch.full((5,), 1.5, dtype=torch.bfloat16),
    "c": torch.tensor([1.0, -2.0], dtype=torch.float16),
    "count": torch.tensor(7),
    "empty": torch.zeros(0, 3),
}


def read(source: TensorSource) -> dict[str, torch.Tensor]:
    return {name: source.read(name) for name in source.shapes}


def is_whole(source: TensorSource) -> bool:
    found = read(source)
    return (
        found.keys() == TENSORS.keys()
        and source.dtypes == {name: tensor.dtype for name, tensor in TENSORS.items()}
        and source.shapes == {name: tuple(tensor.shape) for name, tensor in TENSORS.items()}
        and all(found[name].dtype == t.dtype and torch.equal(found[name], t) for name, t in TENSORS.items())
    )


def refused(path: Path, text: str) -> None:
    with pytest.raises(WeightsError, match=text) as caught, open_tensors(path):
        pass
    assert "\n" not in str(caught.value)
    assert str(path.name) in str(caught.value)


def written(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


def zipped(path: Path, data: bytes, *, compression: int = zipfile.ZIP_STORED, **more: bytes) -> Path:
    """A zip as torch.save makes them, around any pickle."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in {"data.pkl": data, "version": b"3\n", "byteorder": b"little", **more}.items():
            archive.writestr(f"archive/{name}", content)
    return path


def safetensors(path: Path, header: Any, values: bytes = b"", *, length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + values)
    return path


def sharded(folder: Path, **shards: dict[str, torch.Tensor]) -> Path:
    """Safetensors shards and an index that names them."""
    placed = {}
    for name, tensors in shards.items():
        save_file(tensors, folder / f"{name}.safetensors")
        placed |= dict.fromkeys(tensors, f"{name}.safetensors")
    return index(folder, placed)


def index(folder: Path, placed: Any) -> Path:
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps({"metadata": {}, "weight_map": placed}))
    return path


WRITERS: dict[str, Callable[[Path], Any]] = {
    "safetensors": lambda path: save_file(TENSORS, path),
    "zip": lambda path: torch.save(TENSORS, path),
    "ordered": lambda path: torch.save(OrderedDict(TENSORS), path),
    "parameters": lambda path: torch.save(
        {n: torch.nn.Parameter(t, requires_grad=t.is_floating_point()) for n, t in TENSORS.items()}, path
    ),
    "under model": lambda path: torch.save({"model": TENSORS, "epoch": 3, "best": None}, path),
    "under state_dict": lambda path: torch.save(
        {"state_dict": TENSORS, "hyper": {"lr": 1e-4, "betas": (0.9, 1)}}, path
    ),
    "legacy": lambda path: torch.save(TENSORS, path, _use_new_zipfile_serialization=False),
    "legacy under model": lambda path: torch.save({"model": TENSORS}, path, _use_new_zipfile_serialization=False),
}
