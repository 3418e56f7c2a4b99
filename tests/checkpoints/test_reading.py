"""Weight files of any make are read as they are, and what is none is refused in one line."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from weight_files import TENSORS, WRITERS, index, is_whole, refused, sharded, written

from rs2sam2.checkpoints.reading import IN_A_FOLDER, open_tensors
from rs2sam2.errors import WeightsError


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", ["model.safetensors", "weights.pt", "weights"])
def test_contents_tell_the_format_and_the_name_does_not(writer: str, name: str, tmp_path: Path) -> None:
    WRITERS[writer](tmp_path / name)
    with open_tensors(tmp_path / name) as source:
        assert is_whole(source)
        assert source.files == (tmp_path / name,)


def test_tensors_outlive_their_file(tmp_path: Path) -> None:
    for writer in WRITERS.values():
        writer(tmp_path / "weights")
        with open_tensors(tmp_path / "weights") as source:
            kept = source.read("a.weight")
        assert torch.equal(kept, TENSORS["a.weight"])
        with pytest.raises(KeyError):
            source.read("a.weight")


def test_views_and_shared_storage_come_back(tmp_path: Path) -> None:
    whole = torch.arange(20.0).reshape(4, 5)
    path = written(tmp_path / "weights", {"t": whole.T, "part": whole[1:3], "again": whole})
    with open_tensors(path) as source:
        assert torch.equal(source.read("t"), whole.T)
        assert torch.equal(source.read("part"), whole[1:3])
        assert torch.equal(source.read("again"), whole)


@pytest.mark.parametrize("name", IN_A_FOLDER)
def test_folder(name: str, tmp_path: Path) -> None:
    if name.endswith(".json"):
        names = list(TENSORS)
        path = sharded(tmp_path, one={n: TENSORS[n] for n in names[:2]}, two={n: TENSORS[n] for n in names[2:]})
        path.rename(tmp_path / name)
    else:
        save_file(TENSORS, tmp_path / name)
    with open_tensors(tmp_path) as source:
        assert is_whole(source)
        assert tmp_path / name in source.files
        assert len(source.files) == (3 if name.endswith(".json") else 1)


def test_shards_of_pickles(tmp_path: Path) -> None:
    written(tmp_path / "one.bin", {"a": torch.ones(2)})
    written(tmp_path / "two.bin", {"b": torch.zeros(3)})
    with open_tensors(index(tmp_path, {"a": "one.bin", "b": "two.bin"})) as source:
        assert source.shapes == {"a": (2,), "b": (3,)}


def test_snapshot_of_the_hubs_own_cache(tmp_path: Path) -> None:
    """There, files are links to a folder of blobs two levels up."""
    snapshot, blobs = tmp_path / "models--x--y" / "snapshots" / "abc" / "sub", tmp_path / "models--x--y" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    sharded(snapshot, one={"a": torch.ones(2)})
    for path in list(snapshot.iterdir()):
        path.rename(blobs / f"{path.name}.blob")
        path.symlink_to(os.path.relpath(blobs / f"{path.name}.blob", snapshot))
    with open_tensors(snapshot) as source:
        assert source.shapes == {"a": (2,)}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "damaged, or neither"),
        (b"\x00" * 100, "damaged, or neither"),
        (b"<!doctype html>", "damaged, or neither"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b'{"a": 1}', "no index of shards"),
        (b'{"weight_map": []}', "does not give a file name"),
        (b'{"weight_map": {}}', "does not give a file name"),
        (b'{"weight_map": {"a": 3}}', "does not give a file name"),
        (b'{"a":' * 100_000, "no index of shards"),
        (b"\x80\x02}.", "damaged"),
        (b"PK\x03\x04" + b"\x00" * 200, "truncated or damaged"),
    ],
)
def test_what_is_no_weight_file(content: bytes, text: str, tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(content)
    refused(tmp_path / "weights.bin", text)


def test_what_is_not_there(tmp_path: Path) -> None:
    refused(tmp_path / "nothing.pt", "no such file")
    refused(tmp_path, "no weights in this folder.*pytorch_model.bin")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "no such file")


def test_safetensors_of_a_dtype_unknown_here(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2, dtype=torch.float8_e4m3fn)}, tmp_path / "model.safetensors")
    refused(tmp_path / "model.safetensors", r"a \(F8_E4M3\) is of a dtype")


@pytest.mark.parametrize("content", [[torch.ones(2)], {}, torch.ones(2), {"a": 1.5}, {"a": [torch.ones(2)]}, None])
def test_pickle_of_something_else(content: Any, tmp_path: Path) -> None:
    refused(written(tmp_path / "weights.pt", content), "no dictionary of tensors|are no tensors")


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(1).expand(10**9),
        torch.ones(3, 3).to_sparse(),
        torch.ones(2, device="meta"),
    ],
    ids=["expanded", "sparse", "meta"],
)
def test_tensor_that_is_not_plain(tensor: torch.Tensor, tmp_path: Path) -> None:
    refused(written(tmp_path / "weights.pt", {"a": torch.ones(2), "b": tensor}), "no tensors: b|wants to call")


def test_names_that_are_no_names(tmp_path: Path) -> None:
    refused(written(tmp_path / "weights.pt", {1: torch.ones(2), (2, 3): torch.ones(2)}), "2 of its 2 entries")


def test_shards_that_do_not_agree(tmp_path: Path) -> None:
    one, two = {"a": torch.ones(2)}, {"b": torch.ones(2)}
    path = sharded(tmp_path, one=one, two=two)
    index(tmp_path, {"a": "one.safetensors", "b": "gone.safetensors"})
    refused(path, "'gone.safetensors' is missing")
    index(tmp_path, {"a": "one.safetensors", "b": "two.safetensors", "c": "two.safetensors"})
    with pytest.raises(WeightsError, match="1 tensors are missing and 0 not announced: c"):
        open_tensors(path)
    index(tmp_path, {"a": "one.safetensors", "c": "two.safetensors"})
    with pytest.raises(WeightsError, match="1 tensors are missing and 1 not announced: b, c"):
        open_tensors(path)
    sharded(tmp_path, one=one, two={**one, **two})
    index(tmp_path, {"a": "one.safetensors", "b": "two.safetensors"})
    with pytest.raises(WeightsError, match="are in another shard too: a"):
        open_tensors(path)
    index(tmp_path, {"a": path.name})
    refused(path, "an index where weights should be")


def test_opening_reads_no_tensor_into_memory(tmp_path: Path) -> None:
    """64 MiB in either format, opened: they are mapped, and what is mapped belongs to the page cache."""
    tensors = {"a": torch.ones(2**24)}
    save_file(tensors, tmp_path / "model.safetensors")
    torch.save(tensors, tmp_path / "model.pt")
    script = (
        "import sys; from pathlib import Path; from rs2sam2.checkpoints.reading import open_tensors\n"
        "anon = lambda: next(int(l.split()[1]) for l in Path('/proc/self/status').read_text().splitlines()"
        " if l.startswith('RssAnon'))\n"
        "before = anon()\n"
        "kept = [open_tensors(Path(name)) for name in sys.argv[1:]]\n"
        "assert all(float(source.read('a').sum()) == 2**24 for source in kept)\n"
        "print(anon() - before)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "model.safetensors"), str(tmp_path / "model.pt")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 16_000
