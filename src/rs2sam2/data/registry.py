"""The data sets by name, for commands."""

from pathlib import Path

from rs2sam2.data.nwpu_refer import NWPURefer
from rs2sam2.data.oam_ref import OAMRef
from rs2sam2.data.refsegrs import RefSegRS
from rs2sam2.data.risbench import RISBench
from rs2sam2.data.rrsisd import RRSISD
from rs2sam2.data.sample import ReferringDataset
from rs2sam2.errors import DataError

DATASETS: tuple[type[ReferringDataset], ...] = (RefSegRS, RRSISD, RISBench, NWPURefer, OAMRef)


def find_dataset(name: str) -> type[ReferringDataset]:
    """The reader of a data set; case, blanks and hyphens do not matter: "RRSIS-D" is "rrsisd".

    Raises:
        DataError: there is none of this name.
    """
    for reader in DATASETS:
        if _plain(reader.name) == _plain(name):
            return reader
    raise DataError(f"no data set named {name!r}: choose one of {', '.join(reader.name for reader in DATASETS)}")


def open_dataset(name: str, root: str | Path, split: str) -> ReferringDataset:
    """A split of a data set by name.

    Raises:
        DataError: there is no such set or split, or its files are missing or damaged.
    """
    return find_dataset(name)(root, split)


def _plain(name: str) -> str:
    return "".join(filter(str.isalnum, name.lower()))
