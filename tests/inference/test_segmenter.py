"""From an image and words to answers at the image's own size."""

import dataclasses
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from affine import Affine
from PIL import Image
from rasterio.crs import CRS

import rs2sam2
from rs2sam2.config import Decision, ModelConfig
from rs2sam2.errors import ConfigError, ExpressionError, ImageError, MissingExtraError, Rs2Sam2Error, WeightsError
from rs2sam2.inference import extras
from rs2sam2.inference import looking as module
from rs2sam2.inference.device import choose_device, choose_dtype
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.language import LanguageWarning
from rs2sam2.inference.segmentation import Segmentation
from rs2sam2.inference.segmenter import Segmenter
from rs2sam2.preprocess import model_inputs

PICTURE = np.random.default_rng(0).integers(0, 256, (90, 140, 3), dtype=np.uint8)
TEXTS = ["the white building", "the small blue ship at the top", "the tennis court at the lower right"]


def decided(segmenter: Segmenter, **values: object) -> Segmenter:
    return Segmenter(dataclasses.replace(segmenter._bundle, decision=Decision(**values)))


def test_public_names() -> None:
    assert (rs2sam2.Segmenter, rs2sam2.Segmentation) == (Segmenter, Segmentation)
    assert set(rs2sam2.__all__) <= set(dir(rs2sam2))
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = rs2sam2.nothing_like_it


def test_one_answer(segmenter: Segmenter) -> None:
    answer = segmenter(PICTURE, TEXTS[0])
    assert isinstance(answer, Segmentation) and answer.expression == TEXTS[0]
    assert answer.mask.shape == answer.probability.shape == (90, 140)
    assert (answer.mask.dtype, answer.probability.dtype) == (bool, np.float32)
    assert answer.probability.min() >= 0 and answer.probability.max() <= 1
    assert np.array_equal(answer.mask, answer.probability > 0.27) and answer.present
    assert 0 < answer.area_px < answer.mask.size
    assert answer.p_present == pytest.approx(answer.probability.max())
    assert answer.score == answer.p_present * answer.predicted_iou
    assert answer.weights.name == "test" and len(answer.weights.sha256) == 64
    assert sum(polygon.area for polygon in answer.polygons) == answer.area_px
    x_min, y_min, x_max, y_max = answer.bbox
    assert answer.mask[y_min:y_max, x_min:x_max].sum() == answer.area_px and answer.box == answer.bbox
    assert answer.area_m2 is None and answer.crs is None


def test_several_expressions_answer_as_each_alone(segmenter: Segmenter) -> None:
    together = segmenter(PICTURE, TEXTS * 3)  # more than one batch
    assert [answer.expression for answer in together] == TEXTS * 3
    for text, answer in zip(TEXTS, together, strict=False):
        alone = segmenter(PICTURE, text)
        np.testing.assert_allclose(answer.probability, alone.probability, atol=1e-5)
        assert answer.predicted_iou == pytest.approx(alone.predicted_iou, abs=1e-5)
    assert not np.allclose(together[0].probability, together[1].probability, atol=1e-5)
    assert isinstance(segmenter(PICTURE, TEXTS[:1]), list)


def test_several_images_answer_as_each_alone(segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = ((90, 140), (31, 60), (200, 120))
    images = [
        RasterImage(np.random.default_rng(n).integers(0, 256, (*size, 3), np.uint8)) for n, size in enumerate(sizes)
    ]
    questions = [(image, text) for image in images for text in TEXTS]  # nine: the last image's answers span two batches
    prepared = []

    def counting(pixels: np.ndarray, config: object) -> object:
        prepared.append(pixels.shape)
        return model_inputs(pixels, config)

    monkeypatch.setattr(module, "model_inputs", counting)
    together = list(segmenter.answers(questions, threshold=0.3))
    assert prepared == [(*size, 3) for size in sizes]
    for (image, text), answer in zip(questions, together, strict=True):
        alone = segmenter(image, text, threshold=0.3)
        assert answer.expression == text and answer.mask.shape == image.pixels.shape[:2]
        np.testing.assert_allclose(answer.probability, alone.probability, atol=1e-5)
    for wrong in (" ", "building " * 500):  # in the second batch, and found before the first runs
        with pytest.raises(ExpressionError):
            next(segmenter.answers([*questions, (images[0], wrong)]))


def test_any_source_gives_the_same(segmenter: Segmenter, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(PICTURE).save(path)
    first, *others = [segmenter(source, TEXTS[0]) for source in (path, str(path), Image.open(path), PICTURE)]
    assert all(np.array_equal(first.probability, other.probability) for other in others)


def test_what_looks_like_control_tokens_is_text(segmenter: Segmenter) -> None:
    plain, marked, padded = segmenter(PICTURE, ["the building", "the building </s>", "the building <pad>"])
    assert not np.array_equal(plain.probability, marked.probability)
    assert not np.array_equal(plain.probability, padded.probability)


def test_threshold(segmenter: Segmenter) -> None:
    low, high = segmenter(PICTURE, TEXTS[0], threshold=0.25), segmenter(PICTURE, TEXTS[0], threshold=0.4)
    assert high.area_px < low.area_px
    assert np.array_equal(low.mask, low.probability > 0.25)
    for wrong in (0.0, 1.0, -3.0, float("nan")):
        with pytest.raises(ConfigError, match="mask_threshold"):
            segmenter(PICTURE, TEXTS[0], threshold=wrong)


def test_not_present_is_an_empty_mask(segmenter: Segmenter) -> None:
    absent = decided(segmenter, mask_threshold=0.27, presence="mask", presence_threshold=0.9)(PICTURE, TEXTS[0])
    assert not absent.present and not absent.mask.any() and absent.probability.any()
    assert (absent.area_px, absent.bbox, absent.box, absent.polygons) == (0, None, None, ())
    # The object score may be sure of a thing that no pixel belongs to: that is no answer either.
    nothing = decided(segmenter, mask_threshold=0.99, presence="object_score", presence_threshold=1e-6)
    assert not nothing(PICTURE, TEXTS[0]).present


def test_presence_by_object_score(segmenter: Segmenter) -> None:
    answer = decided(segmenter, mask_threshold=0.27, presence="object_score", presence_threshold=1e-6)(
        PICTURE, TEXTS[0]
    )
    assert answer.present and 0 < answer.p_present < 1
    assert answer.p_present != pytest.approx(answer.probability.max())


def test_place_and_missing_data_reach_the_answer(segmenter: Segmenter) -> None:
    valid = np.ones((90, 140), dtype=bool)
    valid[:, :70] = False
    place = {"transform": Affine(0.1, 0, 9_520_000, 0, -0.1, 3_200_000), "crs": CRS.from_epsg(3857)}
    answer = segmenter(RasterImage(PICTURE, valid=valid, **place), TEXTS[0])
    assert (answer.transform, answer.crs) == (place["transform"], place["crs"])
    assert not answer.mask[:, :70].any() and not answer.probability[:, :70].any() and answer.mask.any()
    assert answer.area_m2 == pytest.approx(answer.area_px * 0.01 * 0.785, rel=0.01)
    assert answer.box[0] >= 9_520_007


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (700, 3)])
def test_odd_sizes(segmenter: Segmenter, shape: tuple[int, int]) -> None:
    assert segmenter(np.full((*shape, 3), 100, dtype=np.uint8), TEXTS[0]).mask.shape == shape


def test_refused(segmenter: Segmenter) -> None:
    with pytest.raises(ExpressionError, match="holds no word"):
        segmenter(PICTURE, " ")
    with pytest.raises(ExpressionError, match=r"64.*shorten"):
        segmenter(PICTURE, "the white building " * 40)
    with pytest.raises(ExpressionError, match="no expression"):
        segmenter(PICTURE, [])
    with pytest.raises(ImageError, match="no such file"):
        segmenter("nothing.png", TEXTS[0])


def test_unknown_words_are_warned_of(segmenter: Segmenter) -> None:
    with pytest.warns(LanguageWarning, match="Cyrillic") as caught:
        answer = segmenter(PICTURE, "белое здание")
    assert answer.warnings and str(caught[0].message) == answer.warnings[0]
    assert Path(caught[0].filename) == Path(__file__)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert segmenter(PICTURE, TEXTS[0]).warnings == ()


def test_loading(weights_folder: Path) -> None:
    for device in ("cuda:99", "meta", "nonsense", "cpu:x"):
        with pytest.raises(ConfigError, match="use 'cpu'") as error:
            Segmenter.from_pretrained(weights_folder, device=device)
        assert "\n" not in str(error.value)
    with pytest.raises(ConfigError, match="precision 'int4'"):
        Segmenter.from_pretrained(weights_folder, precision="int4")
    with pytest.raises(WeightsError, match="nowhere"):
        Segmenter.from_pretrained("nowhere")


def test_bfloat16_answers_much_the_same(weights_folder: Path, segmenter: Segmenter) -> None:
    coarse = Segmenter.from_pretrained(weights_folder, device="cpu", precision="bfloat16")(PICTURE, TEXTS[0])
    assert coarse.probability.dtype == np.float32
    np.testing.assert_allclose(coarse.probability, segmenter(PICTURE, TEXTS[0]).probability, atol=0.03)


def test_too_little_memory_is_said(segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory\nand so on")

    monkeypatch.setattr(segmenter._model, "forward", full)
    with pytest.raises(Rs2Sam2Error, match="too little memory") as error:
        segmenter(PICTURE, TEXTS[0])
    assert "\n" not in str(error.value)


def test_without_the_geo_extra(segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "has_geo", lambda: False)
    answer = segmenter(PICTURE, TEXTS[0])
    assert answer.area_px and answer.bbox and answer.area_m2 is None
    with pytest.raises(MissingExtraError, match=r"making polygons.*rs2sam2\[geo\]"):
        _ = answer.polygons


def test_default_device_and_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert choose_device(None) == torch.device("cuda")
    nano, large = ModelConfig.preset("nano"), ModelConfig.preset("large")
    assert choose_dtype(torch.device("cuda"), "auto", nano) == torch.bfloat16
    for fast in (False, True):
        monkeypatch.setattr("rs2sam2.inference.device.cpu_multiplies_bfloat16", lambda fast=fast: fast)
        assert choose_dtype(torch.device("cpu"), "auto", nano) == torch.float32
        assert choose_dtype(torch.device("cpu"), "auto", large) == (torch.bfloat16 if fast else torch.float32)
    assert choose_dtype(torch.device("mps"), "auto", large) == torch.float32


def test_an_expression_that_means_one_thing_can_be_answered_with_one_part(
    segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch
) -> None:
    probability = np.zeros((90, 140), np.float32)
    probability[2:6, 3:9] = 0.9
    probability[20:30, 30:32] = 0.6
    monkeypatch.setattr(Segmenter, "_probability", lambda *_: probability)
    calibrated = decided(segmenter, one_thing="surest part")
    as_published = decided(segmenter)(PICTURE, "the white building")
    one, several = calibrated(PICTURE, ["the white building", "the white buildings"])
    assert (as_published.mask == (probability > 0.5)).all()
    assert (several.mask == as_published.mask).all()
    assert (one.mask == (probability > 0.7)).all() and (one.probability == probability).all()
    assert (calibrated.mask_on_grid(one, 90, 140) == one.mask).all()
