"""Pixels in, masks back."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from rs2sam2.preprocess import IMAGENET_MEAN, IMAGENET_STD, model_inputs, normalised, to_image_grid
from tiny import tiny_config


def pixels_of(tensor: torch.Tensor) -> np.ndarray:
    """Back to 0..255, (H, W, 3)."""
    mean, std = (torch.tensor(t)[:, None, None] for t in (IMAGENET_MEAN, IMAGENET_STD))
    return ((tensor * std + mean) * 255).permute(1, 2, 0).numpy()


def test_statistics_are_imagenet_s() -> None:
    assert (IMAGENET_MEAN, IMAGENET_STD) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_normalisation_by_hand() -> None:
    picture = Image.new("RGB", (2, 2), (255, 0, 51))
    expected = torch.tensor([(1 - 0.485) / 0.229, -0.456 / 0.224, (0.2 - 0.406) / 0.225])
    found = normalised(picture, 2)
    assert found.dtype == torch.float32
    assert torch.allclose(found, expected[:, None, None].expand(3, 2, 2), atol=1e-6)


def test_shrinking_by_hand() -> None:
    """PIL's bilinear widens with the scale: halving four pixels weighs them 3, 3, 1 (of 7), as torch's own does not."""
    row = np.array([10, 80, 200, 120], dtype=np.uint8)
    image = np.repeat(np.repeat(row[None, :, None], 4, axis=0), 3, axis=2)
    found = pixels_of(normalised(Image.fromarray(image), 2))
    expected = [(3 * 10 + 3 * 80 + 200) / 7, (80 + 3 * 200 + 3 * 120) / 7]
    assert np.abs(found[0, :, 0] - expected).max() <= 0.51
    assert np.abs(found[0, :, 0] - [(10 + 80) / 2, (200 + 120) / 2]).min() > 5


def test_stretching_by_hand() -> None:
    image = np.array([[[0] * 3, [200] * 3]], dtype=np.uint8)
    found = pixels_of(normalised(Image.fromarray(image), 4))
    assert np.abs(found[:, :, 1] - [0, 50, 150, 200]).max() <= 0.51


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 500), (37, 91), (800, 787)])
def test_any_shape_becomes_two_squares(height: int, width: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    config = tiny_config()
    trunk, union = model_inputs(image, config)
    assert trunk.shape == (3, 64, 64)
    assert union.shape == (3, 32, 32)
    assert torch.equal(union, normalised(Image.fromarray(image), 32))


def test_aspect_ratio_is_not_kept() -> None:
    """The left half stays the left half: nothing is cropped or padded."""
    image = np.zeros((10, 100, 3), dtype=np.uint8)
    image[:, :50] = 255
    trunk, _ = model_inputs(image, tiny_config())
    assert np.abs(pixels_of(trunk)[:, :30] - 255).max() < 1
    assert np.abs(pixels_of(trunk)[:, 34:]).max() < 1


def test_the_image_is_not_changed() -> None:
    image = np.full((8, 8, 3), 7, dtype=np.uint8)
    trunk, _ = model_inputs(image, tiny_config())
    trunk += 1
    assert (image == 7).all()


def test_image_grid_by_hand() -> None:
    logits = torch.tensor([[0.0, 1.0], [2.0, 3.0]])[None, None]
    found = to_image_grid(logits, 2, 4)
    assert torch.allclose(found[0, 0, 0], torch.tensor([0.0, 0.25, 0.75, 1.0]))


@given(st.integers(1, 40), st.integers(1, 40))
def test_image_grid_has_the_image_s_size_and_invents_no_extremes(height: int, width: int) -> None:
    logits = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(height))
    found = to_image_grid(logits, height, width)
    assert found.shape == (2, 1, height, width)
    assert logits.min() - 1e-5 <= found.min() <= found.max() <= logits.max() + 1e-5
