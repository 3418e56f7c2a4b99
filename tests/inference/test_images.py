"""Anything that is an image opens, anything that is not is refused in one line."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from rs2sam2.errors import ImageError, MissingExtraError
from rs2sam2.inference import extras, images
from rs2sam2.inference.bands import NO_DATA_COLOUR
from rs2sam2.inference.images import MAX_PIXELS, open_image

COLOUR = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
SMOOTH = np.asarray(Image.fromarray(COLOUR[:6, :8]).resize((40, 30), Image.Resampling.BICUBIC))
PLACE = Affine(0.5, 0, 500_000, 0, -0.5, 3_000_000)


def write_tiff(path: Path, bands: np.ndarray, **more: object) -> Path:
    count, height, width = bands.shape
    profile = {"driver": "GTiff", "transform": PLACE, "crs": "EPSG:32645"} | more
    with rasterio.open(path, "w", height=height, width=width, count=count, dtype=bands.dtype, **profile) as dataset:
        dataset.write(bands)
    return path


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def write_png(path: Path, width: int, height: int, depth: int, rows: bytes) -> Path:
    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


@pytest.mark.parametrize("suffix", ["png", "webp", "bmp", "tif", "tiff", "ppm", "tga", "gif", "jpg", "jp2"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(SMOOTH).save(path, **({"lossless": True} if suffix == "webp" else {}))
    opened = open_image(path)
    assert opened.pixels.shape == (30, 40, 3)
    loss = np.abs(opened.pixels.astype(int) - SMOOTH).mean()
    assert loss < 12 if suffix in {"jpg", "gif"} else loss == 0
    assert (opened.valid, opened.crs, opened.transform, opened.name) == (None, None, None, str(path))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV", "LAB", "RGBX"])
def test_modes(mode: str) -> None:
    image = Image.fromarray(SMOOTH).convert("RGB" if mode == "LAB" else mode)
    assert np.array_equal(open_image(image).pixels, np.asarray(image.convert("RGB")))


def test_cmyk_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(path)
    red, green, blue = open_image(path).pixels[4, 4]
    assert red > 240 and green < 15 and blue < 15


def test_exif_rotation(tmp_path: Path) -> None:
    path = tmp_path / "turned.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(COLOUR).save(path, exif=exif)
    assert np.array_equal(open_image(path).pixels, np.rot90(COLOUR, -1))


def test_transparency_is_no_data(tmp_path: Path) -> None:
    alpha = np.full((30, 40), 255, dtype=np.uint8)
    alpha[:10] = 0
    path = tmp_path / "hole.png"
    Image.fromarray(np.dstack([COLOUR, alpha])).save(path)
    for source in (path, np.dstack([COLOUR, alpha])):
        opened = open_image(source)
        assert opened.valid is not None and np.array_equal(opened.valid, alpha > 0)
        assert (opened.pixels[:10] == NO_DATA_COLOUR).all()
        assert np.array_equal(opened.pixels[10:], COLOUR[10:])


def test_palette_with_transparent_entry() -> None:
    image = Image.fromarray(np.arange(16, dtype=np.uint8).reshape(4, 4))
    image.putpalette([value for index in range(16) for value in (index, 0, 0)])
    image.info["transparency"] = 3
    opened = open_image(image)
    assert opened.valid is not None and (~opened.valid).sum() == 1
    assert opened.pixels[1, 1].tolist() == [5, 0, 0]


@pytest.mark.parametrize("kind", ["L", "I;16", "I", "F"])
def test_deep_grey_is_stretched(kind: str) -> None:
    ramp = np.linspace(100, 3000, 2500).reshape(50, 50)
    image = Image.fromarray(ramp.astype({"L": "u1", "I;16": "u2", "I": "i4", "F": "f4"}[kind]))
    grey = open_image(image).pixels[..., 0]
    if kind == "L":
        assert np.array_equal(grey, ramp.astype("u1"))
    else:
        assert (grey == 0).mean() == pytest.approx(0.02, abs=0.005)
        assert (grey == 255).mean() == pytest.approx(0.02, abs=0.005)
        assert int(grey[25, 0]) == pytest.approx(127, abs=2)


def test_twelve_bit_colour_png_is_not_black(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.random.default_rng(0).integers(0, 4096, (20, 20, 3), dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    path = write_png(tmp_path / "deep.png", 20, 20, 16, rows)
    assert open_image(path).pixels.max() == 255
    monkeypatch.setattr(images, "require_geo", extras.require_geo)
    monkeypatch.setattr(extras, "has_geo", lambda: False)
    with pytest.raises(MissingExtraError, match=r"rs2sam2\[geo\]"):
        open_image(path)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.int64, np.float32, np.float16])
@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 1), (20, 30, 3), (20, 30, 4)])
def test_arrays(dtype: type, shape: tuple[int, ...]) -> None:
    array = (np.random.default_rng(0).random(shape) * (1 if np.dtype(dtype).kind in "fb" else 200)).astype(dtype)
    if len(shape) == 3 and shape[2] == 4:
        array[..., 3] = 1 if np.dtype(dtype).kind in "fb" else np.iinfo(dtype).max
    opened = open_image(array)
    assert opened.pixels.shape == (20, 30, 3) and opened.pixels.dtype == np.uint8
    assert opened.valid is None


def test_unit_floats_are_scaled_and_nan_is_no_data() -> None:
    array = np.tile(np.array([0.0, 0.25, 0.5, 1.0, np.nan]), (3, 1))
    opened = open_image(array)
    assert opened.pixels[0, :4, 0].tolist() == [0, 64, 128, 255]
    assert opened.valid is not None and opened.valid[0].tolist() == [True, True, True, True, False]


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((0, 5, 3)), "5 x 0 pixels"),
        (np.zeros((3, 50, 50)), "move the channel axis last"),
        (np.zeros(5), r"shape \(5,\)"),
        (np.zeros((5, 5, 2)), r"shape \(5, 5, 2\)"),
        (np.array([["a"]]), "dtype"),
        (np.zeros((4, 4), complex), "dtype"),
        (np.full((4, 4), np.nan), "no pixel holds data"),
        (b"bytes", "cannot open a bytes"),
    ],
)
def test_refused_arrays(array: np.ndarray, says: str) -> None:
    with pytest.raises(ImageError, match=says):
        open_image(array)


def test_geotiff_keeps_its_place(tmp_path: Path) -> None:
    opened = open_image(write_tiff(tmp_path / "a.tif", COLOUR.transpose(2, 0, 1)))
    assert np.array_equal(opened.pixels, COLOUR)
    assert opened.transform == PLACE
    assert opened.crs is not None and opened.crs.to_epsg() == 32645


def test_geotiff_of_sixteen_bits_is_stretched_over_valid_pixels(tmp_path: Path) -> None:
    bands = np.linspace(1000, 3000, 2500).reshape(1, 50, 50).repeat(4, axis=0).astype(np.uint16)
    bands[3] = 60_000  # near infrared: not a colour
    bands[:, :10] = 0
    opened = open_image(write_tiff(tmp_path / "a.tif", bands, nodata=0))
    assert opened.valid is not None and (opened.valid == (bands[0] > 0)).all()
    seen = opened.pixels[10:]
    assert seen.min() == 0 and seen.max() == 255 and 120 < seen.mean() < 135
    assert (opened.pixels[:10] == NO_DATA_COLOUR).all()


def test_geotiff_palette_and_colour_order(tmp_path: Path) -> None:
    path = tmp_path / "p.tif"
    Image.fromarray(COLOUR).quantize(16).save(path)
    assert np.array_equal(open_image(path).pixels, np.asarray(Image.open(path).convert("RGB")))
    turned = tmp_path / "bgr.tif"
    write_tiff(turned, COLOUR[..., ::-1].transpose(2, 0, 1))
    with rasterio.open(turned, "r+") as dataset:
        colours = rasterio.enums.ColorInterp
        dataset.colorinterp = (colours.blue, colours.green, colours.red)
    assert np.array_equal(open_image(turned).pixels, COLOUR)


def test_tiff_without_rasterio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_tiff(tmp_path / "a.tif", COLOUR.transpose(2, 0, 1), interleave="pixel")
    monkeypatch.setattr(images, "has_geo", lambda: False)
    opened = open_image(path)
    assert np.array_equal(opened.pixels, COLOUR) and opened.crs is None


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "gif", "tif", "jp2"])
@given(share=st.floats(0.0, 0.98), noise=st.integers(0, 2**32 - 1))
def test_damaged_files(tmp_path_factory: pytest.TempPathFactory, suffix: str, share: float, noise: int) -> None:
    """A cut file never passes as a whole one; a garbled one opens or is refused, and nothing else happens."""
    folder = tmp_path_factory.mktemp("damaged")
    path = folder / f"a.{suffix}"
    Image.fromarray(COLOUR).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ImageError) as refused:
        open_image(path)
    assert "\n" not in str(refused.value) and str(path) in str(refused.value)

    rng = np.random.default_rng(noise)
    garbled = bytearray(content)
    for place in rng.integers(0, len(garbled), 6):
        garbled[place] = rng.integers(256)
    path.write_bytes(garbled)
    try:
        open_image(path)
    except ImageError as error:
        assert "\n" not in str(error)


def test_bombs_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = write_png(tmp_path / "bomb.png", 100_000, 100_000, 8, bytes(1000))
    with pytest.raises(ImageError, match="megapixels"):
        open_image(path)
    tiff = tmp_path / "bomb.tif"
    sparse = {"sparse_ok": True, "tiled": True, "blockxsize": 4096, "blockysize": 4096}
    with rasterio.open(
        tiff, "w", driver="GTiff", width=99_968, height=99_968, count=1, dtype="uint8", transform=PLACE, **sparse
    ):
        pass
    with pytest.raises(ImageError, match=f"more than the limit of {MAX_PIXELS // 10**6} megapixels"):
        open_image(tiff)


def test_things_that_are_no_image_files(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("I am\na text")
    (tmp_path / "text.tif").write_text("I am\na text")
    (tmp_path / "vrt.tif").write_text('<VRTDataset rasterXSize="1" rasterYSize="1"/>')
    (tmp_path / "script.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "dangling.png").symlink_to("nothing")
    os.mkfifo(tmp_path / "pipe.png")
    expected = {
        "empty.png": "empty",
        "text.jpg": "begins with b'I am",
        "text.tif": "not an image",
        "vrt.tif": "not an image",
        "script.eps": "not an image",
        "loop.png": "cannot be read",
        "dangling.png": "no such file",
        "pipe.png": "regular file",
        "missing.png": "no such file",
        "empty.png/a.png": "no such file",
        "": "folder",
        "a\0b.png": "cannot be read",
        "x" * 300 + ".png": "cannot be read",
    }
    for name, says in expected.items():
        with pytest.raises(ImageError, match=says) as refused:
            open_image(tmp_path / name)
        assert "\n" not in str(refused.value)
    linked = tmp_path / "link.png"
    Image.fromarray(COLOUR).save(tmp_path / "real.png")
    linked.symlink_to("real.png")
    assert np.array_equal(open_image(linked).pixels, COLOUR)
