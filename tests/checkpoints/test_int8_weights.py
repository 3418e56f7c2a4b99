"""Weights in int8: written, read in every precision, refused where damaged; and answers in int8."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from rs2sam2.bench.load import iou
from rs2sam2.checkpoints import native
from rs2sam2.checkpoints.convert import convert
from rs2sam2.checkpoints.locate import locate
from rs2sam2.cli import main
from rs2sam2.data.synthetic.scene import render_scene
from rs2sam2.errors import ConfigError, WeightsError
from rs2sam2.inference.device import check_int8
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.segmenter import Segmenter
from rs2sam2.model.int8 import Int8Linear
from tiny import relative_error


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("int8") / "nano"
    assert main(["convert", "nano", str(folder), "--dtype", "int8"]) == 0
    return folder


@pytest.fixture(scope="module")
def scene() -> RasterImage:
    return RasterImage(np.asarray(render_scene(np.random.default_rng(1), 512).image))


def test_the_file_is_small_and_near(stored: Path, tmp_path: Path) -> None:
    convert(locate("nano"), tmp_path / "float32")
    small, large = (folder / native.WEIGHTS for folder in (stored, tmp_path / "float32"))
    assert small.stat().st_size < 0.3 * large.stat().st_size
    assert json.loads((stored / native.PROVENANCE).read_text())["dtype"] == "int8"
    exact, found = (native.load(folder).model.state_dict() for folder in (tmp_path / "float32", stored))
    assert max(relative_error(found[name], exact[name]) for name in exact if exact[name].any()) < 0.02


def test_once_more_in_int8_is_the_same_in_floats_again(stored: Path, tmp_path: Path) -> None:
    convert(stored, tmp_path / "again", dtype=torch.int8)
    first, second = (load_file(folder / native.WEIGHTS) for folder in (stored, tmp_path / "again"))
    assert first.keys() == second.keys()
    for name, values in first.items():
        assert second[name].dtype == values.dtype and torch.allclose(second[name], values, rtol=1e-6), name
    convert(stored, tmp_path / "floats", dtype=torch.bfloat16)
    assert {values.dtype for values in load_file(tmp_path / "floats" / native.WEIGHTS).values()} == {torch.bfloat16}


def test_info(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(stored)]) == 0
    assert "bfloat16, int8" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", ["missing", "shape"])
def test_scales_that_do_not_fit(stored: Path, tmp_path: Path, wrong: str) -> None:
    tensors = load_file(stored / native.WEIGHTS)
    name = next(name for name in tensors if name.endswith(".weight_scale"))
    if wrong == "missing":
        del tensors[name]
    else:
        tensors[name] = tensors[name][1:].clone()
    for file in stored.iterdir():
        if file.name not in (native.WEIGHTS, native.PROVENANCE):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / native.PROVENANCE).write_text("{}")
    save_file(tensors, tmp_path / native.WEIGHTS)
    with pytest.raises(WeightsError, match=name.replace(".", r"\.")) as caught:
        native.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_answers_in_int8(stored: Path, scene: RasterImage) -> None:
    texts = ["the aircraft", "the large building"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exact = Segmenter.from_pretrained("nano", "cpu", "float32")(scene, texts)
        for weights, precision in (("nano", "int8"), (stored, "int8"), (stored, "float32")):
            segmenter = Segmenter.from_pretrained(weights, "cpu", precision)
            for one, other in zip(exact, segmenter(scene, texts), strict=True):
                assert one.present == other.present
                assert iou(one.mask, other.mask) > 0.97
    assert exact[0].present


def test_an_answer_does_not_hang_on_what_is_asked_beside_it(scene: RasterImage) -> None:
    segmenter = Segmenter.from_pretrained("nano", "cpu", "int8")
    assert any(isinstance(module, Int8Linear) for module in segmenter._model.modules())  # type: ignore[union-attr]
    other = RasterImage(np.asarray(render_scene(np.random.default_rng(2), 512).image))
    views, texts = [segmenter.views(image) for image in (scene, other)], ["the aircraft", "the large building"]
    alone = [next(iter(segmenter.look([view], [text]))) for view, text in zip(views, texts, strict=True)]
    tiles = segmenter.look_at_tiles(views, texts)
    for one, together, tile in zip(alone, segmenter.look(views, texts), tiles, strict=True):
        assert tile is not None
        assert torch.equal(one.mask_logits, together.mask_logits) and torch.equal(one.mask_logits, tile.mask_logits)


def test_devices_that_do_not_multiply_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="for CPUs, not for 'cuda'"):
        check_int8(torch.device("cuda"))
    monkeypatch.setattr(torch.cpu, "_is_avx2_supported", lambda: False)
    with pytest.raises(ConfigError, match="AVX2: leave it out"):
        check_int8(torch.device("cpu"))
