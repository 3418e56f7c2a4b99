"""`Segmentation.plot`: what is on the axes, and where."""

import numpy as np
import pytest
from affine import Affine
from rasterio.crs import CRS

from rs2sam2.errors import MissingExtraError
from rs2sam2.inference import extras
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.user_prompts import UserPrompts

plt = pytest.importorskip("matplotlib.pyplot", reason="the extra 'notebook' is not installed")

MASK = np.zeros((60, 90), dtype=bool)
MASK[10:30, 40:70] = True
PIXELS = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
PLACE = {"crs": CRS.from_epsg(32636), "transform": Affine(0.5, 0, 452_000, 0, -0.5, 36_000)}


@pytest.fixture(autouse=True)
def without_a_window():
    plt.switch_backend("agg")
    yield
    plt.close("all")


def outline(ax):
    """(N, 2) corners of all lines around the mask."""
    return np.concatenate([path.vertices for drawn in ax.collections[-2:] for path in drawn.get_paths()])


def test_in_pixels(answer):
    ax = answer(MASK, "the white building", image=RasterImage(PIXELS)).plot()
    ax.figure.canvas.draw()
    assert ax.images[0].get_extent() == [0, 90, 60, 0]
    assert np.array_equal(np.asarray(ax.images[0].get_array()), PIXELS)
    corners = outline(ax)
    assert np.abs(corners.min(axis=0) - (40, 10)).max() <= 0.5 and np.abs(corners.max(axis=0) - (70, 30)).max() <= 0.5
    assert ax.get_title() == "the white building\nscore 0.72   600 px   nano"


def test_on_the_map(answer):
    ax = answer(MASK, image=RasterImage(PIXELS), **PLACE).plot()
    ax.figure.canvas.draw()
    assert ax.images[0].get_extent() == [452_000, 452_045, 35_970, 36_000]
    corners = outline(ax)
    assert np.abs(corners.min(axis=0) - (452_020, 35_985)).max() <= 0.25
    assert ax.get_xlabel() == "EPSG:32636" and " m²" in ax.get_title()
    assert "452020" in [tick.get_text() for tick in ax.get_xticklabels()], (
        "whole numbers, no offset to add in one's head"
    )


def test_a_turned_raster_counts_in_pixels(answer):
    turned = {"crs": PLACE["crs"], "transform": PLACE["transform"] @ Affine.rotation(30)}
    ax = answer(MASK, image=RasterImage(PIXELS), **turned).plot()
    assert ax.images[0].get_extent() == [0, 90, 60, 0] and ax.get_xlabel() == ""


def test_a_part_counts_in_the_whole_image(answer):
    ax = answer(MASK, image=RasterImage(PIXELS), origin=(1000, 500)).plot()
    assert ax.images[0].get_extent() == [1000, 1090, 560, 500]
    assert np.abs(outline(ax).min(axis=0) - (1040, 510)).max() <= 0.5


def test_nothing_there(answer):
    empty = answer(np.zeros_like(MASK), "the ship", image=RasterImage(PIXELS), p_present=0.02).plot()
    assert empty.get_title() == "the ship\nnothing here matches  (present: 2%)" and not len(empty.collections)


def test_on_axes_of_ones_own_with_marks(answer):
    _, axes = plt.subplots(1, 2)
    marks = UserPrompts.of([(50, 20), (5, 5)], [1, 0], (30, 5, 80, 40))
    ax = answer(MASK, image=RasterImage(PIXELS), prompts=marks).plot(axes[1])
    assert ax is axes[1] and not axes[0].images and len(plt.get_fignums()) == 1
    assert [tuple(dots.get_offsets()[0]) for dots in ax.collections[-2:]] == [(50, 20), (5, 5)]
    assert ax.lines[0].get_xydata().max(axis=0).tolist() == [80, 40]


def test_words_are_words(answer):
    said = "the $10^{6}$ <b>building</b> " * 6
    ax = answer(MASK, said, image=RasterImage(PIXELS)).plot()
    ax.figure.canvas.draw()
    *lines, _ = ax.get_title().splitlines()
    assert " ".join(lines) == said.strip() and max(map(len, lines)) <= 60


def test_a_large_image_is_drawn_small_and_in_its_place(answer):
    mask = np.zeros((5000, 3001), dtype=bool)
    mask[100:4900, 1000:2000] = True
    ax = answer(mask, image=RasterImage(np.zeros((5000, 3001, 3), np.uint8))).plot()
    assert max(ax.images[0].get_array().shape) <= 2048
    assert np.abs(outline(ax).max(axis=0) - (2000, 4900)).max() <= 3


def test_answers_know_their_image(segmenter):
    answer = segmenter(PIXELS, "the white building")
    assert np.array_equal(answer.image.pixels, PIXELS) and "image=" not in repr(answer)
    assert np.array_equal(np.asarray(answer.plot().images[0].get_array()), PIXELS)


def test_without_the_extra(answer, monkeypatch):
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"rs2sam2\[notebook\]"):
        answer(MASK).plot()
