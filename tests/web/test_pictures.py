"""The pictures in docs/page.md: the page on rendered scenes. `make pictures` puts them there."""

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from .looking import answered, ask, open_image, settle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def keep(tmp_path):
    """Writes a tab's picture where RS2SAM2_PICTURES says."""
    folder = Path(os.environ.get("RS2SAM2_PICTURES", tmp_path))

    def write(tab, name):
        settle(tab)
        tab.locator("#status").evaluate("(status) => (status.textContent = '')")
        picture = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
        assert len(picture.getcolors(1 << 24)) > 5000, "the map shows an image"
        picture.save(folder / name, quality=88, subsampling=0, optimize=True)  # a third of a PNG's bytes
        assert (folder / name).stat().st_size < 500_000

    return write


def test_wide_and_light(new_tab, server, keep):
    tab = new_tab(viewport={"width": 1120, "height": 720}, color_scheme="light")
    tab.goto(server.url)
    open_image(tab, "apron.tif")
    ask(tab, "the planes")
    ask(tab, "the structure with a blue roof")
    keep(tab, "page_light.jpg")


def test_corrected_and_dark(new_tab, server, keep):
    tab = new_tab(viewport={"width": 1120, "height": 720}, color_scheme="dark")
    tab.goto(server.url)
    open_image(tab, "plain.png")
    ask(tab, "the planes")
    size = tab.locator("#map").bounding_box()
    for x, y, button in CLICKS:
        tab.locator("#map").click(position={"x": size["width"] * x, "y": size["height"] * y}, button=button)
        answered(tab)
    keep(tab, "page_dark.jpg")


CLICKS = [(0.2, 0.33, "left"), (0.43, 0.69, "right")]
"""Shares of the map's width and height: a plane that was missed, the building."""


def test_small(new_tab, server, keep):
    tab = new_tab(viewport={"width": 390, "height": 760}, has_touch=True)
    tab.goto(server.url)
    open_image(tab, "apron.tif")
    ask(tab, "the structure with a blue roof")
    keep(tab, "page_small.jpg")
