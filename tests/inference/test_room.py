"""As many questions at once as memory has room for."""

from pathlib import Path

import numpy as np
import pytest
import torch

from rs2sam2.config import ModelConfig
from rs2sam2.inference import room
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.room import LARGEST_BATCH, bytes_for_one, free_memory, largest_batch
from rs2sam2.inference.segmenter import Segmenter

CPU = torch.device("cpu")
LARGE = ModelConfig.preset("large")


def say(path: Path, monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    path.write_text(f"MemTotal: 99999999 kB\nMemAvailable: {free // 1024} kB\n")
    monkeypatch.setattr(room, "_STATUS", path)


@pytest.mark.parametrize(("questions", "together"), [(0.5, 1), (1, 1), (3, 3), (8, 8), (50, LARGEST_BATCH)])
def test_half_of_what_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, questions: float, together: int) -> None:
    one = bytes_for_one(LARGE, torch.bfloat16)
    say(tmp_path / "meminfo", monkeypatch, int((questions + 0.1) * 2 * one))
    assert largest_batch(LARGE, torch.bfloat16, CPU) == together
    assert largest_batch(ModelConfig.preset("nano"), torch.float32, CPU) == LARGEST_BATCH


def test_float32_takes_twice_as_much() -> None:
    assert bytes_for_one(LARGE, torch.float32) == 2 * bytes_for_one(LARGE, torch.bfloat16)
    assert 0.4e9 < bytes_for_one(LARGE, torch.bfloat16) < 0.6e9


def test_where_nobody_says_what_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_STATUS", tmp_path / "none")
    assert free_memory(CPU) is None and largest_batch(LARGE, torch.float32, CPU) == LARGEST_BATCH


def test_this_machine_says() -> None:
    free = free_memory(CPU)
    assert free is not None and 0 < free < 2**44


def test_answers_do_not_depend_on_it(segmenter: Segmenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = RasterImage(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    texts = ["the white building", "the ship", "the small blue car"]
    many = segmenter(image, texts)
    batches = []
    real = segmenter._model.forward
    monkeypatch.setattr(segmenter._model, "forward", lambda *tensors: batches.append(len(tensors[0])) or real(*tensors))
    say(tmp_path / "meminfo", monkeypatch, 1)
    for one, other in zip(segmenter(image, texts), many, strict=True):
        np.testing.assert_allclose(one.probability, other.probability, atol=1e-5)
    assert batches == [1, 1, 1]
