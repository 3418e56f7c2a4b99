"""What `torch.save` wrote, opened without trusting it.

`torch.load(weights_only=True)` runs no code of the file, but what it does allow still lets a few bytes ask for any
amount of memory (`bytearray(10**11)`), and a zip record may inflate to a thousand times its size. So a file is looked
at before it is loaded: its zip directory, every name that its pickle calls, and the checksums of its records.
"""

import io
import pickletools
import struct
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import torch
from torch import Tensor

from rs2sam2.errors import WeightsError

LARGEST_LISTING = 16 * 2**20
"""Bytes that a file may spend on saying what it holds. A model of 2,000 tensors needs half of a MiB."""

LARGEST_LEGACY = 8 * 2**30
"""Bytes of a file from before torch 1.6, which cannot be mapped and comes into memory as a whole."""

_NESTED_UNDER = ("model", "state_dict", "module")

# Names that tensors, parameters and dictionaries of them are made of, and a training script's options beside them.
_STORAGES = ("Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
_ALLOWED = {
    "collections OrderedDict",
    "torch Size",
    "torch device",
    "torch._utils _rebuild_parameter",
    "torch._utils _rebuild_tensor",
    "torch._utils _rebuild_tensor_v2",
    "argparse Namespace",
    *(f"torch {kind}Storage" for kind in _STORAGES),
}
# Other ways of naming code, none of which torch.save takes by itself.
_REFUSED_OPCODES = {"STACK_GLOBAL", "INST", "OBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4"}

# A tensor's arguments, with its storage's, are about 30.
_HEAVIEST_TUPLE = 1000

# A file of torch.save before 1.6: magic number, protocol, system, the object, keys of the storages; then the storages.
_LEGACY_PICKLES = 5
# Sizes of zip's end record, zip64's locator before it and zip64's end record before that (APPNOTE 4.3.14-16).
_END, _LOCATOR, _END64 = 22, 20, 56


class Namespace:
    """Stands in for argparse.Namespace, in which training scripts keep their options beside the weights.

    Holds nothing: what a file would set on it, a method that is called later for instance, is forgotten.
    """

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        """Take what the file says of the options, and leave it."""


def load_pickle(path: Path, *, zipped: bool) -> Mapping[str, Tensor]:
    """The tensors of a `.pt`, `.pth` or `.bin` file, on the CPU, in their own dtype.

    Those of a zip (torch 1.6 and later) are mapped: they take memory when they are read, and the file's own.

    Args:
        path: the file.
        zipped: whether it is a zip or a bare pickle, as its first bytes say.

    Raises:
        WeightsError: if the file is damaged, asks for more than it holds, names code, or holds other than tensors and
            what training scripts keep beside them.
    """
    try:
        if zipped:
            _check_zip(path)
        else:
            _check_legacy(path)
        options = torch.serialization.safe_globals([(Namespace, "argparse.Namespace")])
        with warnings.catch_warnings(action="ignore"), options, _plainly_named(path) as plain:
            content = torch.load(plain, map_location="cpu", weights_only=True, mmap=zipped)
    except WeightsError:
        raise
    except Exception as error:  # a hostile file makes its readers fail in any way they can
        raise WeightsError(f"{path}: damaged or no weights ({_first_line(error)}); get the file again") from error
    return _tensors(path, content)


@contextmanager
def _plainly_named(path: Path) -> Iterator[Path]:
    """Another name for a pickle that is called .safetensors: `torch.load` would believe that."""
    if path.suffix != ".safetensors":
        yield path
        return
    with TemporaryDirectory() as folder:
        link = Path(folder) / "weights"
        link.symlink_to(path.absolute())
        yield link


def _check_zip(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        if _directory_size(file, size) > LARGEST_LISTING:
            raise WeightsError(f"{path}: its zip directory is larger than {LARGEST_LISTING} bytes; not a weight file")
        with zipfile.ZipFile(file) as archive:
            records = archive.infolist()
            packed = [record.filename for record in records if record.compress_type != zipfile.ZIP_STORED]
            if packed:
                raise WeightsError(f"{path}: {packed[0]} is compressed, as torch.save never does; not opened")
            # Asked of torch's own reader too: what two readers see in one hostile zip need not be the same.
            reader = torch._C.PyTorchFileReader(str(path))
            torch_sizes = {name: reader.get_record_size(name) for name in reader.get_all_records()}
            for total in (sum(record.file_size for record in records), sum(torch_sizes.values())):
                if total > size:
                    raise WeightsError(f"{path}: says it holds {total} bytes, but has {size}; not opened")
            listing = [count for name, count in torch_sizes.items() if not name.startswith("data/")]
            if max(listing, default=0) > LARGEST_LISTING:
                raise WeightsError(f"{path}: spends {max(listing)} bytes on saying what it holds; not a weight file")
            _check_names(path, io.BytesIO(reader.get_record("data.pkl")))
            if damaged := archive.testzip():
                raise WeightsError(f"{path}: damaged, the checksum of {damaged} is wrong; get the file again")


def _directory_size(file: BinaryIO, size: int) -> int:
    """Bytes of a zip's directory, 0 where there is none: read first, because the directory is read as a whole."""
    file.seek(max(0, size - _END - _LOCATOR - _END64))
    tail = file.read()
    if len(tail) == _END + _LOCATOR + _END64 and tail.startswith(b"PK\x06\x06"):
        return int(struct.unpack_from("<Q", tail, 40)[0])
    if tail[-_END:].startswith(b"PK\x05\x06"):
        return int(struct.unpack_from("<I", tail, len(tail) - _END + 12)[0])
    raise WeightsError(f"{file.name}: truncated or damaged, it does not end as torch.save ends a file; get it again")


def _check_legacy(path: Path) -> None:
    size = path.stat().st_size
    if size > LARGEST_LEGACY:
        raise WeightsError(
            f"{path}: {size} bytes in the format from before torch 1.6, which comes into memory as a whole; "
            "save it again with a newer torch, or as safetensors"
        )
    with path.open("rb") as file:
        listing = io.BytesIO(file.read(LARGEST_LISTING))
    for _ in range(_LEGACY_PICKLES):
        _check_names(path, listing)


def _check_names(path: Path, pickle: io.BytesIO) -> None:
    """Refuse a pickle that names anything but tensors and dictionaries; reads one pickle and calls nothing.

    It is followed with a stack of weights, the number of steps that hashing an object takes: a tuple a million deep, or
    forty doublings of one, is a few bytes that crash or hang whoever uses it as a key.
    """
    stack: list[int | None] = []
    memo: dict[object, int | None] = {}
    for opcode, argument, _ in pickletools.genops(pickle):
        if opcode.name in _REFUSED_OPCODES or (opcode.name == "GLOBAL" and argument not in _ALLOWED):
            name = str(argument).replace(" ", ".") if opcode.name == "GLOBAL" else opcode.name
            raise WeightsError(
                f"{path}: its pickle wants to call {name}, and no code from a weight file is run; "
                "save its tensors alone, best as safetensors"
            )
        if "PUT" in opcode.name:
            memo[argument] = stack[-1]
        elif "GET" in opcode.name:
            stack.append(memo[argument])
        else:
            taken = _take(stack, opcode.stack_before)
            weight = 1 + sum(taken) if opcode.name.startswith("TUPLE") else 1
            if weight > _HEAVIEST_TUPLE:
                raise WeightsError(f"{path}: its pickle nests tuples as no weights do; not opened")
            stack += [None if kind is pickletools.markobject else weight for kind in opcode.stack_after]


def _take(stack: list[int | None], before: list[pickletools.StackObject]) -> list[int]:
    """Pop what an opcode consumes: a fixed number of objects, above them perhaps all down to the last mark."""
    taken: list[int] = []
    fixed = len(before)
    if pickletools.markobject in before:
        fixed = before.index(pickletools.markobject)
        while (weight := stack.pop()) is not None:
            taken.append(weight)
    return taken + [stack.pop() or 1 for _ in range(fixed)]


def _tensors(path: Path, content: object) -> Mapping[str, Tensor]:
    """The state dict in `content`, without the wrapping that training scripts put around it."""
    if isinstance(content, Mapping):
        content = next((content[key] for key in _NESTED_UNDER if isinstance(content.get(key), Mapping)), content)
    if not isinstance(content, Mapping) or not content:
        raise WeightsError(f"{path}: holds no dictionary of tensors but {type(content).__name__}")
    wrong = [
        name if isinstance(name, str) else f"(a name of type {type(name).__name__})"
        for name, value in content.items()
        if not (isinstance(name, str) and _is_plain(value))
    ]
    if wrong:
        raise WeightsError(
            f"{path}: {len(wrong)} of its {len(content)} entries are no tensors: {', '.join(wrong[:10])}"
            f"{', ...' if len(wrong) > 10 else ''}; save the model's state_dict alone"
        )
    return {name: tensor.detach() for name, tensor in content.items()}


def _is_plain(value: object) -> bool:
    """A dense tensor on the CPU that does not claim more elements than it has bytes for (by strides of 0)."""
    return (
        isinstance(value, Tensor)
        and value.device.type == "cpu"
        and value.layout == torch.strided
        and value.numel() * value.element_size() <= value.untyped_storage().nbytes()
    )


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
