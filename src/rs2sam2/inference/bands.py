"""Samples of any type to 8-bit RGB.

Shapes: C bands (1 or 3), H, W image height and width in pixels.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rs2sam2.errors import ImageError

NO_DATA_COLOUR = (124, 116, 104)
"""The mean of ImageNet: after normalisation it is next to zero, so holes in an image look like nothing to a model."""

_PERCENTILES = (2.0, 98.0)
_SAMPLE = 1_000_000
_ROWS = 512


def bands_to_rgb(
    bands: NDArray[np.generic], valid: NDArray[np.bool_] | None, name: str
) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
    """Make (H, W, 3) uint8 of (C, H, W) samples; one band becomes grey.

    8-bit samples stay as they are and booleans become 0 and 255. Floating-point samples within 0..1 are scaled by
    255. Everything else is stretched, each band by its own 2nd and 98th percentile over the valid pixels, as viewers of
    satellite images do. Samples that are not finite count as invalid.

    Returns:
        The pixels and where they are valid (None: everywhere).

    Raises:
        ImageError: if no pixel is valid.
    """
    valid = with_finite(bands, valid)
    if valid is not None and not valid.any():
        raise _nothing_valid(name)
    return fill_invalid(stretched(bands, stretch_limits(bands, valid)), valid, name)


def with_finite(bands: NDArray[np.generic], valid: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """Where (C, H, W) samples are valid, (H, W): as said, and finite in every band; None for everywhere."""
    if bands.dtype.kind != "f":
        return valid
    finite: NDArray[np.bool_] = np.isfinite(bands).all(axis=0)
    return finite if valid is None else valid & finite


Limits: TypeAlias = tuple[tuple[float, float], ...] | None
"""For each band what becomes black and what white; None where samples are taken as they are."""


def stretch_limits(bands: NDArray[np.generic], valid: NDArray[np.bool_] | None) -> Limits:
    """How (C, H, W) samples, or enough of them, are brought to 8 bits, see `bands_to_rgb`; at least one is valid."""
    if bands.dtype == np.uint8 or bands.dtype.kind == "b":
        return None
    if bands.dtype.kind == "f" and _within_unit(bands, valid):
        return ((0.0, 1.0),) * len(bands)
    return tuple(_range(band, valid) for band in bands)


def stretched(bands: NDArray[np.generic], limits: Limits) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of (C, H, W) samples; one band becomes grey."""
    if limits is not None:
        channels = [_stretch(band, ends) for band, ends in zip(bands, limits, strict=True)]
    elif bands.dtype.kind == "b":
        channels = [band.astype(np.uint8) * np.uint8(255) for band in bands]
    else:
        channels = list(np.asarray(bands, dtype=np.uint8))
    return np.stack([channels[0]] * 3 if len(channels) == 1 else channels, axis=-1)


def fill_invalid(
    pixels: NDArray[np.uint8], valid: NDArray[np.bool_] | None, name: str
) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
    """Paint invalid pixels of (H, W, 3) in `NO_DATA_COLOUR`; a mask that is True everywhere becomes None.

    Raises:
        ImageError: if no pixel is valid.
    """
    if valid is None or valid.all():
        return np.ascontiguousarray(pixels), None
    if not valid.any():
        raise _nothing_valid(name)
    return np.where(valid[..., None], pixels, np.array(NO_DATA_COLOUR, dtype=np.uint8)), valid


def _nothing_valid(name: str) -> ImageError:
    return ImageError(
        f"{name}: no pixel holds data (all are transparent, no-data or not a number): check how it was exported"
    )


def _sampled(band: NDArray[np.generic], valid: NDArray[np.bool_] | None) -> NDArray[np.generic]:
    samples = band.ravel() if valid is None else band[valid]
    return samples[:: max(1, samples.size // _SAMPLE)]


def _within_unit(bands: NDArray[np.generic], valid: NDArray[np.bool_] | None) -> bool:
    seen = bands if valid is None else bands[:, valid]
    return bool(seen.min() >= 0 and seen.max() <= 1)


def _range(band: NDArray[np.generic], valid: NDArray[np.bool_] | None) -> tuple[float, float]:
    samples = _sampled(band, valid).astype(np.float64)
    low, high = np.percentile(samples, _PERCENTILES)
    if low == high:  # nearly everything is one value: only the extremes still tell something apart
        low, high = samples.min(), samples.max()
    return float(low), float(high)


def _stretch(band: NDArray[np.generic], limits: tuple[float, float]) -> NDArray[np.uint8]:
    low, high = limits
    scale = 255.0 / (high - low) if high > low else 0.0
    stretched = np.empty(band.shape, dtype=np.uint8)
    for row in range(0, len(band), _ROWS):  # in strips: a large image in float64 would take eight times its room
        strip = np.nan_to_num(band[row : row + _ROWS].astype(np.float64), nan=low, posinf=high, neginf=low)
        stretched[row : row + _ROWS] = np.clip((strip - low) * scale, 0, 255).round()
    return stretched
