"""`Segmenter.explore`: what Python does with the map, and what the map's messages do."""

import io
import json

import numpy as np
import pytest
from affine import Affine
from PIL import Image
from rasterio.crs import CRS

from rs2sam2.errors import ConfigError, ExpressionError, ImageError, MissingExtraError, PromptError
from rs2sam2.inference import extras
from rs2sam2.inference.explore import explorer as module
from rs2sam2.inference.explore.layers import MOST_STEPS
from rs2sam2.inference.explore.pictures import TILE, Tiles, heat_png, mask_png
from rs2sam2.inference.images import RasterImage

pytest.importorskip("anywidget", reason="the extra 'notebook' is not installed")

PIXELS = np.random.default_rng(0).integers(0, 256, (90, 140, 3), dtype=np.uint8)
TEXT, OTHER = "the white building", "the small blue ship"


@pytest.fixture
def explorer(segmenter):
    return segmenter.explore(PIXELS)


def same(one, other):
    return np.array_equal(one.mask, other.mask) and one.score == pytest.approx(other.score, abs=1e-4)


def test_every_deed_answers_as_a_call(explorer, segmenter):
    assert explorer.answer is None and explorer.answers == ()
    assert same(explorer.ask(TEXT), segmenter(PIXELS, TEXT))
    assert same(explorer.click(30, 20), segmenter(PIXELS, TEXT, points=[(30, 20)]))
    explorer.click(100, 70, belongs=False)
    box = (10, 5, 120, 80)
    marks = {"points": [(30, 20), (100, 70)], "labels": [1, 0], "box": box}
    assert same(explorer.draw_box(*box), segmenter(PIXELS, TEXT, **marks))
    explorer.threshold = 0.4
    assert explorer.threshold == 0.4 and same(explorer.answer, segmenter(PIXELS, TEXT, 0.4, **marks))
    assert len(explorer.answers) == 1 and explorer.answer.prompts.points == ((30, 20), (100, 70))


def test_the_next_click_costs_the_decoder_alone(explorer, segmenter, monkeypatch):
    explorer.ask(TEXT)
    monkeypatch.setattr(segmenter, "see", lambda *_: pytest.fail("the model looked again"))
    explorer.click(30, 20)
    explorer.threshold = 0.5
    explorer.undo()
    monkeypatch.setattr(segmenter, "decode", lambda *_: pytest.fail("what is taken back was there already"))
    explorer.undo()
    assert explorer.answer.prompts is None


def test_undo_goes_back_step_by_step(explorer):
    steps = [explorer.step]
    for deed in (
        lambda: explorer.ask(TEXT),
        lambda: explorer.click(30, 20),
        lambda: explorer.ask(OTHER),
        lambda: explorer.draw_box(10, 10, 50, 50),
        lambda: explorer.show(0, False),
        lambda: explorer.remove(1),
    ):
        deed()
        steps.append(explorer.step)
    assert explorer.step.current == 0 and not explorer.step.layers[0].visible
    while explorer.can_undo:
        assert explorer.step is steps.pop()
        explorer.undo()
    assert explorer.step is steps[0] and explorer.answer is None
    explorer.undo()
    assert explorer.step is steps[0]


def test_a_slide_of_the_threshold_is_one_step(explorer):
    explorer.ask(TEXT)
    for value in (0.3, 0.5, 0.7):
        explorer.threshold = value
    explorer.undo()
    assert explorer.answer.prompts is None and explorer.threshold == explorer.own_threshold
    explorer.threshold = 0.5
    explorer.click(3, 3)
    explorer.threshold = 0.6
    explorer.undo()
    assert explorer.threshold == 0.5, "after a click another slide begins"


def test_clicks_are_for_the_layer_that_was_chosen(explorer):
    explorer.ask(TEXT)
    explorer.ask(OTHER)
    explorer.choose(0)
    explorer.click(30, 20)
    first, second = explorer.answers
    assert (first.expression, second.expression) == (TEXT, OTHER) and first.prompts and not second.prompts
    explorer.choose(7)
    assert explorer.step.current == 0


def test_a_part_is_a_scene_of_its_own(segmenter):
    place = {"crs": CRS.from_epsg(32636), "transform": Affine(0.5, 0, 452_000, 0, -0.5, 36_000)}
    explorer = segmenter.explore(RasterImage(PIXELS, valid=np.arange(140) < np.full((90, 1), 100), **place))
    answer = explorer.ask(TEXT, scene=(40.4, 20, 200, 80.1))
    assert answer.mask.shape == (60, 100) and answer.origin == (40, 20)
    assert answer.transform @ (0, 0) == (452_020, 35_990) and not answer.mask[:, 60:].any()
    assert same(answer, segmenter(explorer.image.part(40, 20, 140, 80), TEXT))
    clicked = explorer.click(70, 50)
    assert clicked.prompts.points == ((30, 30),) and explorer.step.layers[0].prompts.points == ((70, 50),)
    with pytest.raises(PromptError, match="outside"):
        explorer.click(20, 50)


def test_what_cannot_be_asked_changes_nothing(explorer, monkeypatch):
    for deed, error in (
        (lambda: explorer.click(3, 3), PromptError),
        (lambda: explorer.ask(" "), ExpressionError),
        (lambda: explorer.ask(TEXT, (200, 0, 300, 50)), PromptError),
        (lambda: explorer.ask(TEXT, (1, 2, 3)), PromptError),
        (lambda: setattr(explorer, "threshold", 0.5), PromptError),
    ):
        with pytest.raises(error):
            deed()
    assert not explorer.can_undo
    explorer.ask(TEXT)
    for deed, error in (
        (lambda: explorer.click(140, 3), PromptError),
        (lambda: explorer.draw_box(5, 5, 5, 9), PromptError),
        (lambda: setattr(explorer, "threshold", 1.5), ConfigError),
    ):
        before = explorer.step
        with pytest.raises(error):
            deed()
        assert explorer.step is before
    monkeypatch.setattr(module, "MOST_PIXELS", 1000)
    with pytest.raises(PromptError, match="12,600 pixels is too large for one look"):
        explorer.ask(TEXT)
    assert explorer.ask(TEXT, (0, 0, 40, 25)).mask.size == 1000


def test_memory_of_steps_is_bounded(explorer):
    explorer.ask(TEXT)
    for _ in range(2 * MOST_STEPS):
        explorer.show(0, False)
    assert len(explorer._steps) == MOST_STEPS + 1
    for text in [TEXT, OTHER] * 3:
        for x in range(3):
            explorer.ask(text, (x, 0, 100, 90))
    assert len(explorer._seen) == 3


@pytest.fixture
def behind(segmenter):
    """An explorer, and its map's half in Python, which answers into a list."""
    from rs2sam2.inference.explore.widget import Behind

    explorer = segmenter.explore(PIXELS)
    half, sent = Behind(explorer), []
    half.send = lambda content, buffers=(): sent.append((content, list(buffers)))

    def says(**said):
        sent.clear()
        half.hear(said)
        return list(sent)

    return explorer, half, says


def test_messages_do_what_calls_do(behind):
    explorer, half, says = behind
    assert says(do="ask", expression=TEXT, scene=None) == [({"kind": "done", "of": "ask"}, [])]
    says(do="ask", expression=OTHER, scene=[10, 10, 90, 80])
    says(do="click", x=30, y=20, belongs=True)
    says(do="click", x=60, y=60, belongs=False)
    says(do="box", box=[12, 12, 80, 70])
    says(do="threshold", value=0.4)
    first, second = json.loads(json.dumps(half.state()))["layers"]
    assert (first["expression"], first["scene"], first["points"]) == (TEXT, [0, 0, 140, 90], [])
    assert second["points"] == [[30, 20], [60, 60]] and second["labels"] == [1, 0] and second["box"] == [12, 12, 80, 70]
    assert second["threshold"] == 0.4 and first["threshold"] == explorer.own_threshold
    assert first["colour"] != second["colour"] and second["summary"] == explorer.answer.summary
    says(do="choose", number=0)
    assert half.state()["current"] == 0
    says(do="show", number=0, visible=False)
    assert not half.state()["layers"][0]["visible"]
    says(do="remove", number=1)
    assert len(explorer.answers) == 1
    says(do="undo")
    assert len(explorer.answers) == 2


def test_pictures_come_over_the_channel(behind):
    explorer, _, says = behind
    says(do="ask", expression=TEXT, scene=None)
    for show, expected in (
        ("outline", explorer.answer.mask.astype(float)),
        ("probability", explorer.answer.probability),
        ("words", explorer.answer.pseudo_mask),
    ):
        (content, (png,)), done = says(do="picture", revision=1, show=show)
        assert content == {"kind": "picture", "revision": 1, "show": show} and done[0]["kind"] == "done"
        veil = np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))
        assert np.abs(veil[..., 3] / 255 - expected).max() <= 0.5 / 255 + 1e-6
    assert [content["kind"] for content, _ in says(do="picture", revision=99, show="outline")] == ["done"]
    squares = says(do="squares", squares=[[0, 0, 0]])
    assert squares[0][0]["square"] == [0, 0, 0] and Image.open(io.BytesIO(squares[0][1][0])).size == (140, 90)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"do": "fly"},
        {"do": "__class__"},
        {"do": "ask"},
        {"do": "ask", "expression": None, "scene": None},
        {"do": "ask", "expression": 7, "scene": None},
        {"do": "ask", "expression": "", "scene": None},
        {"do": "ask", "expression": TEXT, "scene": "everywhere"},
        {"do": "click", "x": "1", "y": [], "belongs": True},
        {"do": "click", "x": 1e999, "y": 1, "belongs": True},
        {"do": "box", "box": [1, 2]},
        {"do": "threshold", "value": "high"},
        {"do": "threshold", "value": float("nan")},
        {"do": "squares", "squares": [[0, -1, 0]]},
        {"do": "squares", "squares": [[10**9, 0, 0]]},
        {"do": "squares", "squares": 3},
        {"do": "picture", "revision": 1, "show": "passwords"},
    ],
)
def test_what_is_not_understood_changes_nothing(behind, said):
    explorer, _, says = behind
    explorer.ask(TEXT)
    before = explorer.step
    ((content, _),) = says(**said)
    assert content["kind"] == "failed" and "\n" not in content["message"]
    assert explorer.step is before


def test_the_widget_follows_python(explorer):
    widget = explorer.widget
    assert widget.state["layers"] == [] and explorer.widget is widget
    explorer.ask(TEXT)
    assert [layer["expression"] for layer in widget.state["layers"]] == [TEXT]
    widget._handle_custom_msg({"do": "undo"}, [])
    assert widget.state["layers"] == [] and explorer.answer is None
    assert "export default" in widget._esm and ".rs2sam2" in widget._css
    assert "http" not in widget._esm and "innerHTML" not in widget._esm, "offline, and words stay words"
    shown = explorer._repr_mimebundle_()
    assert any("widget-view" in kind for kind in (shown[0] if isinstance(shown, tuple) else shown))


def test_squares_are_the_image():
    pixels = np.kron(np.arange(12, dtype=np.uint8).reshape(3, 4) * 20, np.ones((200, 180), np.uint8))
    tiles = Tiles(np.repeat(pixels[..., None], 3, axis=2))
    assert tiles.levels == 3  # 720 pixels, 360, 180
    for level in range(tiles.levels):
        side = TILE * 2**level
        for row in range(-(-600 // side)):
            for column in range(-(-720 // side)):
                square = np.asarray(Image.open(io.BytesIO(tiles.jpeg(level, column, row))).convert("L")).astype(int)
                part = pixels[row * side : (row + 1) * side, column * side : (column + 1) * side].astype(int)
                small = np.asarray(Image.fromarray(part.astype(np.uint8)).reduce(2**level)).astype(int)
                assert square.shape == small.shape and np.abs(square - small).mean() < 2
    with pytest.raises(ImageError, match="outside"):
        tiles.jpeg(2, 1, 0)


def test_veils_of_large_masks_stay_small(answer):
    mask = np.zeros((3000, 4000), dtype=bool)
    mask[100:200, 300:400] = True
    assert len(mask_png(answer(mask))) < 150_000
    assert Image.open(io.BytesIO(heat_png(mask.astype(np.float32)))).size == (1000, 750)


def test_without_the_extra(segmenter, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"rs2sam2\[notebook\]"):
        segmenter.explore(PIXELS)
