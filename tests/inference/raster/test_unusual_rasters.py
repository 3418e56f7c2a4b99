"""Rasters as they come from all over the world: right, or refused in one line."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning
from red import OPTIONS, RedSegmenter, paint, write

from rs2sam2.cli import main
from rs2sam2.errors import ImageError, OutputError
from rs2sam2.inference.outputs.targets import check_targets
from rs2sam2.inference.raster.report import RasterReport
from rs2sam2.inference.raster.run import segment_raster

SHAPE = (150, 170)
METRES = {"crs": "EPSG:32637", "transform": Affine(0.5, 0, 500_000, 0, -0.5, 3_000_000)}
DEGREES = {"crs": "EPSG:4326", "transform": Affine(1e-5, 0, 39.2, 0, -1e-5, -6.1)}
VECTORS = ("a.gpkg", "a.geojson", "a.fgb", "a.parquet", "a.shp")


def red(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    mask = np.zeros(shape, dtype=bool)
    mask[20:90, 30:100] = True
    mask[60:70, 40:60] = False
    mask[-1, -1] = True
    return mask


def answer(path: Path, *names: str, expression: str = "red things") -> RasterReport:
    targets = check_targets([path.parent / name for name in names or ("mask.tif",)], source=path, overwrite=True)
    return segment_raster(RedSegmenter(), path, [expression], targets, OPTIONS, overwrite=True)


def found(path: Path) -> np.ndarray:
    report = answer(path)
    assert not report.failed
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path.parent / "mask.tif") as dataset:
            return dataset.read(1) > 0


def lossless(path: Path) -> None:
    options = {"QUALITY": "100", "REVERSIBLE": "YES"}
    with rasterio.open(path.with_suffix(".tif")) as source:
        rasterio.shutil.copy(source, path, driver="JP2OpenJPEG", **options)


def test_jpeg_2000(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", paint(red()), **METRES)
    lossless(tmp_path / "a.jp2")
    assert np.array_equal(found(tmp_path / "a.jp2"), red())


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95, 0.999])
def test_jpeg_2000_without_its_end(tmp_path: Path, share: float) -> None:
    write(tmp_path / "a.tif", paint(red()), **METRES)
    lossless(tmp_path / "a.jp2")
    content = (tmp_path / "a.jp2").read_bytes()
    (tmp_path / "a.jp2").write_bytes(content[: int(share * len(content))])
    with pytest.raises(ImageError, match=r"a\.jp2: cannot be read, or is truncated"):
        answer(tmp_path / "a.jp2")


def test_a_vrt_of_two_files(tmp_path: Path) -> None:
    pixels = paint(red())
    for number, rows in enumerate((slice(0, 75), slice(75, 150))):
        place = METRES | {"transform": METRES["transform"] @ Affine.translation(0, 75 * number)}
        write(tmp_path / f"part{number}.tif", pixels[:, rows], **place)
    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{band}">'
        + "".join(
            f'<SimpleSource><SourceFilename relativeToVRT="1">part{number}.tif</SourceFilename>'
            f'<SourceBand>{band}</SourceBand><SrcRect xOff="0" yOff="0" xSize="170" ySize="75"/>'
            f'<DstRect xOff="0" yOff="{75 * number}" xSize="170" ySize="75"/></SimpleSource>'
            for number in (0, 1)
        )
        + "</VRTRasterBand>"
        for band in (1, 2, 3)
    )
    head = '<VRTDataset rasterXSize="170" rasterYSize="150"><SRS>EPSG:32637</SRS>'
    grid = "<GeoTransform>500000, 0.5, 0, 3000000, 0, -0.5</GeoTransform>"
    path = tmp_path / "a.vrt"
    path.write_text(f"{head}{grid}{bands}</VRTDataset>")
    assert np.array_equal(found(path), red())
    (tmp_path / "part1.tif").unlink()
    report = answer(path)  # what is there is answered, what is not is told
    assert {tile.row for tile in report.failed} and all("part1" in tile.reason for tile in report.failed)


def test_degrees(tmp_path: Path) -> None:
    """Pixels in degrees are made square on the ground, so edges move by part of a pixel; areas are on the ground."""
    path = write(tmp_path / "a.tif", paint(red()), **DEGREES)
    report = answer(path, "mask.tif", "a.gpkg")
    with rasterio.open(tmp_path / "mask.tif") as dataset:
        mask = dataset.read(1) > 0
    assert (mask != red()).mean() < 0.02
    # One degree of longitude is 110.7 km there, one of latitude 110.6 km (WGS 84 at 6.1 degrees south).
    assert report.results[0].area_m2 == pytest.approx(mask.sum() * 1e-10 * 110_692 * 110_586, rel=0.002)


def test_a_palette(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    profile = {"driver": "GTiff", "width": 170, "height": 150, "count": 1, "dtype": "uint8", "photometric": "palette"}
    with rasterio.open(path, "w", **profile, **METRES) as dataset:
        dataset.write(red().astype(np.uint8) * 7, 1)
        dataset.write_colormap(1, {0: (90, 90, 90, 255), 7: (250, 10, 10, 255)})
    assert np.array_equal(found(path), red())


def test_eight_bands_of_16_bits(tmp_path: Path) -> None:
    bands = np.full((8, *SHAPE), 300, dtype=np.uint16)
    bands[:3] = paint(red()).astype(np.uint16) * 16
    assert np.array_equal(found(write(tmp_path / "a.tif", bands, **METRES)), red())


def test_floats_with_holes(tmp_path: Path) -> None:
    samples = paint(red()).astype(np.float32) * 1000
    samples[:, 30:50, 110:140] = np.nan
    samples[0, 100:120, 20:40] = np.inf
    path = write(tmp_path / "a.tif", samples, **METRES)
    assert np.array_equal(found(path), red())
    with rasterio.open(tmp_path / "mask.tif") as dataset:
        assert np.array_equal(dataset.dataset_mask() > 0, np.isfinite(samples).all(axis=0))


@pytest.mark.parametrize(
    "transform",
    [Affine(0.5, 0, 500_000, 0, 0.5, 3_000_000), Affine.translation(500_000, 3_000_000) @ Affine.rotation(30)],
    ids=["south up", "rotated"],
)
def test_grids_that_are_not_north_up(tmp_path: Path, transform: Affine) -> None:
    path = write(tmp_path / "a.tif", paint(red()), crs="EPSG:32637", transform=transform)
    assert np.array_equal(found(path), red())
    with rasterio.open(tmp_path / "mask.tif") as dataset:
        assert dataset.transform.almost_equals(transform)


def test_no_data_everywhere(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.zeros((3, *SHAPE), dtype=np.uint8), nodata=0, **METRES)
    report = answer(path, "mask.tif", "a.gpkg")
    assert report.empty == report.tiles and not report.results[0].present
    assert any("no pixel holds data" in note for note in report.warnings)
    with rasterio.open(tmp_path / "mask.tif") as dataset:
        assert not dataset.dataset_mask().any()


@pytest.mark.parametrize("name", VECTORS)
def test_nothing_found_is_a_layer_without_rows(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "a.tif", paint(red()), **METRES)
    report = answer(path, name, expression="green things")
    assert not report.results[0].present and report.results[0].parts == 0
    if name.endswith(".parquet"):
        table = pytest.importorskip("pyarrow.parquet").read_table(tmp_path / name)
        assert table.num_rows == 0
        fields = table.column_names
    else:
        meta, _, shapes, _ = pyogrio.raw.read(tmp_path / name)
        assert len(shapes) == 0
        fields = list(meta["fields"])
    perimeter = "perim_m" if name.endswith(".shp") else "perimeter_m"
    wanted = {"id", "expression", "score", "area_m2", perimeter, "tiles"}
    assert wanted <= set(fields) or name.endswith(".geojson"), "GeoJSON has no columns without rows"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", paint(red()), **METRES)
    (tmp_path / "out").mkdir(mode=0o555)
    targets = check_targets([tmp_path / "out/mask.tif"], source=path, overwrite=True)
    with pytest.raises(OutputError, match="cannot be written"):
        segment_raster(RedSegmenter(), path, ["red things"], targets, OPTIONS)


def test_a_huge_raster_of_nothing_is_planned_at_once(tmp_path: Path) -> None:
    """A million pixels a side: what a run takes is known, and what does not fit on the disk is refused."""
    side = 1_000_000
    band = '<VRTRasterBand dataType="Byte" band="{}"/>'
    path = tmp_path / "a.vrt"
    path.write_text(
        f'<VRTDataset rasterXSize="{side}" rasterYSize="{side}">{"".join(map(band.format, (1, 2, 3)))}</VRTDataset>'
    )
    with pytest.raises(OutputError, match="GB of disk may be needed"):
        answer(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["OSBS_029", "SpaceNet_AOI_2_Las_Vegas-056155973080_01_P001-WV03-RGB", "tiled_image_1"]
)
def test_real_rasters_of_other_places(shared: Path, tmp_path: Path, name: str) -> None:
    path = shared / f"data/geotiff_misc/{name}.tif"
    outputs = [tmp_path / "mask.tif", tmp_path / "found.gpkg"]
    words = ["segment", str(path), "the buildings", "--scope", "tile", *(f"-o{output}" for output in outputs)]
    assert main(words) == 0
    with rasterio.open(path) as source, rasterio.open(outputs[0]) as mask:
        assert (mask.crs, mask.transform, mask.shape) == (source.crs, source.transform, source.shape)
        area = int((mask.read(1) > 0).sum())
    meta, _, _, values = pyogrio.raw.read(outputs[1])
    rows = dict(zip(meta["fields"], values, strict=True))
    assert rows["area_px"].sum() == area
    pixel = abs(source.transform.determinant)  # metric CRSs, whose scale is within 0.1 % of 1
    assert rows["area_m2"].sum() == pytest.approx(area * pixel, rel=2.5e-3, abs=1e-9)
    command = [sys.executable, "-m", "rs2sam2", *words]  # the outputs are there by now
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 2 and "Traceback" not in again.stderr and "--overwrite" in again.stderr
