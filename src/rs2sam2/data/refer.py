"""The REFER layout on disk, as RRSIS-D has it: a pickle of refs and a COCO file of instances."""

import io
import json
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rs2sam2.errors import DataError, MissingExtraError


class _PlainUnpickler(pickle.Unpickler):
    """Admits lists, tuples, dicts, sets, strings and numbers: a pickle from the internet may run any code it names."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - the signature of the overridden method
        raise DataError(
            f"the pickle names {module}.{name}, which plain refs never need: refused, do not trust this file"
        )

    def persistent_load(self, pid: Any) -> Any:  # noqa: ANN401 - as above
        raise DataError(f"the pickle names a persistent object {pid!r}, which plain refs never need: refused")


def read_plain_pickle(path: Path) -> Any:  # noqa: ANN401 - whatever plain containers the file holds
    """Read a pickle that holds plain containers, strings and numbers only.

    Raises:
        DataError: the file is missing, damaged, or names any class or function.
    """
    try:
        return _PlainUnpickler(io.BytesIO(read_bytes(path))).load()
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except Exception as error:  # damaged pickles raise nearly anything
        raise DataError(f"{path}: not a readable pickle ({error}): get the file again") from error


def read_json(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    """Read a JSON file.

    Raises:
        DataError: the file is missing or not JSON.
    """
    try:
        return json.loads(read_bytes(path))
    except ValueError as error:
        raise DataError(f"{path}: not readable as JSON ({error}): get the file again") from error


def read_bytes(path: Path) -> bytes:
    """Read a file.

    Raises:
        DataError: the file is missing or cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}): check the data set's root folder") from error


def decode_segmentation(segmentation: object, height: int, width: int) -> NDArray[np.bool_]:
    """The mask of a COCO segmentation: RLE (one, or a list of them to be joined), or a list of polygons.

    Args:
        segmentation: as in an annotation; an empty list is an empty mask.
        height: of the image, in pixels; used for polygons and uncompressed RLE.
        width: of the image, in pixels.

    Returns:
        (H, W) mask; an RLE keeps its own size, which may differ from the image's.

    Raises:
        DataError: it is none of these.
        MissingExtraError: pycocotools is not installed.
    """
    try:
        from pycocotools import mask as coco_mask
    except ImportError as error:
        raise MissingExtraError("reading masks of a data set", "train") from error
    parts = [segmentation] if isinstance(segmentation, Mapping) else segmentation
    if not isinstance(parts, list):
        raise DataError(f"a segmentation is {type(segmentation).__name__}, neither RLE nor polygons")
    if not parts:
        return np.zeros((height, width), dtype=bool)
    try:
        if isinstance(parts[0], Mapping):
            codes = [
                part if isinstance(part["counts"], str | bytes) else coco_mask.frPyObjects(part, height, width)
                for part in parts
            ]
        else:
            codes = coco_mask.frPyObjects(parts, height, width)
        with warnings.catch_warnings():
            # Its arrays do not know numpy 2's copy keyword; nothing here can change that.
            warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
            mask: NDArray[np.uint8] = coco_mask.decode(coco_mask.merge(codes))
        return mask.astype(bool)
    except Exception as error:  # pycocotools raises bare Exception for what it cannot parse
        raise DataError(f"a segmentation cannot be decoded: {error}") from error
