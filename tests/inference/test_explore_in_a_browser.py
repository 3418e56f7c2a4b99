"""The map of a notebook in a real browser: explorer.js talks to the Python half over a channel like a notebook's."""

import base64
import io
import json
import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from browser import chromium
from rs2sam2 import Segmenter
from rs2sam2.data.synthetic import render_scene
from rs2sam2.inference.explore import explorer as module
from rs2sam2.inference.explore.widget import Behind
from rs2sam2.inference.palette import colour

pytestmark = pytest.mark.slow

HERE = Path(module.__file__).parent
TEXT = "the white building"
HOSTILE = '<img src=x onerror="document.title=1"> building'
PAGE = """<!doctype html><title>notebook</title><meta charset=utf-8><style>{css}</style><div id=cell></div>
<script type=module>
const module = await import("data:text/javascript;base64,{esm}");
const hearers = {{}};
let state = {state};
const take = (sent) => {{
  for (const [content, files] of sent) {{
    if (content.kind === "state") {{
      state = content.state;
      (hearers["change:state"] ?? []).forEach((hear) => hear());
    }} else {{
      const buffers = files.map((text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer));
      (hearers["msg:custom"] ?? []).forEach((hear) => hear(content, buffers));
    }}
  }}
}};
const model = {{
  get: () => state,
  on: (name, hear) => (hearers[name] ??= []).push(hear),
  off: (name, hear) => (hearers[name] = hearers[name].filter((other) => other !== hear)),
  send: (said) => toPython(said).then(take),
}};
window.leave = module.default.render({{ model, el: document.getElementById("cell") }});
window.hearers = hearers;
</script>"""


@pytest.fixture
def explorer(segmenter):
    smooth = np.random.default_rng(3).integers(40, 130, (12, 18, 3), dtype=np.uint8)
    return segmenter.explore(np.asarray(Image.fromarray(smooth).resize((600, 400), Image.Resampling.BICUBIC)))


@pytest.fixture
def tab(explorer):
    with shown(explorer) as page:
        yield page


@contextmanager
def shown(explorer, **options):
    """A page with the map, which reaches nothing else."""
    half, sent = Behind(explorer), []
    half.send = lambda content, files=(): sent.append([content, [base64.b64encode(file).decode() for file in files]])
    explorer.watch(lambda: sent.append([{"kind": "state", "state": half.state()}, []]))

    def to_python(said):
        sent.clear()
        half.hear(said)
        return list(sent)

    complaints, requests = [], []
    with chromium("--host-resolver-rules=MAP * ~NOTFOUND") as browser:
        page = browser.new_page(**{"viewport": {"width": 900, "height": 620}} | options)
        page.set_default_timeout(60_000)
        page.on("console", lambda said: said.type in ("error", "warning") and complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda made: requests.append(made.url))
        page.expose_function("toPython", to_python)
        esm = base64.b64encode((HERE / "explorer.js").read_bytes()).decode()
        css = (HERE / "explorer.css").read_text()
        page.set_content(PAGE.format(css=css, esm=esm, state=json.dumps(half.state())))
        page.locator("canvas").wait_for()
        yield page
        assert complaints == []
        assert [url for url in requests if not url.startswith(("data:", "blob:", "about:"))] == []


def ask(tab, text):
    tab.get_by_role("textbox").fill(text)
    tab.get_by_role("textbox").press("Enter")
    rest(tab)


def rest(tab):
    """Wait until Python has answered and everything is drawn."""
    tab.locator(".rs2sam2:not([aria-busy])").wait_for()
    tab.wait_for_timeout(250)


def spot(tab, explorer, x, y):
    """Where a pixel of the image lies on the map while all of the image is seen."""
    size = tab.locator("canvas").bounding_box()
    scale = min(size["width"] / explorer.image.width, size["height"] / explorer.image.height) * 0.96
    width, height = explorer.image.width, explorer.image.height
    return {"x": size["width"] / 2 + (x - width / 2) * scale, "y": size["height"] / 2 + (y - height / 2) * scale}


def on_canvas(tab):
    return np.asarray(Image.open(io.BytesIO(tab.locator("canvas").screenshot())).convert("RGB")).astype(int)


def inked(tab, number=0):
    """(H, W) where the map is nearly the colour of a layer."""
    return np.abs(on_canvas(tab) - colour(number)).sum(axis=2) < 60


def test_type_look_and_correct(tab, explorer, segmenter):
    shown, at = on_canvas(tab), spot(tab, explorer, 300, 200)
    assert np.abs(shown[round(at["y"]), round(at["x"])] - explorer.image.pixels[200, 300]).max() < 12
    assert not inked(tab).any()
    ask(tab, TEXT)
    assert np.array_equal(explorer.answer.mask, segmenter(explorer.image, TEXT).mask) and explorer.answer.present
    assert tab.get_by_role("status").text_content() == f"{TEXT}: {explorer.answer.summary}"
    ys, xs = np.nonzero(inked(tab))
    x0, y0, x1, y1 = explorer.answer.bbox
    first, last = spot(tab, explorer, x0, y0), spot(tab, explorer, x1, y1)
    found = np.array([xs.min(), ys.min(), xs.max(), ys.max()])
    assert np.abs(found - [first["x"], first["y"], last["x"], last["y"]]).max() < 4, "the line runs around the mask"

    tab.get_by_role("button", name="Click", exact=True).click()
    tab.locator("canvas").click(position=spot(tab, explorer, 150, 100))
    rest(tab)
    tab.locator("canvas").click(position=spot(tab, explorer, 450, 300), button="right")
    rest(tab)
    tab.locator("canvas").click(position=spot(tab, explorer, 400, 50), modifiers=["Shift"])
    rest(tab)
    marks = explorer.step.layers[0].prompts
    assert marks.labels == (1, 0, 0)
    assert np.abs(np.array(marks.points) - [(150, 100), (450, 300), (400, 50)]).max() < 1

    tab.get_by_role("button", name="Box").click()
    start, end = spot(tab, explorer, 100, 50), spot(tab, explorer, 500, 350)
    area = tab.locator("canvas").bounding_box()
    tab.mouse.move(area["x"] + start["x"], area["y"] + start["y"])
    tab.mouse.down()
    tab.mouse.move(area["x"] + end["x"], area["y"] + end["y"], steps=4)
    tab.mouse.up()
    rest(tab)
    assert np.abs(np.array(explorer.step.layers[0].prompts.box) - [100, 50, 500, 350]).max() < 1

    tab.get_by_role("slider").fill("0.6")
    rest(tab)
    assert explorer.threshold == 0.6
    for _ in range(5):
        tab.get_by_role("button", name="Undo").click()
        rest(tab)
    assert explorer.answer.prompts is None and len(explorer.answers) == 1
    tab.get_by_role("button", name="Undo").click()
    rest(tab)
    assert explorer.answers == () and tab.get_by_role("button", name="Undo").is_disabled()
    assert not inked(tab).any()


def test_layers_views_and_hostile_words(tab, explorer):
    ask(tab, HOSTILE)
    ask(tab, TEXT)
    names = tab.locator("li .name").all_inner_texts()
    assert names == [TEXT, HOSTILE] and tab.title() == "notebook" and tab.locator("li img").count() == 0
    assert inked(tab, 0).any() or not explorer.answers[0].present
    tab.get_by_role("checkbox", name=f"Show {TEXT}").uncheck()
    rest(tab)
    assert not inked(tab, 1).any() and explorer.step.current == 1
    tab.get_by_role("checkbox", name=f"Show {TEXT}").check()
    tab.get_by_role("combobox").select_option("words")
    rest(tab)
    tab.get_by_role("button", name=HOSTILE, exact=True).click()
    rest(tab)
    assert explorer.step.current == 0 and tab.locator("li").last.get_attribute("aria-current") == "true"
    tab.get_by_role("button", name=f"Remove {HOSTILE}").click()
    rest(tab)
    assert [answer.expression for answer in explorer.answers] == [TEXT]
    for _ in range(3):
        tab.get_by_role("button", name="Zoom in").click()
    tab.get_by_label("in this view").check()
    ask(tab, TEXT)
    x0, y0, x1, y1 = explorer.step.layers[-1].scene
    assert 0 < x0 < x1 < 600 and 0 < y0 < y1 < 400 and explorer.answer.origin == (x0, y0)
    assert abs((x0 + x1) / 2 - 300) < 2 and abs((y0 + y1) / 2 - 200) < 2


def test_without_a_mouse(tab, explorer):
    tab.keyboard.press("Tab")
    tab.keyboard.type(TEXT)
    tab.keyboard.press("Enter")
    rest(tab)
    tab.locator("canvas").focus()
    tab.keyboard.press("Shift+Enter")
    rest(tab)
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("Enter")
    rest(tab)
    marks = explorer.step.layers[0].prompts
    assert marks.labels == (0, 1) and np.abs(np.array(marks.points[0]) - (300, 200)).max() < 1
    assert marks.points[1][0] > 310 and marks.points[1][1] == marks.points[0][1]
    tab.keyboard.press("Control+z")
    rest(tab)
    assert len(explorer.step.layers[0].prompts.points) == 1


def test_errors_are_said_and_leaving_is_clean(tab, explorer):
    tab.get_by_role("button", name="Click", exact=True).click()
    tab.locator("canvas").click(position=spot(tab, explorer, 150, 100))
    rest(tab)
    assert "nothing has been asked yet" in tab.get_by_role("status").inner_text()
    assert tab.locator(".wrong").count() == 1
    ask(tab, "wordy " * 80)
    assert "expression" in tab.get_by_role("status").inner_text() and explorer.answers == ()
    tab.evaluate("leave()")
    assert tab.evaluate("Object.values(hearers).flat().length") == 0


def test_small_and_dark(tab, explorer):
    ask(tab, TEXT)
    tab.emulate_media(color_scheme="dark")
    tab.set_viewport_size({"width": 390, "height": 760})
    rest(tab)
    wide = tab.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390 and inked(tab).any()


def test_picture_for_the_docs(tmp_path):
    """docs/images/explorer.jpg; `make pictures` puts it there."""
    scene = np.asarray(render_scene(np.random.default_rng(63), 768).image)
    explorer = Segmenter.from_pretrained("nano", "cpu").explore(scene)
    with shown(explorer, viewport={"width": 960, "height": 590}, color_scheme="light") as tab:
        ask(tab, "the structure with a blue roof")
        ask(tab, "the planes")
        tab.get_by_role("button", name="Click", exact=True).click()
        tab.locator("canvas").click(position=spot(tab, explorer, 150, 250))
        rest(tab)
        tab.locator("canvas").click(position=spot(tab, explorer, 330, 530), button="right")
        rest(tab)
        picture = Image.open(io.BytesIO(tab.screenshot())).convert("RGB")
    path = Path(os.environ.get("RS2SAM2_PICTURES", tmp_path)) / "explorer.jpg"
    picture.save(path, quality=88, subsampling=0, optimize=True)
    assert path.stat().st_size < 300_000 and len(picture.getcolors(1 << 24)) > 5000
