"""The writer of safetensors agrees with the format's own library; the quick checksum covers every byte."""

import subprocess
import sys
import zlib
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from rs2sam2.checkpoints import checksums
from rs2sam2.checkpoints.native import on_meta, shapes_of
from rs2sam2.checkpoints.writing import Lazy, converted, write_safetensors
from rs2sam2.errors import WeightsError
from rs2sam2.model.rs2sam2 import RS2SAM2
from tiny import tiny_config


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_the_library_reads_what_is_written(tmp_path: Path, dtype: torch.dtype) -> None:
    draw = torch.Generator().manual_seed(1)
    tensors = {
        "matrix": torch.randn(5, 7, generator=draw, dtype=torch.float64),
        "turned": torch.randn(4, 6, generator=draw).T,
        "number": torch.tensor(3.5),
        "nothing": torch.zeros(0, 4),
        "half": torch.randn(3, generator=draw).half(),
        'odd "name" ü': torch.ones(1),
    }
    path = tmp_path / "file.safetensors"
    write_safetensors(path, {n: Lazy(tuple(t.shape), lambda t=t: t) for n, t in tensors.items()}, dtype)
    found = load_file(path)
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == dtype and torch.equal(found[name], tensor.to(dtype)), name
    with safe_open(path, "pt") as file:
        assert file.metadata() == {"format": "pt"}
    assert (8 + int.from_bytes(path.read_bytes()[:8], "little")) % 64 == 0


def test_tensors_are_read_one_after_the_other(tmp_path: Path) -> None:
    alive = []

    def read(index: int) -> torch.Tensor:
        alive.append(index)
        return torch.full((3,), float(index))

    lazy = {str(n): Lazy((3,), lambda n=n: read(n)) for n in range(4)}
    assert alive == []
    write_safetensors(tmp_path / "file", lazy, torch.float32)
    assert alive == [0, 1, 2, 3]


@pytest.mark.parametrize(("value", "fits"), [(65504.0, True), (65519.0, True), (65521.0, False), (-1e30, False)])
def test_range_of_half_precision(value: float, fits: bool) -> None:
    values = torch.tensor([0.5, value])
    if fits:
        assert converted("some.weight", values, torch.float16).isfinite().all()
    else:
        with pytest.raises(WeightsError, match=r"some\.weight holds .*float16 cannot"):
            converted("some.weight", values, torch.float16)


class TestQuickChecksum:
    @pytest.fixture(autouse=True)
    def small_pieces(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checksums, "PIECE", 100)

    @pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 1050])
    def test_one_for_each_piece_in_order(self, tmp_path: Path, size: int) -> None:
        content = bytes(range(256)) * 5
        (tmp_path / "file").write_bytes(content[:size])
        pieces = [content[:size][start : start + 100] for start in range(0, size, 100)]
        assert checksums.file_crc32(tmp_path / "file") == " ".join(f"{zlib.crc32(piece):08x}" for piece in pieces)

    def test_every_piece_counts_to_its_last_byte(self, tmp_path: Path) -> None:
        content = bytearray(250)
        found = set()
        places = [0, 1, 98, 99, 100, 101, 150, 199, 200, 249]
        for place in (None, *places):
            changed = content.copy()
            if place is not None:
                changed[place] ^= 1
            (tmp_path / "file").write_bytes(changed)
            found.add(checksums.file_crc32(tmp_path / "file"))
        assert len(found) == 1 + len(places)


def test_model_without_memory_has_all_names() -> None:
    model, real = on_meta(tiny_config()), RS2SAM2(tiny_config())
    assert shapes_of(model) == shapes_of(real)
    assert {tensor.device.type for tensor in model.state_dict().values()} == {"meta"}


def test_loading_does_not_import_compilers() -> None:
    """Values for tensors without memory would cost a second and 100 MB of imports, and then not exist."""
    script = (
        "import sys; from rs2sam2.checkpoints.native import on_meta; from rs2sam2.config import ModelConfig\n"
        "on_meta(ModelConfig.preset('nano'))\n"
        "sys.exit(' '.join({'sympy', 'torch._dynamo'} & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
