"""Ways into the page: a token, a basemap, and what is kept on the way out; each on a server of its own."""

import io
import re
import subprocess
import sys
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from rs2sam2.data.registry import open_dataset
from serving.running import running

from .looking import answered, ask, map_picture, open_image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
TOKEN = "correct-horse-battery"
BLUE = (30, 60, 220)


@pytest.fixture
def served(page_files, folder, tmp_path):
    """Start a server on the rendered scenes with more options."""

    def start(*options, **environment):
        return running(folder, "--cache", tmp_path / "cache", *options, **environment)

    return start


def test_the_token_of_the_address_goes_with_every_request(new_tab, served, seen):
    with served("--token", TOKEN) as server:
        assert server.token == TOKEN and server.get("/v1/about").status == 401
        tab = new_tab()
        tab.goto(f"{server.url}/#token={TOKEN}")
        open_image(tab, "apron.tif")
        assert TOKEN not in tab.url
        ask(tab, "the structure with a blue roof")
        assert map_picture(tab).std() > 10, "tiles come, too"
        asked = [made for made in seen.requests if "/v1/" in made.url]
        assert len(asked) > 4 and not any(TOKEN in made.url for made in seen.requests if "#" not in made.url)
        assert {made.all_headers().get("authorization") for made in asked} == {f"Bearer {TOKEN}"}
        with tab.expect_download() as loading:
            tab.locator("#exports button", has_text="Mask PNG").click()
        assert loading.value.suggested_filename.endswith(".png")
        tab.reload()
        expect(tab).to_have_title(re.compile("apron"))  # the tab keeps image and token


def test_without_a_token_the_page_asks_for_it(new_tab, served, seen):
    seen.expected.append("401")
    with served("--token", TOKEN) as server:
        tab = new_tab()
        tab.goto(server.url)
        dialog = tab.locator("#token-dialog")
        expect(dialog).to_be_visible()
        expect(tab.locator("#token")).to_be_focused()
        tab.keyboard.type("battery-horse")
        tab.keyboard.press("Enter")
        expect(dialog).to_be_visible()
        expect(dialog.get_by_role("alert")).to_have_text("That is not the token of this server.")
        tab.keyboard.type(TOKEN)
        tab.keyboard.press("Enter")
        expect(dialog).to_be_hidden()
        open_image(tab, "apron.tif")
        ask(tab, "the structure with a blue roof")


@pytest.fixture
def basemap():
    """Blue everywhere, from another port."""
    content = io.BytesIO()
    Image.new("RGB", (256, 256), BLUE).save(content, "PNG")
    asked = []

    class Tiles(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers.get("Authorization"), self.headers.get("Referer")))
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(content.getvalue())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Tiles)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def test_a_basemap_lies_below(new_tab, served, basemap):
    address, asked = basemap
    with served("--basemap", f"{address}/{{z}}/{{x}}/{{y}}.png", "--token", TOKEN) as server:
        policy = server.get("/").headers["content-security-policy"]
        assert f"img-src 'self' blob: data: {address}" in policy and "script-src 'self';" in policy
        tab = new_tab()
        tab.goto(f"{server.url}/#token={TOKEN}")
        open_image(tab, "apron.tif")
        shown = map_picture(tab)
        around = np.abs(shown - BLUE).max(axis=2) < 12
        height, width = around.shape
        assert around[:, :20].mean() > 0.9 and not around[height // 3 : -height // 3, width // 2].any()
        assert asked and all(re.fullmatch(r"/\d+/\d+/\d+\.png", path) for path, _, _ in asked)
        assert {(token, page) for _, token, page in asked} == {(None, None)}, "the token is not for others"
        seen_before = len(asked)
        tab.locator("#open").click()
        open_image(tab, "plain.png")
        assert not (np.abs(map_picture(tab) - BLUE).max(axis=2) < 12).any(), "pixels have no place on a map"
        assert len(asked) == seen_before


def test_what_is_kept_is_a_data_set(new_tab, served, seen, tmp_path):
    seen.expected.append("422")
    with served("--keep", tmp_path / "kept") as server:
        tab = new_tab()
        tab.goto(server.url)
        open_image(tab, "apron.tif")
        ask(tab, "the structure with a blue roof")
        size = tab.locator("#map").bounding_box()
        tab.locator("#map").click(position={"x": size["width"] / 2, "y": size["height"] / 2}, button="right")
        answered(tab)
        keep(tab, "building", 1)
        path = download_set(tab, tmp_path / "one.zip")
        expect(tab.locator("#status")).to_have_text(re.compile("keep some from another"))
        check(path, tmp_path / "one")
        tab.locator("#open").click()
        open_image(tab, "plain.png")  # the same pixels: one place
        ask(tab, "the green ship in the harbour")
        keep(tab, "ship", 2)
        tab.locator("#open").click()
        open_image(tab, "large.tif")
        tab.get_by_label("View").check()
        for _ in range(3):
            tab.get_by_role("button", name="Zoom in").click()
        ask(tab, "the structure with a blue roof")
        keep(tab, "building", 3)
        path = download_set(tab, tmp_path / "two.zip")
        expect(tab.locator("#status")).to_have_text(re.compile(r"^Saved [^ ]+\.zip\.$"))
        check(path, tmp_path / "two")
        samples = [one for split in ("train", "val") for one in open_dataset("oam-ref", tmp_path / "two", split)]
        assert len(samples) == 3 and sum(not one.mask.any() for one in samples) >= 1
        assert {one.sentence for one in samples} == {"the structure with a blue roof", "the green ship in the harbour"}


def keep(tab, category, count):
    tab.locator("#category").fill(category)
    tab.get_by_role("button", name="Keep").click()
    expect(tab.locator("#status")).to_have_text(re.compile(rf"Kept\. The data set has {count} mask"))


def download_set(tab, path):
    with tab.expect_download() as loading:
        tab.get_by_role("button", name="Download set").click()
    loading.value.save_as(path)
    return path


def check(path, root):
    zipfile.ZipFile(path).extractall(root)
    command = [sys.executable, "-m", "rs2sam2", "data", "check", "oam-ref", str(root)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
