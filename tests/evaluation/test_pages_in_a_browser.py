"""The reports in a real browser: nothing from outside, no complaint, tables that sort, dark, light, wide and narrow."""

import numpy as np
import pytest
from PIL import Image

from browser import chromium
from rs2sam2.cli import main
from rs2sam2.data.registry import open_dataset

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pages(places_root, tmp_path_factory):
    """report.html and comparison.html of two made-up systems."""
    folder = tmp_path_factory.mktemp("pages")
    root = str(places_root / "refer")
    for name, shift in (("first", 2), ("second", 9)):
        (folder / f"{name}_masks").mkdir()
        for number, sample in enumerate(open_dataset("rrsisd", root, "val")):
            mask = np.roll(sample.mask, shift * number % 13, axis=1)
            Image.fromarray(mask).save(folder / f"{name}_masks/{sample.sample_id}.png")
        options = ["--predictions", str(folder / f"{name}_masks"), "-o", str(folder / name)]
        assert main(["evaluate", "--data", "rrsisd", "--root", root, *options]) == 0
    assert main(["compare", str(folder / "first"), str(folder / "second"), "-o", str(folder / "compared")]) == 0
    return {"report": folder / "first/report.html", "comparison": folder / "compared/comparison.html"}


@pytest.fixture(scope="module")
def browser():
    with chromium("--disable-gpu") as opened:
        yield opened


@pytest.fixture(params=["light", "dark"])
def open_page(request, browser, pages):
    complaints, addresses = [], []
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=request.param)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda made: addresses.append(made.url))

    def show(name):
        page.goto(pages[name].as_uri())
        return page

    yield show
    page.close()
    assert complaints == []
    assert {address.partition(":")[0] for address in addresses} <= {"file", "data"}
    assert len([address for address in addresses if address.startswith("file:")]) == 1


def column(page, title, number):
    """Texts of a column of the table under this title."""
    return page.locator(f"section:has(h2:text-is('{title}')) tbody tr td:nth-child({number})").all_inner_texts()


@pytest.mark.parametrize("name", ["report", "comparison"])
def test_everything_is_shown(open_page, name):
    page = open_page(name)
    images = page.locator("img")
    assert images.count() > 0
    for number in range(images.count()):
        images.nth(number).scroll_into_view_if_needed()
    page.wait_for_function("[...document.images].every((image) => image.complete && image.naturalWidth > 0)")
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    for link in page.locator("nav a").all():
        assert page.locator(link.get_attribute("href")).count() == 1


def test_tables_sort_by_number_and_by_word(open_page):
    page = open_page("report")
    heading = page.locator("section:has(h2:text-is('Samples')) th")
    names = [text.strip() for text in heading.all_inner_texts()]
    place = names.index("truth") + 1
    for order in (True, False):  # the first click puts the largest first
        heading.nth(place - 1).locator("button").click()
        values = [int(text) for text in column(page, "Samples", place)]
        assert values == sorted(values, reverse=order)
        assert len(set(values)) > 1
        assert heading.nth(place - 1).get_attribute("aria-sort") == ("descending" if order else "ascending")
    place = names.index("sentence") + 1
    heading.nth(place - 1).locator("button").focus()
    page.keyboard.press("Enter")
    words = column(page, "Samples", place)
    assert words == sorted(words)
    assert page.locator("th[aria-sort]").count() == 1
