"""The page in a real browser on a real server: everything that a user does, with the mouse, with keys, offline."""

import itertools
import json
import re

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from playwright.sync_api import expect
from pyproj import Transformer

from .looking import answered, ask, drawn, iou, map_picture, on_screen, open_image, settle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
RASTER = "kampala_ug_309613_261633"
EXPRESSION = "the red building at the lower right"


@pytest.fixture
def tab(new_tab, server):
    page = new_tab()
    page.goto(server.url)
    return page


@pytest.fixture
def real(tab, shared):
    """The page with the GeoTIFF of Kampala open, and the true outlines of its buildings in EPSG:3857."""
    source = shared / "data/oam_buildings/geotiff"
    open_image(tab, RASTER)
    _, _, shapes, _ = pyogrio.raw.read(source / f"{RASTER}_buildings.gpkg")
    with rasterio.open(source / f"{RASTER}.tif") as raster:
        return tab, shapely.from_wkb(shapes), raster.bounds


def rings_on_screen(tab, polygons, bounds):
    rings = [ring for polygon in polygons for ring in (polygon.exterior, *polygon.interiors)]
    return [on_screen(tab, np.asarray(ring.coords), bounds) for ring in rings]


def download(tab, label):
    with tab.expect_download() as loading:
        tab.locator("#exports button", has_text=label).click()
    return loading.value


def test_the_polygon_appears_where_the_building_is(real, seen):
    tab, buildings, bounds = real
    before = map_picture(tab)
    with tab.expect_response("**/v1/segment") as answering:
        ask(tab, EXPRESSION)
    answer = answering.value.json()
    after = map_picture(tab)
    changed = np.abs(after - before).sum(axis=2) > 20
    to_mercator = Transformer.from_crs(4326, 3857, always_xy=True).transform
    said = [
        shapely.transform(shapely.from_geojson(json.dumps(feature["geometry"])), to_mercator, interleaved=False)
        for feature in answer["geojson"]["features"]
    ]
    assert iou(changed, drawn(rings_on_screen(tab, said, bounds), changed.shape)) > 0.9
    best = max(iou(changed, drawn(rings_on_screen(tab, [building], bounds), changed.shape)) for building in buildings)
    assert best > 0.7
    score, area = answer["answers"][0]["score"], answer["answers"][0]["area_m2"]
    facts = tab.locator("#layers li small").first
    expect(facts).to_have_text(re.compile(rf"^score {round(score * 100)} % · {area:,.0f} m²$"))
    assert len(seen.asked("POST", "/v1/segment")) == 1


def test_exports_are_read_back(real, tmp_path):
    tab, _, bounds = real
    with tab.expect_response("**/v1/segment") as answering:
        ask(tab, EXPRESSION)
    answer = answering.value.json()["answers"][0]
    files = {label: download(tab, label) for label in ("GeoPackage", "GeoJSON", "Mask GeoTIFF", "Mask PNG")}
    paths = {label: tmp_path / file.suggested_filename for label, file in files.items()}
    for label, file in files.items():
        file.save_as(paths[label])
    assert [path.suffix for path in paths.values()] == [".gpkg", ".geojson", ".tif", ".png"]
    meta, _, shapes, columns = pyogrio.raw.read(paths["GeoPackage"])
    rows = dict(zip(meta["fields"], columns, strict=True))
    assert meta["crs"] == "EPSG:3857"
    assert set(rows["expression"]) == {EXPRESSION}
    assert rows["area_px"].sum() == answer["area_px"]
    assert shapely.box(*bounds).buffer(1e-6).contains(shapely.union_all(shapely.from_wkb(shapes)))
    with rasterio.open(paths["Mask GeoTIFF"]) as mask:
        assert mask.bounds == bounds
        assert np.count_nonzero(mask.read(1)) == answer["area_px"]
    assert len(json.loads(paths["GeoJSON"].read_text())["features"]) == answer["parts"]


def test_a_click_corrects(real, seen):
    tab, buildings, bounds = real
    with tab.expect_response("**/v1/segment") as answering:
        ask(tab, EXPRESSION)
    first = answering.value.json()["answers"][0]["area_px"]
    before = map_picture(tab)
    other = min(buildings, key=lambda building: building.centroid.x)  # another building, which was not meant
    x, y = on_screen(tab, np.array([[other.centroid.x, other.centroid.y]]), bounds)[0]
    with tab.expect_response("**/v1/segment") as answering:
        tab.locator("#map").click(position={"x": x, "y": y})
    answered(tab)
    asked = answering.value.request.post_data_json
    assert answering.value.json()["answers"][0]["area_px"] != first, "the mask follows the click"
    to_mercator = Transformer.from_crs(4326, 3857, always_xy=True).transform
    place = on_screen(tab, np.array([to_mercator(*asked["points"][0])]), bounds)[0]
    assert np.abs(place - (x, y)).max() < 1.01, "a click is where it was made, to a pixel of the screen"
    assert asked["labels"] == [1]
    expect(tab.locator("#correction-count")).to_have_text("Corrected by 1 point")
    changed = np.abs(map_picture(tab) - before).sum(axis=2) > 20
    mark = drawn([np.array([[x - 9, y - 9], [x + 9, y - 9], [x + 9, y + 9], [x - 9, y + 9]])], changed.shape)
    assert (changed & mark).sum() > 150, "there is a mark where the click was"
    tab.locator("#map").click(position={"x": x, "y": y + 40}, button="right")
    answered(tab)
    tab.locator("#map").click(position={"x": x, "y": y + 80}, modifiers=["Shift"])
    answered(tab)
    assert seen.asked("POST", "/v1/segment")[-1].post_data_json["labels"] == [1, 0, 0]
    tab.get_by_role("button", name="Clear").click()
    answered(tab)
    assert np.abs(map_picture(tab) - before).max() <= 2, "without corrections it is the first answer again"


def test_a_box_corrects(tab, seen):
    open_image(tab, "plain.png")
    ask(tab, "the planes")
    tab.locator("[data-tool=box]").click()
    size = tab.locator("#map").bounding_box()
    x, y = size["x"] + size["width"] / 2, size["y"] + size["height"] / 2
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + 100, y + 60, steps=4)
    tab.mouse.up()
    answered(tab)
    box = seen.asked("POST", "/v1/segment")[-1].post_data_json["box"]
    bounds = (0, 0, 768, 768)
    corners = on_screen(tab, np.array([[box[0], 768 - box[1]], [box[2], 768 - box[3]]]), bounds)
    assert np.abs(np.add(corners, (size["x"], size["y"])) - [[x, y], [x + 100, y + 60]]).max() < 1.5
    expect(tab.locator("#correction-count")).to_have_text("Corrected by a box")


def test_the_threshold_moves_without_the_model(real, seen):
    tab, _, _ = real
    ask(tab, EXPRESSION)
    areas = []
    for threshold in ("0.1", "0.9"):
        with tab.expect_response(re.compile(r"/v1/results/.*threshold=")) as cutting:
            tab.locator("#threshold").fill(threshold)
        answered(tab)
        areas.append(cutting.value.json()["answers"][0]["area_px"])
        expect(tab.locator("#threshold-value")).to_have_text(f"{float(threshold):.2f}")
    assert areas[0] > areas[1]
    assert len(seen.asked("POST", "/v1/segment")) == 1


def test_nothing_here_matches(tab):
    open_image(tab, "apron.tif")
    before = map_picture(tab)
    row = ask(tab, "the green ship in the harbour")
    expect(tab.locator("#status")).to_have_text("Nothing here matches “the green ship in the harbour”.")
    expect(row.locator("small")).to_have_text("Nothing here matches")
    expect(tab.locator("#verdict")).to_have_text("Nothing here matches")
    assert np.abs(map_picture(tab) - before).max() <= 2


def test_what_the_words_alone_found(tab, seen):
    open_image(tab, "plain.png")
    ask(tab, "the structure with a blue roof")
    outline = map_picture(tab)
    with tab.expect_response("**/pseudo_mask.png*"):
        tab.get_by_label("Words alone").check()
    words = map_picture(tab)
    assert (np.abs(words - outline).sum(axis=2) > 20).mean() > 0.005
    tab.get_by_label("Outline").check()
    assert np.abs(map_picture(tab) - outline).max() <= 2
    assert len(seen.asked("POST", "/v1/segment")) == 1


def test_layers_change_and_every_step_is_undone(tab):
    open_image(tab, "apron.tif")
    ask(tab, "the structure with a blue roof")
    row = ask(tab, "the planes")
    pictures = [map_picture(tab)]
    row.get_by_role("button", name="Show the planes").click()
    pictures.append(map_picture(tab))
    row.get_by_role("button", name="Show the planes").click()
    tab.locator("#colour").fill("#00ff00")
    pictures.append(map_picture(tab))
    tab.locator("#opacity").fill("0.3")
    pictures.append(map_picture(tab))
    assert all(np.abs(one - other).max() > 20 for one, other in itertools.pairwise(pictures))
    tab.locator("#name").fill("aircraft")
    tab.locator("#name").press("Enter")
    expect(row.locator("strong")).to_have_text("aircraft")
    row.get_by_role("button", name="Delete aircraft").click()
    expect(tab.locator("#layers li")).to_have_count(1)
    undo = tab.get_by_role("button", name="Undo")
    for _ in range(4):  # delete, rename, opacity, colour
        undo.click()
    expect(row.locator("strong")).to_have_text("the planes")
    assert np.abs(map_picture(tab) - pictures[0]).max() <= 2
    tab.get_by_role("button", name="Redo").click()
    assert np.abs(map_picture(tab) - pictures[2]).max() <= 2


def test_scene_of_the_view_and_of_a_box(tab, seen):
    open_image(tab, "plain.png")
    for _ in range(2):
        tab.get_by_role("button", name="Zoom in").click()
        settle(tab)
    tab.get_by_label("View").check()
    ask(tab, "the planes")
    size = tab.locator("#map").bounding_box()
    view = seen.asked("POST", "/v1/segment")[-1].post_data_json["scene"]
    assert 768 / 3.5 < view[3] - view[1] < 768 / 2.5, "two steps in, the height of the map is a third of the image"
    tab.get_by_role("button", name="Show the whole image").click()
    settle(tab)
    tab.get_by_label("Box", exact=True).check()
    x, y = on_screen(tab, np.array([[100, 700]]), (0, 0, 768, 768))[0] + [size["x"], size["y"]]
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + 300, y + 200, steps=4)
    tab.mouse.up()
    ask(tab, "the plane")
    box = seen.asked("POST", "/v1/segment")[-1].post_data_json["scene"]
    assert box[:2] == pytest.approx([100, 68], abs=2 * 768 / 480), "to two pixels of the screen"
    assert (box[2] - box[0]) / (box[3] - box[1]) == pytest.approx(1.5, abs=0.02)


def test_a_job_is_cancelled_and_another_finishes(tab, server):
    open_image(tab, "large.tif")
    tab.locator("#expression").fill("the structure with a blue roof")
    tab.locator("#expression").press("Enter")  # larger than one look: by itself a job
    expect(tab.locator("#layers progress[value]")).to_have_count(1)
    tab.get_by_role("button", name="Cancel the structure").click()
    expect(tab.locator("#layers li")).to_have_count(0)
    expect(tab.locator("#expression")).to_have_value("the structure with a blue roof")
    for _ in range(100):
        (job,) = server.get("/v1/jobs").json["jobs"]
        if job["state"] == "cancelled":
            break
        tab.wait_for_timeout(100)
    assert job["state"] == "cancelled"
    tab.locator("#open").click()
    open_image(tab, "apron.tif")
    tab.get_by_label("Tiles").check()
    row = ask(tab, "the structure with a blue roof")
    expect(row.locator("small")).to_have_text(re.compile(r"^[\d,.]+ m²$"))
    assert download(tab, "GeoPackage").suggested_filename.endswith(".gpkg")
    for job in server.get("/v1/jobs").json["jobs"]:  # the next page that opens this image would show it
        assert server.ask("DELETE", f"/v1/jobs/{job['id']}").status == 204


def test_words_and_names_are_never_markup(tab, scene_png):
    evil = "<img src=x onerror=alert(1)>the building"
    tab.locator("#file").set_input_files({"name": f"{evil[:28]}.png", "mimeType": "image/png", "buffer": scene_png})
    expect(tab.locator("#image-name")).to_have_text(f"{evil[:28]}.png")
    row = ask(tab, evil)
    expect(row.locator("strong")).to_have_text(evil)
    expect(tab.locator("#command")).to_contain_text(evil)
    assert tab.locator("img").count() == 0


def test_without_the_server_it_says_so_and_goes_on_later(tab, seen):
    seen.expected.append("ERR_INTERNET_DISCONNECTED")
    open_image(tab, "plain.png")
    tab.context.set_offline(True)
    tab.locator("#expression").fill("the planes")
    tab.locator("#expression").press("Enter")
    expect(tab.get_by_role("alert")).to_have_text("The server does not answer.")
    expect(tab.locator("#expression")).to_have_value("the planes")
    tab.context.set_offline(False)
    tab.locator("#expression").press("Enter")
    answered(tab)
    expect(tab.locator("#layers li")).to_have_count(1)


def test_with_the_keyboard_alone(tab, seen):
    expect(tab.locator("#images button").first).to_be_visible()
    expect(tab.locator("#filter")).to_be_focused()
    tab.keyboard.type("apron")  # the dialog begins in its filter
    expect(tab.locator("#images button")).to_have_count(1)
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    expect(tab).to_have_title(re.compile("apron"))
    expect(tab.locator("#expression")).to_be_focused()
    tab.keyboard.type("the structure with a blue roof")
    tab.keyboard.press("Enter")
    answered(tab)
    tabbed_to(tab, "#map canvas", backwards=False)
    settle(tab)
    tab.keyboard.press("ArrowDown")
    settle(tab)
    tab.keyboard.press("Enter")  # at the cross
    answered(tab)
    tab.keyboard.press("Shift+Enter")
    answered(tab)
    tab.keyboard.press("b")
    tab.keyboard.press("Enter")
    for arrow in ("ArrowRight", "ArrowDown"):
        tab.keyboard.press(arrow)
        settle(tab)
    tab.keyboard.press("Enter")
    answered(tab)
    asked = seen.asked("POST", "/v1/segment")[-1].post_data_json
    assert asked["labels"] == [1, 0]
    assert asked["box"][0] < asked["box"][2]
    tab.keyboard.press("Control+z")
    answered(tab)
    expect(tab.locator("#correction-count")).to_have_text("Corrected by 2 points")
    tabbed_to(tab, "#exports button", backwards=True)
    with tab.expect_download() as loading:
        tab.keyboard.press("Enter")
    assert loading.value.suggested_filename
    tab.keyboard.press("Delete")
    expect(tab.locator("#layers li")).to_have_count(0)
    expect(tab.locator("#expression")).to_be_focused()


def tabbed_to(tab, selector, *, backwards):
    for _ in range(60):
        tab.keyboard.press("Shift+Tab" if backwards else "Tab")
        if tab.locator(selector).evaluate_all("(found) => found.includes(document.activeElement)"):
            return
    raise AssertionError(f"the Tab key does not lead to {selector}")


def test_everything_has_a_name_and_fits_a_small_screen(new_tab, server):
    tab = new_tab(viewport={"width": 360, "height": 700}, has_touch=True, color_scheme="dark")
    tab.goto(server.url)
    open_image(tab, "apron.tif")
    ask(tab, "the structure with a blue roof")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360
    for box in (tab.locator(part).bounding_box() for part in ("#map", "#expression", "#tools", "#layers")):
        assert box["x"] >= 0 and box["x"] + box["width"] <= 360
    undo = tab.locator("#undo").bounding_box()
    assert undo["y"] + undo["height"] <= 700, "at hand without scrolling"
    unnamed = tab.locator("button:visible, input:visible").evaluate_all(
        """(found) => found.filter((one) => !one.ariaLabel && !one.labels?.length && !one.textContent.trim())
                            .map((one) => one.outerHTML)"""
    )
    assert [one for one in unnamed if 'type="file"' not in one] == []
