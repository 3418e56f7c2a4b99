"""Points and boxes beside the words: where they go, what they cost, and what they make of an answer."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rs2sam2.config import Decision
from rs2sam2.errors import ConfigError, ExpressionError, PromptError, Rs2Sam2Error
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.one_thing import surest_part
from rs2sam2.inference.segmenter import Segmenter
from rs2sam2.inference.user_prompts import MOST_POINTS, UserPrompts, on_grid
from rs2sam2.model.rs2sam2 import Prompts
from rs2sam2.model.sam2_prompt_encoder import BACKGROUND, BOX_LOWER_RIGHT, BOX_UPPER_LEFT, FOREGROUND

WIDTH, HEIGHT = 140, 90
IMAGE = RasterImage(np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))
TEXT = "the white building"
POINTS, LABELS, BOX = [(70, 45), (10.5, 80.25), (139, 0)], [1, 0, 1], (20, 10, 100, 80)


def decided(segmenter: Segmenter, **values: object) -> Segmenter:
    return Segmenter(dataclasses.replace(segmenter._bundle, decision=Decision(**values)))


@pytest.fixture
def decodes(segmenter: Segmenter, monkeypatch: pytest.MonkeyPatch) -> list[Prompts | None]:
    """What the decoder was run with, in order."""
    seen, genuine = [], segmenter._model.decode

    def watched(reading, sight, prompts=None):
        seen.append(prompts)
        return genuine(reading, sight, prompts)

    monkeypatch.setattr(segmenter._model, "decode", watched)
    return seen


@pytest.mark.parametrize("box", [None, BOX])
def test_clicks_go_in_one_at_a_time_each_with_the_mask_that_it_corrects(segmenter, box):
    model, side = segmenter._model, 64
    seen = segmenter.see(IMAGE, TEXT)
    answer = segmenter(IMAGE, TEXT, points=POINTS, labels=LABELS, box=box)
    xy = [] if box is None else [(box[0], box[1]), (box[2], box[3])]
    labels = [] if box is None else [BOX_UPPER_LEFT, BOX_LOWER_RIGHT]

    def prompts(mask_logits):
        centred = [(x * side / WIDTH - 0.5, y * side / HEIGHT - 0.5) for x, y in xy]
        return Prompts(torch.tensor([centred]), torch.tensor([labels]), mask_logits)

    with torch.inference_mode():
        found = model.decode(seen.reading, seen.sight, prompts(None) if xy else None)
        for point, label in zip(POINTS, LABELS, strict=True):
            xy.append(point)
            labels.append(FOREGROUND if label else BACKGROUND)
            found = model.decode(seen.reading, seen.sight, prompts(found.mask_logits))
    np.testing.assert_allclose(answer.mask_logits, found.mask_logits[0, 0].numpy(), atol=1e-5)
    assert answer.predicted_iou == pytest.approx(float(found.predicted_iou), abs=1e-6)
    assert answer.prompts == UserPrompts.of(POINTS, LABELS, box)
    words = segmenter(IMAGE, TEXT)
    assert words.prompts is None and not np.allclose(words.probability, answer.probability, atol=1e-3)


def test_every_part_of_a_prompt_matters(segmenter):
    seen = segmenter.see(IMAGE, TEXT)
    asked = [
        {},
        {"box": BOX},
        {"box": (20, 10, 100, 81)},
        {"points": POINTS[:1]},
        {"points": POINTS[:1], "labels": [0]},
        {"points": [(70, 46)]},
        {"points": POINTS[:2], "labels": LABELS[:2]},
        {"points": POINTS[1::-1], "labels": LABELS[1::-1]},
        {"points": POINTS[:1], "box": BOX},
    ]
    found = [segmenter.correct(seen, **prompts).mask_logits for prompts in asked]
    for number, logits in enumerate(found):
        assert not any(np.array_equal(logits, other) for other in found[:number])


def test_the_words_alone_are_what_a_call_answers(segmenter):
    called, corrected = segmenter(IMAGE, TEXT), segmenter.correct(segmenter.see(IMAGE, TEXT))
    np.testing.assert_allclose(corrected.probability, called.probability, atol=1e-5)
    assert (corrected.present, corrected.warnings, corrected.prompts) == (called.present, called.warnings, None)


def test_a_further_click_costs_one_decode_and_undo_and_threshold_none(segmenter, decodes):
    seen = segmenter.see(IMAGE, TEXT)
    costs, masks = [], []
    for count in (0, 1, 2, 3, 2, 3):
        before = len(decodes)
        masks.append(segmenter.correct(seen, POINTS[:count], LABELS[:count]).mask_logits)
        costs.append(len(decodes) - before)
    assert costs == [1, 1, 1, 1, 0, 1]
    assert np.array_equal(masks[2], masks[4]) and np.array_equal(masks[3], masks[5])
    before = len(decodes)
    low, high = (segmenter.correct(seen, POINTS, LABELS, threshold=threshold) for threshold in (0.25, 0.4))
    assert len(decodes) == before and low.area_px > high.area_px
    stateless = segmenter(IMAGE, TEXT, points=POINTS, labels=LABELS)
    assert np.array_equal(stateless.mask_logits, masks[3])
    with_box = segmenter.correct(seen, POINTS, LABELS, BOX)
    assert np.array_equal(
        with_box.mask_logits, segmenter(IMAGE, TEXT, points=POINTS, labels=LABELS, box=BOX).mask_logits
    )
    assert len(seen._decoded) == 4  # the latest way alone


def test_the_numbers_can_be_kept_and_cut_later(segmenter, decodes):
    seen, prompts = segmenter.see(IMAGE, TEXT), UserPrompts.of(POINTS, LABELS, BOX)
    output = segmenter.decode(seen, prompts)
    count = len(decodes)
    later = segmenter.answer(IMAGE, TEXT, output, 0.4, origin=(7, 9), prompts=prompts)
    assert len(decodes) == count == 4 and later.origin == (7, 9)
    assert np.array_equal(later.mask, segmenter.correct(seen, POINTS, LABELS, BOX, 0.4).mask)
    kept = [seen.reading.text, seen.sight.image, *seen.sight.high_resolution]
    assert seen.nbytes > sum(part.nbytes for part in kept) and seen.image is IMAGE


def test_presence_is_decided_by_the_mask(segmenter):
    strict = decided(segmenter, mask_threshold=0.27, presence="object_score", presence_threshold=0.999)
    assert not strict(IMAGE, TEXT).present
    for prompts in ({"points": POINTS, "labels": LABELS}, {"box": BOX}):
        answer = strict(IMAGE, TEXT, **prompts)
        assert answer.present and np.array_equal(answer.mask, answer.probability > 0.27) and answer.mask.any()
        assert answer.p_present == pytest.approx(answer.probability.max())
        assert np.array_equal(strict.mask_on_grid(answer, HEIGHT, WIDTH), answer.mask)
    empty = strict(IMAGE, TEXT, threshold=0.999, points=POINTS)
    assert not empty.present and not empty.mask.any()


def test_a_part_that_was_clicked_is_kept(segmenter, monkeypatch):
    probability = np.zeros((HEIGHT, WIDTH), np.float32)
    probability[2:6, 3:9] = 0.9
    probability[20:30, 30:32] = 0.6
    probability[50:52, 50:52] = 0.7
    monkeypatch.setattr(Segmenter, "_probability", lambda *_: probability)
    one = decided(segmenter, one_thing="surest part")
    surest, clicked = probability == np.float32(0.9), probability == np.float32(0.6)
    kept = one(IMAGE, TEXT, points=[(31.99, 20), (100, 80)])
    assert np.array_equal(one(IMAGE, TEXT).mask, surest)
    assert np.array_equal(kept.mask, surest | clicked)
    assert np.array_equal(one(IMAGE, TEXT, points=[(31.99, 20)], labels=[0]).mask, surest)
    assert np.array_equal(one.mask_on_grid(kept, HEIGHT, WIDTH), kept.mask)


def test_a_click_beside_every_part_keeps_the_surest_alone():
    probability = np.zeros((6, 8), np.float32)
    probability[0:2, 0:5], probability[4:6, 4:8] = 0.51, 0.9
    found = surest_part(probability > 0.5, probability, np.array([[3, 3], [4, 4]]))
    assert found[4:6, 4:8].all() and found.sum() == 8


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        ({"points": [(140, 3)]}, r"point \(140, 3\) lies outside the image, which is 140 x 90"),
        ({"points": [(3, -0.1)]}, "outside"),
        ({"points": [(3, float("nan"))]}, "finite"),
        ({"points": [(3, float("inf"))]}, "finite"),
        ({"points": (3, 4)}, r"shape \(2,\)"),
        ({"points": [(3, 4, 5)]}, "pairs"),
        ({"points": [(3, 4), (3,)]}, "no table of numbers"),
        ({"points": [("a", "b")]}, "no table of numbers"),
        ({"points": [(1j, 2)]}, "no table of numbers"),
        ({"points": [(3, 4)] * (MOST_POINTS + 1)}, "at most 64"),
        ({"points": [(3, 4)], "labels": [2]}, "labels 2"),
        ({"points": [(3, 4)], "labels": [1, 0]}, "one label for each point"),
        ({"points": [(3, 4)], "labels": 1}, "one label for each point"),
        ({"labels": [1]}, "0 points"),
        ({"box": (3, 4, 3, 9)}, r"box \(3, 4, 3, 9\) is empty"),
        ({"box": (9, 4, 3, 9)}, "empty"),
        ({"box": (3, 4, 141, 9)}, "out of the image"),
        ({"box": (3, 4, 9)}, "x0, y0, x1, y1"),
        ({"box": (3, 4, 9, None)}, "no table of numbers"),
    ],
)
def test_refused_in_one_line(segmenter, decodes, prompts, said):
    with pytest.raises(PromptError, match=said) as error:
        segmenter(IMAGE, TEXT, **prompts)
    assert "\n" not in str(error.value) and isinstance(error.value, Rs2Sam2Error) and not decodes


def test_refused_with_other_words_or_thresholds(segmenter):
    with pytest.raises(PromptError, match="2 expressions"):
        segmenter(IMAGE, [TEXT, "the blue ship"], points=POINTS)
    with pytest.raises(ConfigError, match="mask_threshold"):
        segmenter(IMAGE, TEXT, threshold=2.0, points=POINTS)
    with pytest.raises(ExpressionError, match="holds no word"):
        segmenter(IMAGE, " ", points=POINTS)
    with pytest.raises(ExpressionError, match="shorten"):
        segmenter.see(IMAGE, "the white building " * 40)


def test_nothing_given_is_no_prompt(segmenter):
    for empty in ([], (), np.empty((0, 2)), None):
        assert UserPrompts.of(empty, [] if empty is not None else None) is None
    assert segmenter(IMAGE, TEXT, points=[]).prompts is None
    many = UserPrompts.of(np.array([[3, 4]] * MOST_POINTS, np.int32), np.ones(MOST_POINTS, bool))
    assert many == UserPrompts(((3.0, 4.0),) * 64, (1,) * 64) and hash(many)


sizes = st.tuples(st.integers(1, 3000), st.integers(1, 3000))


@given(sizes, sizes, st.data())
def test_a_pixel_keeps_its_place_on_any_grid(size, grid, data):
    column, row = (data.draw(st.integers(0, side - 1)) for side in size)
    dx, dy = (data.draw(st.floats(0, 1, exclude_max=True)) for _ in range(2))
    prompts = UserPrompts.of([(min(column + dx, np.nextafter(size[0], 0)), row), (0, 0)], [1, 0])
    prompts.check_inside(*size)
    assert prompts.foreground(size, size).tolist() == [[row, min(int(column + dx), size[0] - 1)]]
    ((there_row, there_column),) = prompts.foreground(size, grid)
    assert 0 <= there_column < grid[0] and 0 <= there_row < grid[1]
    x, y = on_grid([(column + dx, row + dy)], size, grid)[0]
    back = on_grid([(x, y)], grid, size)[0]
    assert back == pytest.approx([column + dx, row + dy], abs=1e-6)
    assert x / grid[0] == pytest.approx((column + dx) / size[0])


def test_what_the_words_alone_found(segmenter):
    valid = np.ones((HEIGHT, WIDTH), dtype=bool)
    valid[:, :30] = False
    answer = segmenter(RasterImage(IMAGE.pixels, valid=valid), TEXT)
    found, logits = answer.pseudo_mask, answer.pseudo_mask_logits
    assert found.shape == (HEIGHT, WIDTH) and found.dtype == np.float32 and logits.shape == (4, 4)
    assert not found[:, :30].any()
    cells = 1 / (1 + np.exp(-logits))
    assert found[HEIGHT // 8, 60] == pytest.approx(np.interp(60.5, [52.5, 87.5], cells[0, 1:3]), abs=0.02)
    assert found is answer.pseudo_mask and segmenter.has_pseudo_mask
    corrected = segmenter(RasterImage(IMAGE.pixels, valid=valid), TEXT, points=POINTS[:1])
    np.testing.assert_allclose(corrected.pseudo_mask, found, atol=1e-5)
    assert dataclasses.replace(answer, pseudo_mask_logits=None).pseudo_mask is None


def test_in_half_precision_a_pixel_is_still_a_pixel(segmenter):
    encoder = segmenter._model.prompt_encoder
    near = torch.tensor([[[700.0, 300.0], [701.0, 300.0]]]), torch.ones(1, 2, dtype=torch.int64)
    exact = encoder.pe_layer((near[0] + 0.5) / 1024)
    half = type(encoder.pe_layer)(2 * encoder.pe_layer.positional_encoding_gaussian_matrix.shape[1]).bfloat16()
    half.positional_encoding_gaussian_matrix.copy_(encoder.pe_layer.positional_encoding_gaussian_matrix)
    found = half((near[0] + 0.5) / 1024)
    assert found.dtype == torch.bfloat16 and not torch.equal(found[0, 0], found[0, 1])
    torch.testing.assert_close(found.float(), exact, atol=0.03, rtol=0)
