"""Damaged and hostile weight files: refused in one line, with memory and disk as they were, and no code run."""

import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from weight_files import TENSORS, WRITERS, index, read, refused, safetensors, written, zipped

from rs2sam2.checkpoints.reading import open_tensors
from rs2sam2.errors import WeightsError


@pytest.mark.parametrize("writer", WRITERS)
def test_truncated_anywhere(writer: str, tmp_path: Path) -> None:
    WRITERS[writer](tmp_path / "whole")
    content = (tmp_path / "whole").read_bytes()
    for kept in {0, 1, 7, 8, 9, 40, len(content) // 3, len(content) // 2, len(content) - 30, len(content) - 1}:
        (tmp_path / "weights.pt").write_bytes(content[:kept])
        refused(tmp_path / "weights.pt", "damaged|truncated")


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@pytest.mark.parametrize("writer", ["safetensors", "zip", "legacy"])
def test_flipped_bit_is_refused_or_leaves_tensors(
    writer: str, place: float, bit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Never another error, never a crash; in a zip, a tensor's own bytes are covered by its checksum."""
    folder = tmp_path_factory.getbasetemp() / f"flipped-{writer}"
    folder.mkdir(exist_ok=True)
    if not (folder / "whole").exists():
        WRITERS[writer](folder / "whole")
    content = bytearray((folder / "whole").read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    (folder / "weights").write_bytes(content)
    try:
        with open_tensors(folder / "weights") as source:
            found = read(source)
            intact = all(torch.equal(found[n], t) for n, t in TENSORS.items() if n in found)
            assert intact or writer != "zip"
    except WeightsError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 8]}}, 8),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, 4),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 16]}}, 16),
        ({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}, 16),
        ({"a": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 8]}}, 8),
        ({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}, 8),
        ({"a": {"dtype": "F99", "shape": [2], "data_offsets": [0, 8]}}, 8),
        ({"a": {"dtype": "F32"}}, 8),
        (b'{"a": ', 8),
        (b"{" + b'"a":{' * 10_000, 8),
        (b'{"\xff": 1}', 8),
    ],
)
def test_safetensors_header_that_lies(header: Any, values: int, tmp_path: Path) -> None:
    refused(safetensors(tmp_path / "model.safetensors", header, b"\x00" * values), "damaged or truncated")


class Payload:
    """Calls something while it is unpickled."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self.answer = call, arguments

    def __reduce__(self) -> Any:
        return self.answer


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("layout", ["zip", "legacy", "bare"])
@pytest.mark.parametrize("call", [os.mkdir, eval, torch.load, bytearray, print])
def test_code_in_a_pickle_does_not_run(call: Any, layout: str, protocol: int, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    argument = {eval: f"__import__('os').mkdir({str(mark)!r})", bytearray: 10**12}.get(call, str(mark))
    content = {"a": Payload(call, argument)}
    path = tmp_path / "weights.pt"
    if layout == "bare":
        path.write_bytes(pickle.dumps(content, protocol))
    else:
        torch.save(content, path, pickle_protocol=protocol, _use_new_zipfile_serialization=layout == "zip")
    refused(path, "wants to call" if protocol > 1 or layout == "zip" else "wants to call|neither")
    assert sorted(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02})" + b"\x85" * 1_000_000 + b"K\x01s.",  # ((((...)))) as a key: hashing it overflows the stack
        b"\x80\x02})" + b"q\x00h\x00\x86" * 60 + b"K\x01s.",  # doubled sixty times: hashing it takes 2**60 steps
        b"\x80\x02}(" + b")" * 2_000 + b"tK\x01s.",
    ],
    ids=["deep", "doubled", "wide"],
)
def test_tuples_that_would_crash_or_hang(data: bytes, tmp_path: Path) -> None:
    refused(zipped(tmp_path / "weights.pt", data), "nests tuples")


@pytest.mark.parametrize(
    "data", [b"", b".", b"\x80\x02h\x07.", b"\x80\x02t.", b"\x80\x02\x85.", b"\x80\x02}X\xff\xff\xff\xff."]
)
def test_pickle_that_breaks_off(data: bytes, tmp_path: Path) -> None:
    refused(zipped(tmp_path / "weights.pt", data), "damaged")


def test_compressed_record_is_refused(tmp_path: Path) -> None:
    data = pickle.dumps({}, 2)
    path = zipped(tmp_path / "weights.pt", data, compression=zipfile.ZIP_DEFLATED, **{"data/0": b"\x00" * 10**6})
    refused(path, "is compressed")


def test_storage_that_reaches_beyond_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "whole.pt", {"a": torch.ones(4)})
    with zipfile.ZipFile(path) as archive:
        data = archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))
    # BININT1 4 (elements of the storage, then of the tensor) -> BININT 2**30
    larger = data.replace(b"K\x04", b"J\x00\x00\x00\x40")
    assert larger != data
    refused(zipped(tmp_path / "weights.pt", larger, **{"data/0": b"\x00" * 16}), "damaged|no tensors")


def test_overlapping_records_are_refused(tmp_path: Path) -> None:
    """The zip bomb without compression: a thousand names in the directory for the same bytes."""
    path = zipped(tmp_path / "weights.pt", pickle.dumps({}, 2), **{"data/0": b"\x00" * 10_000})
    with zipfile.ZipFile(path, "a") as archive:
        record = archive.getinfo("archive/data/0")
        for number in range(1, 1000):
            twin = zipfile.ZipInfo(f"archive/data/{number}")
            for field in ("header_offset", "file_size", "compress_size", "CRC"):
                setattr(twin, field, getattr(record, field))
            archive.filelist.append(twin)
        archive._didModify = True
    refused(path, "says it holds .* bytes, but has")


@pytest.mark.parametrize(
    "shard", ["../outside.safetensors", "sub/../../outside.safetensors", "/etc/passwd", "..\\outside", "a\0b"]
)
def test_shard_outside_the_folder(shard: str, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "sub").mkdir()
    save_file({"a": torch.ones(2)}, tmp_path / "outside.safetensors")
    refused(index(tmp_path / "model", {"a": shard}), "lies outside")


def test_shard_that_is_a_link_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    save_file({"a": torch.ones(2)}, tmp_path / "outside.safetensors")
    (tmp_path / "model" / "inside.safetensors").symlink_to(tmp_path / "outside.safetensors")
    refused(index(tmp_path / "model", {"a": "inside.safetensors"}), "lies outside")


# Makes a file, opens it, and prints how much the resident memory grew and whether it was refused.
MEASURE = """
import sys
from pathlib import Path
from rs2sam2.checkpoints.reading import open_tensors
from rs2sam2.errors import WeightsError
def peak():
    return next(int(l.split()[1]) for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmHWM"))
def now():
    return next(int(l.split()[1]) for l in Path("/proc/self/status").read_text().splitlines() if l.startswith("VmRSS"))
paths = [Path(name) for name in sys.argv[1:]]
for round in range(2):  # the first one warms up what is imported late
    Path("/proc/self/clear_refs").write_text("5")
    before = now()
    for path in paths:
        try:
            open_tensors(path)
            sys.exit(f"{path} was opened")
        except WeightsError:
            pass
print(peak() - before, now() - before)
"""


def test_memory_and_disk_stay_as_they_were(tmp_path: Path) -> None:
    """A header of 100 GB, bombs of every kind, and a pickle that asks for 200 MB: a few MB at most, and no file."""
    files = tmp_path / "files"
    files.mkdir()
    entry = {"dtype": "F32", "shape": [10**10], "data_offsets": [0, 4 * 10**10]}
    paths = [
        safetensors(files / "header", {"a": entry}, length=100 * 10**9),
        safetensors(files / "sizes", {"a": entry}, b"\x00" * 100),
        zipped(files / "bomb", b"\x00" * 200_000_000, compression=zipfile.ZIP_DEFLATED),
        zipped(
            files / "bomb2", pickle.dumps({}, 2), compression=zipfile.ZIP_DEFLATED, **{"data/0": b"\x00" * 200_000_000}
        ),
        zipped(files / "asks", b"\x80\x02}X\x01\x00\x00\x00ac__builtin__\nbytearray\nJ\x00\xc2\xeb\x0b\x85Rs."),
    ]
    code = files / "code"
    torch.save({"a": Payload(os.mkdir, str(tmp_path / "ran"))}, code)
    before = sorted(tmp_path.rglob("*"))
    command = [sys.executable, "-c", MEASURE, *map(str, [*paths, code])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    peak_kb, left_kb = map(int, done.stdout.split())
    assert peak_kb < 8_000
    assert left_kb < 4_000
    assert sorted(tmp_path.rglob("*")) == before
