"""Segmentations as COCO writes them: run lengths (compressed or not) and polygons.

Run lengths are decoded here: pycocotools fills what a short code leaves open with whatever lies in memory. Polygons go
through pycocotools, which decides as everybody's masks do which pixels an outline covers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rs2sam2.errors import DataError, MissingExtraError

MOST_PIXELS = 178_956_970
"""Of a mask: where Pillow refuses images, too. A few bytes may claim any size."""

FARTHEST = 1 << 16
"""From the image's corner, in pixels, that a polygon may reach."""

_LONGEST_CODE = 7


def decode_segmentation(segmentation: object, height: int, width: int) -> NDArray[np.bool_]:
    """The mask of a COCO segmentation: RLE (one, or a list of them to be joined), or a list of polygons.

    Args:
        segmentation: as in an annotation; None, an empty list, or one of empty polygons is an empty mask.
        height: of the image, in pixels; used for polygons and empty masks.
        width: of the image, in pixels.

    Returns:
        (H, W) mask; an RLE keeps its own size, which may differ from the image's.

    Raises:
        DataError: it is none of these, or claims more than `MOST_PIXELS`.
        MissingExtraError: it is polygons, and pycocotools is not installed.
    """
    parts = [segmentation] if isinstance(segmentation, Mapping) else segmentation or []
    if not isinstance(parts, list):
        raise DataError(f"a segmentation is {type(segmentation).__name__}, neither RLE nor polygons")
    parts = [part for part in parts if part]
    try:
        if parts and isinstance(parts[0], Mapping):
            masks = [_decode_rle(part) for part in parts]
            if len({mask.shape for mask in masks}) > 1:
                raise DataError("its parts differ in size")
            return np.asarray(np.logical_or.reduce(masks))
        _check_size(height, width)
        return _draw_polygons(parts, height, width) if parts else np.zeros((height, width), dtype=bool)
    except (DataError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"a segmentation cannot be decoded: {error}") from error


def encode_mask(mask: NDArray[np.bool_], needed_by: str) -> dict[str, Any]:
    """COCO's compressed run lengths of an (H, W) mask.

    Args:
        mask: to be written.
        needed_by: the command that writes it, for the message.

    Raises:
        MissingExtraError: pycocotools is not installed.
    """
    try:
        from pycocotools import mask as coco_mask
    except ImportError as error:
        raise MissingExtraError(needed_by, "train") from error
    code = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": list(mask.shape), "counts": code["counts"].decode()}


def _decode_rle(part: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Runs of 0 and 1 by turns, column by column."""
    height, width = part["size"]
    _check_size(height, width)
    counts = part["counts"]
    runs = _uncompressed(counts) if isinstance(counts, list) else _expanded(counts)
    if (runs < 0).any() or runs.sum() != height * width:
        raise DataError(f"runs of {runs.sum()} pixels for {height} x {width}")
    values = np.arange(len(runs)) % 2 == 1
    return np.ascontiguousarray(np.repeat(values, runs).reshape(width, height).T)


def _uncompressed(counts: list[Any]) -> NDArray[np.int64]:
    runs = np.array(counts)
    if runs.ndim != 1 or runs.dtype.kind not in "iu" or runs.max() > MOST_PIXELS:
        raise DataError("runs are no list of whole numbers")
    return runs.astype(np.int64)


def _expanded(counts: object) -> NDArray[np.int64]:
    """Runs from COCO's text code.

    Each character, counted from "0", holds 5 bits and a sixth for "goes on". From the fourth on, a run is written as
    its difference to the run before the last.
    """
    text = counts.encode("ascii") if isinstance(counts, str) else counts
    if not isinstance(text, bytes):
        raise DataError(f"no run-length code: {text!r}")
    codes = np.frombuffer(text, dtype=np.uint8).astype(np.int64) - 48
    goes_on = codes & 32 > 0
    if not len(codes) or codes.min() < 0 or codes.max() > 63 or goes_on[-1]:
        raise DataError(f"no run-length code: {text[:20]!r}")
    ends = np.flatnonzero(~goes_on)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > _LONGEST_CODE:
        raise DataError("a run that no image is large enough for")
    digits = np.arange(len(codes)) - np.repeat(starts, lengths)
    runs: NDArray[np.int64] = np.add.reduceat((codes & 31) << (5 * digits), starts)
    runs -= (codes[ends] & 16 > 0) * (1 << (5 * lengths))
    runs[1::2] = runs[1::2].cumsum()
    runs[2::2] = runs[2::2].cumsum()
    return runs


def _draw_polygons(polygons: Sequence[Any], height: int, width: int) -> NDArray[np.bool_]:
    try:
        from pycocotools import mask as coco_mask
    except ImportError as error:
        raise MissingExtraError("reading polygons of a data set", "train") from error
    for polygon in polygons:
        points = np.asarray(polygon)
        if points.ndim != 1 or points.dtype.kind not in "iuf" or len(points) < 6 or len(points) % 2:
            raise DataError("a polygon is no list of three points or more")
        if not (np.abs(points) <= FARTHEST).all():  # so that not-a-number fails, too
            raise DataError("a polygon reaches too far from the image")
    return _decode_rle(coco_mask.merge(coco_mask.frPyObjects(polygons, height, width)))


def _check_size(height: object, width: object) -> None:
    if not (type(height) is int and type(width) is int and height > 0 and width > 0):
        raise DataError(f"a size of {height!r} x {width!r} pixels")
    if height * width > MOST_PIXELS:
        raise DataError(f"{height} x {width} pixels are more than the limit of {MOST_PIXELS // 10**6} megapixels")
