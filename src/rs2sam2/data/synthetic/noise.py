"""Value noise from one fixed, periodic bank: a texture is a random window of it, so it costs a copy and no sampling.

All fields have mean 0 and standard deviation 1; a name's number is the size of its spots in pixels.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
BANK_SIZE: Final = 1024
SPOT_SIZES: Final = (0.0, 1.0, 2.5, 6.0, 16.0, 45.0)


@lru_cache(maxsize=1)
def _bank() -> dict[float, Field]:
    """Blurred versions of white noise, each wrapping around at its edges."""
    white = np.random.default_rng(1905).standard_normal((BANK_SIZE, BANK_SIZE))
    spectrum = np.fft.rfft2(white)
    rows = np.fft.fftfreq(BANK_SIZE)[:, None]
    columns = np.fft.rfftfreq(BANK_SIZE)[None, :]
    bank = {}
    for spot in SPOT_SIZES:
        low_pass = np.exp(-2 * (np.pi * spot) ** 2 * (rows**2 + columns**2))
        low_pass[0, 0] = 0.0
        blurred = np.fft.irfft2(spectrum * low_pass, s=white.shape)
        bank[spot] = np.ascontiguousarray(blurred / blurred.std(), dtype=np.float32)
    return bank


def window(rng: np.random.Generator, height: int, width: int, spot: float) -> Field:
    """(height, width) noise with spots of about `spot` pixels, one of `SPOT_SIZES`."""
    field = _bank()[spot]
    if max(height, width) > BANK_SIZE:
        field = np.tile(field, (-(-height // BANK_SIZE), -(-width // BANK_SIZE)))
    top, left = int(rng.integers(field.shape[0] - height + 1)), int(rng.integers(field.shape[1] - width + 1))
    part = field[top : top + height, left : left + width]
    return part[::-1] if rng.random() < 0.5 else part


def mixed(rng: np.random.Generator, height: int, width: int, weights: dict[float, float]) -> Field:
    """Sum of several spot sizes; weights are amplitudes."""
    total = np.zeros((height, width), dtype=np.float32)
    for spot, weight in weights.items():
        total += np.float32(weight) * window(rng, height, width, spot)
    return total


def looked_up(rows: Field, columns: Field, spot: float) -> Field:
    """Noise at arbitrary coordinates (nearest entry), for textures that follow an object's own axes."""
    where = (rows.astype(np.int32) & (BANK_SIZE - 1)) * BANK_SIZE + (columns.astype(np.int32) & (BANK_SIZE - 1))
    found: Field = _bank()[spot].ravel().take(where)
    return found


def step(field: Field, edge: float, softness: float) -> Field:
    """0 below `edge`, 1 above, linear over `softness`."""
    clipped: Field = np.clip((field - edge) / softness + 0.5, 0.0, 1.0, dtype=np.float32)
    return clipped


def softened(field: Field, share: float) -> Field:
    """The field blurred over the last two axes with the weights (share, 1 - 2 share, share)."""
    side, middle = np.float32(share), np.float32(1 - 2 * share)
    down = field * middle
    down[..., 1:, :] += side * field[..., :-1, :]
    down[..., :-1, :] += side * field[..., 1:, :]
    across = down * middle
    across[..., 1:] += side * down[..., :-1]
    across[..., :-1] += side * down[..., 1:]
    return across
