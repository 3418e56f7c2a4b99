"""What camera and file format do to a picture: haze, tone, colour cast, blur, noise, JPEG."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rs2sam2.data.synthetic import noise


def photographed(rng: np.random.Generator, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 photograph of the drawn picture `pixels` (0 to 255); colour names stay true."""
    cast = 1 + rng.normal(0, 0.013, 3)
    gain = rng.uniform(0.92, 1.16)
    contrast = rng.uniform(0.88, 1.06)
    haze = rng.uniform(0.0, 0.24) if rng.random() < 0.5 else 0.0
    veil = np.array([190.0, 200.0, 188.0])
    # One affine map per channel: tone about mid grey, then cast, then haze.
    slope = (1 - haze) * contrast * gain * cast
    offset = (1 - haze) * (1 - contrast) * 118 * gain * cast + haze * veil
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32)
    grey = planes.mean(axis=0)
    planes = grey + (planes - grey) * np.float32(rng.uniform(0.78, 1.0))
    planes = planes * slope.astype(np.float32)[:, None, None] + offset.astype(np.float32)[:, None, None]
    height, width = grey.shape
    blur = float(rng.uniform(-0.05, 0.25))
    planes += np.float32(rng.uniform(1.0, 4.5)) * noise.window(rng, height, width, 0.0)
    if blur > 0:
        planes = noise.softened(planes, blur)
    toned = np.ascontiguousarray(np.clip(planes, 0, 255).astype(np.uint8).transpose(1, 2, 0))
    if rng.random() < 0.4:
        return toned
    buffer = io.BytesIO()
    Image.fromarray(toned).save(buffer, format="JPEG", quality=int(rng.integers(68, 96)))
    return np.asarray(Image.open(buffer).convert("RGB"))
