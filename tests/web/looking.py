"""Steps that a user takes on the page, and what is on the screen in numbers.

Shapes: H, W height and width of the map on the screen in CSS pixels.
"""

import io
import re
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from playwright.sync_api import expect

expect.set_options(timeout=120_000)  # a busy machine's pauses are not the page's

MARGIN = {"top": 24, "bottom": 36, "left": 24, "right": 72}
"""Around the whole image, as in web/src/map_view.ts."""


def open_image(tab: Any, name: str) -> None:
    """Choose a listed image in the dialog that is open."""
    tab.locator("#images button", has_text=name).click()
    expect(tab).to_have_title(re.compile(re.escape(name)))
    settle(tab)


def settle(tab: Any) -> None:
    """Wait until the map shows what it is told to."""
    expect(tab.locator("#map[data-still=true]")).to_have_count(1)


def ask(tab: Any, expression: str) -> Any:
    """Type an expression, press Enter; the row of its layer when it has its answer."""
    tab.locator("#expression").fill(expression)
    tab.locator("#expression").press("Enter")
    row = tab.locator("#layers li").first
    expect(row.locator("strong")).to_have_text(expression)
    answered(tab)
    return row


def answered(tab: Any) -> None:
    """Wait until nothing runs."""
    expect(tab.locator("#map")).to_have_attribute("aria-busy", "false")


def map_picture(tab: Any) -> np.ndarray:
    """(H, W, 3) int16: the map alone, without what lies over it."""
    settle(tab)
    hidden = "#tools, #hint, #notices, .maplibregl-control-container"
    tab.locator("main").evaluate(
        "(main, parts) => main.querySelectorAll(parts).forEach((part) => (part.style.opacity = 0))", hidden
    )
    picture = Image.open(io.BytesIO(tab.locator("#map").screenshot())).convert("RGB")
    tab.locator("main").evaluate(
        "(main, parts) => main.querySelectorAll(parts).forEach((part) => (part.style.opacity = ''))", hidden
    )
    return np.asarray(picture).astype(np.int16)


def on_screen(tab: Any, corners: np.ndarray, bounds: tuple[float, float, float, float]) -> np.ndarray:
    """Where places lie on the map when the whole image is shown.

    Args:
        tab: the page.
        corners: (N, 2) in web mercator or, likewise even, in pixels with y upwards.
        bounds: west, south, east, north of the image in the same coordinates.

    Returns:
        (N, 2) CSS pixels from the upper left corner of the map.
    """
    size = tab.locator("#map").bounding_box()
    west, south, east, north = bounds
    inner = (size["width"] - MARGIN["left"] - MARGIN["right"], size["height"] - MARGIN["top"] - MARGIN["bottom"])
    scale = min(inner[0] / (east - west), inner[1] / (north - south))
    middle = np.array([MARGIN["left"] + inner[0] / 2, MARGIN["top"] + inner[1] / 2])
    return middle + scale * (np.asarray(corners) - [(west + east) / 2, (south + north) / 2]) * [1, -1]


def drawn(rings: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """(H, W) mask inside of rings of (N, 2) CSS pixels; a ring within another is a hole."""
    mask = np.zeros(shape[:2], dtype=bool)
    for ring in rings:
        picture = Image.new("1", shape[1::-1])
        ImageDraw.Draw(picture).polygon([tuple(corner) for corner in ring], fill=1)
        mask ^= np.asarray(picture)
    return mask


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / max(1, (one | other).sum()))
