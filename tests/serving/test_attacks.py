"""Each way in that the service closes, tried on a running server."""

import http.client
import io
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from serving.conftest import write_geotiff
from serving.running import Server, running

TOKEN = "correct-horse-battery"


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory, pixels: np.ndarray) -> Path:
    """A folder that is not served, with a raster nobody may see."""
    folder = tmp_path_factory.mktemp("outside")
    write_geotiff(folder / "secret.tif", pixels)
    (folder / "secret.txt").write_text("the password")
    return folder


def vrt(source: str, relative: int = 0, before: str = "", band: str = "", more: str = "") -> str:
    return f"""{before}<VRTDataset rasterXSize="256" rasterYSize="256">{more}
  <VRTRasterBand dataType="Byte" band="1"{band}><SimpleSource>
    <SourceFilename relativeToVRT="{relative}">{source}</SourceFilename><SourceBand>1</SourceBand>
  </SimpleSource></VRTRasterBand></VRTDataset>"""


def hostile_vrts(inside: Path, outside: Path) -> dict[str, str]:
    secret = outside / "secret.tif"
    climbing = os.path.relpath(secret, inside)
    entity = f'<!DOCTYPE d [<!ENTITY e SYSTEM "file://{outside}/secret.txt">]>\n'
    code = "<PixelFunctionType>f</PixelFunctionType><PixelFunctionLanguage>Python</PixelFunctionLanguage>"
    return {
        "absolute": vrt(str(secret)),
        "climbing": vrt(climbing, 1),
        "dots": vrt(f"{inside}/../{secret.parent.name}/secret.tif"),
        "curl": vrt("/vsicurl/http://127.0.0.1:9/x.tif"),
        "zip": vrt("/vsizip/" + str(secret) + ".zip/x.tif"),
        "inline": vrt("&lt;VRTDataset/&gt;"),
        "driver": vrt(f"GTIFF_DIR:1:{secret}"),
        "link": vrt("link.tif", 1),
        "text": vrt("note.txt", 1),
        "nested": vrt("good.vrt", 1),
        "entity": vrt("&e;", 0, entity),
        "laughs": vrt("town.tif", 1, '<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>\n'),
        "raw": vrt("town.tif", 1, band=' subClass="VRTRawRasterBand"'),
        "code": vrt("town.tif", 1, band=' subClass="VRTDerivedRasterBand"'),
        "function": vrt("town.tif", 1, more=code),
        "warped": vrt(
            "town.tif", 1, more=f"<GDALWarpOptions><SourceDataset>{secret}</SourceDataset></GDALWarpOptions>"
        ),
        "options": vrt("town.tif", 1).replace(
            "<SourceBand>", '<OpenOptions><OOI key="X">1</OOI></OpenOptions><SourceBand>'
        ),
    }


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, pixels: np.ndarray, outside: Path) -> Path:
    """A served folder into which somebody has put traps."""
    folder = tmp_path_factory.mktemp("hostile") / "rasters"
    (folder / "deep").mkdir(parents=True)
    write_geotiff(folder / "town.tif", pixels)
    (folder / "link.tif").symlink_to(outside / "secret.tif")
    (folder / "deep" / "folder").symlink_to(outside)
    (folder / "loop.tif").symlink_to(folder / "loop.tif")
    Path(os.fsdecode(os.fsencode(folder) + b"/not\xfftext.tif")).write_bytes((folder / "town.tif").read_bytes())
    (folder / "note.txt").write_text("no raster")
    (folder / "text.tif").write_text("<VRTDataset/>")
    os.mkfifo(folder / "pipe.tif")
    (folder / ".hidden.tif").write_bytes((folder / "town.tif").read_bytes())
    (folder / "good.vrt").write_text(vrt("town.tif", 1))
    (folder / "wms.tif").write_text(
        "<GDAL_WMS><Service name='TMS'><ServerUrl>http://127.0.0.1:9/</ServerUrl></Service></GDAL_WMS>"
    )
    for name, text in hostile_vrts(folder, outside).items():
        (folder / f"bad_{name}.vrt").write_text(text)
    return folder


@pytest.fixture(scope="module")
def trapped(hostile: Path) -> Iterator[Server]:
    with running(hostile, "--cache", hostile.parent / "cache", "--upload", "2") as started:
        yield started


def listed(server: Server) -> dict[str, str]:
    return {Path(image["name"]).name: image["id"] for image in server.get("/v1/images").json["images"]}


def test_links_out_of_the_folder_are_not_served(trapped: Server, hostile: Path) -> None:
    names = listed(trapped)
    assert {"town.tif", "good.vrt"} <= names.keys()
    assert "not\\udcfftext.tif" in names
    assert not {"link.tif", "loop.tif", "secret.tif", "pipe.tif", ".hidden.tif", "note.txt"} & names.keys()


@pytest.mark.parametrize("name", sorted(hostile_vrts(Path("/a"), Path("/b"))))
def test_a_vrt_that_means_more_than_served_files_is_refused(trapped: Server, name: str) -> None:
    image = trapped.get(f"/v1/images/{listed(trapped)[f'bad_{name}.vrt']}").json
    assert image["state"] == "failed" and "VRT is not served" in image["error"]
    assert "secret" not in image["error"]


def test_a_plain_vrt_is_served(trapped: Server) -> None:
    image = trapped.get(f"/v1/images/{listed(trapped)['good.vrt']}").json
    assert image["state"] == "ready" and (image["width"], image["height"]) == (256, 256)


@pytest.mark.parametrize("name", ["text.tif", "wms.tif"])
def test_the_content_says_what_a_file_is(trapped: Server, name: str) -> None:
    assert trapped.get(f"/v1/images/{listed(trapped)[name]}").json["state"] == "failed"


def test_a_file_that_becomes_a_link_is_not_opened(trapped: Server, hostile: Path, outside: Path) -> None:
    image = listed(trapped)["town.tif"]
    original = hostile / "town.tif"
    moved = original.rename(hostile.parent / "moved.tif")
    original.symlink_to(outside / "secret.tif")
    try:
        assert trapped.get(f"/v1/images/{image}").status == 404
        asked = {"image": image, "expressions": ["the building"]}
        assert trapped.ask("POST", "/v1/segment", asked).status == 404
    finally:
        original.unlink()
        moved.rename(original)
    assert trapped.get(f"/v1/images/{image}").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/assets/../../settings.py",
        "/assets/..%2f..%2fsettings.py",
        "/assets/%2e%2e/%2e%2e/app.py",
        "/assets//etc/passwd",
        "/assets/.hidden.js",
        "/v1/images/..%2f..%2fetc%2fpasswd",
        "/v1/images/%2fetc%2fpasswd/tiles/pixels/3/3/3.png",
        "/v1/images/%2fvsicurl%2fhttp:%2f%2f127.0.0.1:9%2fx.tif",
        "/v1/jobs/..%2f..%2f/files/mask.tif",
        "/v1/results/0123456789abcdef/..%2f..%2fmask.png",
        "/static/index.html",
        "/docs",
        "/redoc",
    ],
)
def test_paths_lead_nowhere(trapped: Server, path: str) -> None:
    answer = trapped.get(path)
    assert answer.status in {404, 422} and b"root:" not in answer.body and b"import" not in answer.body


@pytest.mark.parametrize(
    "image", ["/etc/passwd", "../town.tif", "/vsicurl/http://127.0.0.1:9/x.tif", "r-../../town", "<VRTDataset/>"]
)
def test_an_image_is_named_by_its_id_alone(trapped: Server, image: str) -> None:
    assert trapped.ask("POST", "/v1/segment", {"image": image, "expressions": ["x"]}).status == 422
    assert trapped.ask("POST", "/v1/jobs", {"image": image, "expressions": ["x"]}).status == 422


def bomb(side: int) -> bytes:
    """A PNG that claims side x side pixels, next to nothing when packed."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1_000_000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def resident(server: Server) -> int:
    """Kilobytes of the server's process."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


@pytest.mark.parametrize("side", [10_000, 30_000, 60_000])
def test_a_decompression_bomb_is_refused_by_its_header(trapped: Server, side: int) -> None:
    before = resident(trapped)
    answer = trapped.send("/v1/images", bomb(side))
    assert (answer.status, answer.error) == (413, "too_large")
    assert resident(trapped) - before < 50_000


def test_a_tiff_bomb_is_refused_by_its_header(trapped: Server, tmp_path: Path) -> None:
    with rasterio.open(
        tmp_path / "bomb.tif",
        "w",
        driver="GTiff",
        width=50_000,
        height=50_000,
        count=1,
        dtype="uint8",
        tiled=True,
        blockxsize=4096,
        blockysize=4096,
        compress="deflate",
        sparse_ok=True,
        crs="EPSG:3857",
        transform=rasterio.Affine(2, 0, 0, 0, -2, 0),
    ):
        pass
    content = (tmp_path / "bomb.tif").read_bytes()
    assert len(content) < 100_000
    answer = trapped.send("/v1/images", content, "bomb.tif")
    assert (answer.status, answer.error) == (413, "too_large")


def one_block(side: int, block: int, bands: int) -> bytes:
    """A TIFF of side x side pixels in one deflated block, whose bands lie beside one another."""
    data = zlib.compress(b"\0" * 1_000_000, 9)
    tags = {256: side, 257: side, 258: 8, 259: 8, 262: 1, 277: bands, 284: 1, 322: block, 323: block, 325: len(data)}
    tags[324] = 8 + 2 + 12 * (len(tags) + 1) + 4
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags.items()))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0) + data


@pytest.mark.parametrize(("block", "bands"), [(65_520, 1), (256, 65_535), (16_384, 200)])
def test_a_small_tiff_that_unpacks_to_gigabytes_is_refused(trapped: Server, block: int, bands: int) -> None:
    before = resident(trapped)
    answer = trapped.send("/v1/images", one_block(200, block, bands), "small.tif")
    assert (answer.status, answer.error) == (413, "too_large") and "unpacks" in answer.json["error"]["message"]
    assert resident(trapped) - before < 150_000  # GDAL's description of 65,535 bands alone takes 50 MB
    assert trapped.send("/v1/images", one_block(200, 256, 4), "small.tif").status in {200, 201}


@pytest.mark.parametrize("place", [(0, 0, 5, 0, 0, 5), (1e-300, 0, 0, 0, -1e-300, 0), (1e300, 0, 1e300, 0, -1e300, 0)])
def test_a_place_that_is_none_is_none(trapped: Server, tmp_path: Path, place: tuple[float, ...]) -> None:
    shape = {"width": 64, "height": 64, "count": 1, "dtype": "uint8"}
    placed = {"crs": "EPSG:3857", "transform": rasterio.Affine(*place)}
    with rasterio.open(tmp_path / "lost.tif", "w", driver="GTiff", **shape, **placed) as raster:
        raster.write(np.full((1, 64, 64), 1 + int(place[0] > 0) + int(place[0] > 1), np.uint8))
    image = trapped.send("/v1/images", (tmp_path / "lost.tif").read_bytes(), "lost.tif").json
    asked = {"image": image["id"], "expressions": ["the building"]}
    assert trapped.ask("POST", "/v1/segment", asked).status == 200
    image = trapped.get(f"/v1/images/{image['id']}").json
    assert image["state"] == "ready" and image["bounds"] is image["tiles"]["mercator"] is None
    lonlat = {"points": [[1, 1]], "labels": [1], "coordinates": "lonlat"}
    assert trapped.ask("POST", "/v1/segment", asked | lonlat).status == 422


def test_a_line_of_pixels_does_not_fill_the_disk(trapped: Server, hostile: Path) -> None:
    def line(width: int) -> bytes:
        buffer = io.BytesIO()
        Image.new("L", (width, 1), 90).save(buffer, "PNG")
        return buffer.getvalue()

    answer = trapped.send("/v1/images", line(2_000_000))
    assert (answer.status, answer.error) == (413, "too_large") and "longest side" in answer.json["error"]["message"]
    image = trapped.send("/v1/images", line(100_000)).json["id"]
    assert trapped.ask("POST", "/v1/segment", {"image": image, "expressions": ["the road"]}).status == 200
    made = sorted(Path(tempfile.gettempdir()).glob(f"rs2sam2-serve-*/uploads/{image}/picture.tif"))
    assert made and made[0].stat().st_size < 60_000_000, "a third of what whole blocks would take"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"<VRTDataset rasterXSize='1' rasterYSize='1'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n(/etc/passwd) run",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<?xml version='1.0'?><!DOCTYPE d [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><d>&e;</d>",
        b"PK\x03\x04" + b"\0" * 64,
        b"SQLite format 3\0" + b"\0" * 64,
    ],
)
def test_what_is_no_image_is_refused_by_its_content(trapped: Server, content: bytes) -> None:
    assert trapped.send("/v1/images", content, "photo.jpg").status == 415


def test_a_damaged_image_is_refused(trapped: Server, pixels: np.ndarray) -> None:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    whole = buffer.getvalue()
    half = trapped.send("/v1/images", whole[: len(whole) // 2])
    assert half.status == 422 and "/tmp" not in half.json["error"]["message"]
    assert trapped.send("/v1/images", b"II*\0" + b"\xff" * 200).status == 422
    assert trapped.send("/v1/images", whole).status == 201


def test_too_many_bytes_are_refused_before_they_are_read(trapped: Server) -> None:
    connection = http.client.HTTPConnection(trapped.host, timeout=30)
    connection.putrequest("POST", "/v1/images")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(10**12))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_too_many_bytes_without_a_length_are_refused_when_they_come(trapped: Server) -> None:
    def endless() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(64):
            yield b"\0" * (1 << 20)

    connection = http.client.HTTPConnection(trapped.host, timeout=30)
    try:
        connection.request(
            "POST", "/v1/images", endless(), {"Content-Type": "multipart/form-data; boundary=x"}, encode_chunked=True
        )
        status = connection.getresponse().status
    except (BrokenPipeError, ConnectionResetError):
        status = 413  # the server has closed while we still sent
    finally:
        connection.close()
    assert status == 413
    assert trapped.get("/healthz").status == 200


def test_a_long_json_is_refused(trapped: Server) -> None:
    assert trapped.ask("POST", "/v1/segment", {"expressions": ["x" * 2_000_000]}).status == 413


@pytest.mark.parametrize(
    "name", ["../../evil.png", "/etc/cron.d/evil", "..\\..\\evil.png", "<img src=x onerror=alert(1)>.png", ""]
)
def test_a_file_name_goes_nowhere(trapped: Server, pixels: np.ndarray, name: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(pixels[:100, : 100 + len(name)]).save(buffer, "PNG")
    image = trapped.send("/v1/images", buffer.getvalue(), name).json
    assert "/" not in image["name"] and "\\" not in image["name"]
    asked = {"image": image["id"], "expressions": ["<script>alert(1)</script>"]}
    reply = trapped.ask("POST", "/v1/segment", asked)
    assert reply.headers["content-type"] == "application/json"
    disposition = trapped.get(reply.json["files"]["mask.png"]).headers["content-disposition"]
    assert not set("<>/\\\r\n") & set(disposition)


def test_every_answer_has_the_safe_headers(trapped: Server) -> None:
    for path in ("/", "/v1/images", "/nowhere", "/openapi.json", "/v1/images/x", "/healthz"):
        headers = trapped.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers and "server" not in headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Host": "evil.example"},
        {"Host": "evil.example:8000", "Origin": "http://evil.example:8000"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "[::1"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_pages_of_other_sites_are_not_answered(trapped: Server, headers: dict[str, str]) -> None:
    assert trapped.get("/v1/images", headers=headers).status == 403
    assert trapped.ask("POST", "/v1/segment", {"expressions": ["x"]}, headers).status == 403


def test_the_servers_own_page_is_answered(trapped: Server) -> None:
    own = {"Origin": trapped.url, "Sec-Fetch-Site": "same-origin"}
    assert trapped.get("/v1/images", headers=own).status == 200
    assert trapped.get("/", headers={"Sec-Fetch-Site": "cross-site"}).status == 200  # a link to it


def test_other_machines_need_a_token(rasters: Path) -> None:
    def start(*more: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "rs2sam2", "serve", str(rasters), "--host", "0.0.0.0", "--port", "0", *more]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    bare = start()
    assert bare.returncode == 2 and "--token" in bare.stderr and bare.stderr.count("\n") == 1
    short = start("--token", "short")
    assert short.returncode == 2 and "too short" in short.stderr


def test_a_token_is_asked_for(rasters: Path, tmp_path: Path) -> None:
    arguments = (rasters, "--host", "0.0.0.0", "--cache", tmp_path / "cache")
    with running(*arguments, RS2SAM2_TOKEN=TOKEN) as server:
        assert server.token == TOKEN
        server.host = server.host.replace("0.0.0.0", "127.0.0.1")
        for path in ("/v1/images", "/v1/about", "/v1/images/r-0/tiles/pixels/3/3/3.png", "/v1/jobs", "/metrics"):
            for wrong in (
                {},
                {"Authorization": TOKEN},
                {"Authorization": f"Basic {TOKEN}"},
                {"Authorization": f"Bearer {TOKEN[:-1]}"},
                {"Authorization": f"Bearer {TOKEN}x"},
                {"Authorization": "Bearer "},
                {"Authorization": "Bearer \xff"},
                {"Cookie": f"token={TOKEN}"},
            ):
                answer = server.get(path, headers=wrong)
                assert answer.status == 401 and answer.headers["www-authenticate"] == "Bearer"
        assert server.get(f"/v1/images?token={TOKEN}").status == 401
        assert server.ask("POST", "/v1/segment", {"expressions": ["x"]}).status == 401
        assert server.get("/v1/images", headers={"Authorization": f"Bearer {TOKEN}"}).status == 200
        assert server.get("/healthz").status == server.get("/").status == 200


def test_a_slow_body_does_not_hold_a_connection(rasters: Path, tmp_path: Path) -> None:
    with running(rasters, "--cache", tmp_path / "cache", "--seconds", "1") as server:
        host, _, port = server.host.partition(":")
        with socket.create_connection((host, int(port)), timeout=30) as slow:
            slow.sendall(
                f"POST /v1/segment HTTP/1.1\r\nHost: {server.host}\r\nContent-Type: application/json\r\n"
                "Content-Length: 100\r\n\r\n{".encode()
            )
            assert b" 408 " in slow.recv(4096).partition(b"\r\n")[0]


def test_who_leaves_in_the_middle_fills_no_log(trapped: Server) -> None:
    before = trapped.log.stat().st_size
    abandoned = 'rs2sam2_requests_total{route="/v1/segment",status="499"}'
    for _ in range(20):
        with socket.create_connection(trapped.host.split(":"), timeout=30) as client:
            head = f"POST /v1/segment HTTP/1.1\r\nHost: {trapped.host}\r\nContent-Type: application/json\r\n"
            client.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
    for _ in range(100):
        found = trapped.get("/metrics").body.decode()
        if f"{abandoned} 20.0" in found:
            break
        time.sleep(0.1)
    assert f"{abandoned} 20.0" in found, found
    assert 'status="500"' not in found and trapped.log.stat().st_size == before
