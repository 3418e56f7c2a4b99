"""Every vector format, read back: the polygons, the columns, where they lie, and an empty layer."""

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyarrow.parquet as pq
import pyogrio
import pyproj
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS

from rs2sam2.errors import ConfigError, OutputError
from rs2sam2.inference.outputs.geojson import write_geojson
from rs2sam2.inference.outputs.layer import COLUMNS, Layer
from rs2sam2.inference.outputs.options import PolygonOptions
from rs2sam2.inference.outputs.targets import check_targets
from rs2sam2.inference.outputs.vector import write_layer
from rs2sam2.inference.outputs.writing import save
from rs2sam2.inference.polygons.objects import Objects
from rs2sam2.inference.segmentation import Segmentation

Make = Callable[..., Segmentation]

GDAL_FORMATS = ["gpkg", "fgb", "shp", "geojson"]
FORMATS = [*GDAL_FORMATS, "parquet"]
UTM = CRS.from_epsg(32645)
GRIDS = {
    "north up": Affine(0.5, 0, 350_000, 0, -0.5, 3_056_000),
    "south up": Affine(0.5, 0, 350_000, 0, 0.5, 3_056_000),
    "mirrored": Affine(-0.5, 0, 350_000, 0, -0.25, 3_056_000),
    "rotated": Affine.translation(350_000, 3_056_000) @ Affine.rotation(33) @ Affine.scale(0.5, -0.5),
    "sheared": Affine(0.5, 0.2, 350_000, 0.1, -0.5, 3_056_000),
}


def scene() -> np.ndarray:
    mask = np.zeros((60, 80), dtype=bool)
    mask[10:30, 10:40] = True
    mask[15:20, 20:25] = mask[12, 12] = False
    mask[40:50, 60:70] = mask[2, 50] = mask[3, 51] = True
    return mask


def read(path: Path) -> tuple[np.ndarray, dict[str, list[object]], str | None]:
    """Polygons, columns and the CRS, in the order of `id`."""
    if path.suffix == ".parquet":
        table = pq.read_table(path).sort_by("id")
        geometry = json.loads(pq.read_schema(path).metadata[b"geo"])["columns"]["geometry"]
        crs = geometry["crs"] and ":".join(map(str, pyproj.CRS.from_json_dict(geometry["crs"]).to_authority()))
        columns = table.drop(["geometry"]).to_pydict()
        return shapely.from_wkb(table["geometry"].to_pylist()), columns, crs
    meta, _, shapes, values = pyogrio.raw.read(path)
    order = np.argsort(values[0])
    columns = {name: column[order].tolist() for name, column in zip(meta["fields"], values, strict=True)}
    return shapely.from_wkb(shapes[order]), columns, meta["crs"]


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("suffix", FORMATS)
def test_read_back(tmp_path: Path, answer: Make, suffix: str, grid: str) -> None:
    asked = answer(scene(), "the “white” building", crs=UTM, transform=GRIDS[grid])
    save(asked, tmp_path / f"a.{suffix}")
    polygons, columns, crs = read(tmp_path / f"a.{suffix}")
    assert crs == ("EPSG:4326" if suffix == "geojson" else "EPSG:32645")
    expected = list(COLUMNS) if suffix != "shp" else ["perim_m" if c == "perimeter_m" else c for c in COLUMNS]
    assert list(columns) == expected
    assert columns["id"] == [1, 2, 3, 4] and columns["area_px"] == [1, 1, 574, 100] and columns["tiles"] == [1] * 4
    assert set(columns["expression"]) == {"the “white” building"}
    assert columns["score"] == pytest.approx([0.9] * 4, abs=0.002)
    pixel = abs(GRIDS[grid].determinant)
    assert columns["area_m2"] == pytest.approx([area * pixel for area in columns["area_px"]], rel=0.001)
    if suffix == "geojson":
        assert [len(polygon.interiors) for polygon in polygons] == [0, 0, 2, 0]
        return
    assert shapely.area(polygons) == pytest.approx([area * pixel for area in columns["area_px"]], rel=1e-9)
    back = ~GRIDS[grid]
    in_pixels = shapely.transform(polygons, lambda points: np.column_stack(back @ points.T).reshape(-1, 2))
    for polygon, part in zip(in_pixels, asked.objects.outline, strict=True):
        assert shapely.hausdorff_distance(polygon, part) < 1e-6
    if suffix != "shp":  # whose rings run the other way
        assert shapely.is_ccw(shapely.get_exterior_ring(polygons)).all()


@pytest.mark.parametrize("suffix", FORMATS)
def test_without_a_crs_coordinates_are_pixels(tmp_path: Path, answer: Make, suffix: str) -> None:
    save(answer(scene()), tmp_path / f"a.{suffix}")
    polygons, columns, crs = read(tmp_path / f"a.{suffix}")
    assert [polygon.bounds for polygon in polygons][3] == (60, 40, 70, 50)
    assert all(value is None or np.isnan(value) for value in columns["area_m2"])
    if suffix in ("fgb", "shp", "parquet"):
        assert crs is None


@pytest.mark.parametrize("suffix", ["gpkg", "fgb", "shp", "parquet"])
def test_an_empty_layer_has_its_schema(tmp_path: Path, answer: Make, suffix: str) -> None:
    save(answer(scene() & False, crs=UTM, transform=GRIDS["north up"]), tmp_path / f"a.{suffix}")
    polygons, columns, crs = read(tmp_path / f"a.{suffix}")
    assert len(polygons) == 0
    assert len(columns) == len(COLUMNS) and crs == "EPSG:32645"


def test_an_empty_geojson(tmp_path: Path, answer: Make) -> None:
    save(answer(scene() & False, crs=UTM, transform=GRIDS["north up"]), tmp_path / "a.geojson")
    assert json.loads((tmp_path / "a.geojson").read_text())["features"] == []


def test_geoparquet_says_what_it_holds(tmp_path: Path, answer: Make) -> None:
    save(answer(scene(), crs=UTM, transform=GRIDS["north up"]), tmp_path / "a.parquet")
    metadata = pq.read_schema(tmp_path / "a.parquet").metadata
    geo = json.loads(metadata[b"geo"])
    assert (geo["version"], geo["primary_column"]) == ("1.1.0", "geometry")
    column = geo["columns"]["geometry"]
    assert (column["encoding"], column["geometry_types"]) == ("WKB", ["Polygon"])
    assert json.loads(metadata[b"rs2sam2"])["model"] == "nano"


def test_a_shapefile_comes_with_all_its_files(tmp_path: Path, answer: Make) -> None:
    path = tmp_path / "a [1].SHP"
    long = "the white building " * 20
    georeferenced = answer(scene(), long, crs=UTM, transform=GRIDS["north up"])
    save(georeferenced, path)
    parts = ["a [1].SHP", "a [1].cpg", "a [1].dbf", "a [1].prj", "a [1].shx"]
    assert sorted(file.name for file in tmp_path.iterdir()) == parts
    polygons, columns, crs = read(path)
    assert len(polygons) == 4 and crs == "EPSG:32645" and set(columns["expression"]) == {long[:254].rstrip()}
    path.unlink()
    with pytest.raises(OutputError, match=r"a \[1\]\.shx: this file exists"):
        save(georeferenced, path)
    save(answer(scene()), path, overwrite=True)
    assert sorted(file.name for file in tmp_path.iterdir()) == parts
    assert read(path)[2] is None, "no projection of another file is left"
    (tmp_path / "a [1].qix").touch()
    with pytest.raises(OutputError, match=r"a \[1\]\.qix: this is an index"):
        check_targets([path], overwrite=True)


def objects(outlines: list[shapely.Polygon]) -> Objects:
    whole, real = np.zeros(len(outlines), dtype=np.int64), np.zeros(len(outlines))
    return Objects(whole, np.array(outlines, dtype=object), whole, whole, real, whole, real, real, whole)


def globe(tmp_path: Path, transform: Affine, code: int, box: tuple[float, float, float, float]) -> shapely.Geometry:
    layer = Layer(("ice",), transform, CRS.from_epsg(code), {})
    write_geojson(tmp_path / "a.geojson", layer, [objects([shapely.box(*box)])])
    (feature,) = json.loads((tmp_path / "a.geojson").read_text())["features"]
    return feature["geometry"] and shapely.geometry.shape(feature["geometry"])


def test_longitudes_are_those_of_the_standard(tmp_path: Path) -> None:
    """A grid from 0 to 360 degrees: beyond 180, across 180, and all the way round; in metres; and off the Earth."""
    degrees = Affine(1, 0, 0, 0, -1, 90)
    assert globe(tmp_path, degrees, 4326, (190, 10, 200, 20)).bounds == (-170, 70, -160, 80)
    across = globe(tmp_path, degrees, 4326, (170, 10, 200, 20))
    assert sorted(part.bounds for part in across.geoms) == [(-180, 70, -160, 80), (170, 70, 180, 80)]
    round_it = globe(tmp_path, degrees, 4326, (0, 10, 360, 20))
    assert sorted(part.bounds for part in round_it.geoms) == [(-180, 70, 0, 80), (0, 70, 180, 80)]
    assert globe(tmp_path, Affine(1, 0, -180, 0, -1, 90), 4326, (0, 10, 360, 20)).bounds == (-180, 70, 180, 80)
    metres = Affine(100, 0, 815_400, 0, -100, 8_000_000)
    halves = globe(tmp_path, metres, 32760, (5, 2, 35, 8))
    assert halves.is_valid and sorted(part.bounds[2] > 0 for part in halves.geoms) == [False, True]
    assert globe(tmp_path, Affine(1e9, 0, 1e12, 0, -1e9, 1e12), 32645, (0, 0, 1, 1)) is None


def test_geojson_bytes_are_the_same_in_any_batches(tmp_path: Path, answer: Make) -> None:
    found = answer(scene(), "a", crs=UTM, transform=GRIDS["rotated"]).objects
    layer = Layer(("a",), GRIDS["rotated"], UTM, {"model": "nano"})
    (target,) = check_targets([tmp_path / "a.geojson"])
    ((whole, _),) = write_layer(target, tmp_path, layer, [found])
    ((single, _),) = write_layer(target, tmp_path, layer, (found[np.array([k])] for k in range(len(found))))
    content = whole.read_bytes()
    assert content == single.read_bytes() and content.count(b"\n") == len(found) + 4


@pytest.mark.parametrize("suffix", ["gpkg", "fgb", "shp", "parquet"])
@pytest.mark.parametrize("problem", [KeyboardInterrupt, OutputError("full"), OSError("full")])
def test_what_goes_wrong_in_between_is_said(tmp_path: Path, suffix: str, problem: BaseException) -> None:
    def rows():
        yield objects([shapely.box(0, 0, 1, 1)])
        raise problem

    expected = OutputError if isinstance(problem, Exception) else problem
    with pytest.raises(expected) as error:
        write_layer(*check_targets([tmp_path / f"a.{suffix}"]), tmp_path, Layer(("a",), None, None, {}), rows())
    assert expected is KeyboardInterrupt or "full" in str(error.value)


def test_polygon_options(tmp_path: Path, answer: Make) -> None:
    y, x = np.mgrid[:60, :80]
    disc = (x - 30) ** 2 + (y - 30) ** 2 < 400
    disc[2, 70] = True
    other = np.roll(disc, 20, axis=1)
    answers = [answer(disc & ~other, "a"), answer(other, "b")]
    save(answers, tmp_path / "a.gpkg")
    save(answers, tmp_path / "b.gpkg", polygons=PolygonOptions(min_area=2, simplify=1.5, exclusive=True))
    pixels, smooth = read(tmp_path / "a.gpkg"), read(tmp_path / "b.gpkg")
    assert len(pixels[0]) == 4 and smooth[1]["area_px"] == [area for area in pixels[1]["area_px"] if area > 1]
    assert shapely.coverage_is_valid(smooth[0])
    assert shapely.get_num_coordinates(smooth[0]).sum() < shapely.get_num_coordinates(pixels[0]).sum() / 2
    for bad in ({"min_area": -1.0}, {"simplify": float("nan")}, {"min_area": float("inf")}):
        with pytest.raises(ConfigError, match="give 0 or more"):
            PolygonOptions(**bad)


def test_style_beside_polygons(tmp_path: Path, answer: Make) -> None:
    from rs2sam2.inference.images import RasterImage
    from rs2sam2.inference.outputs.writing import write_outputs

    outputs = [tmp_path / "a.gpkg", tmp_path / "a.fgb", tmp_path / "b.geojson"]
    targets = check_targets(outputs, style=True)
    assert [target.path.name for target in targets[3:]] == ["a.qml", "b.qml"]
    asked = [answer(scene(), 'roofs <"&> 2'), answer(~scene(), "ground\x0b")]
    write_outputs(targets, asked, RasterImage(np.zeros((60, 80, 3), dtype=np.uint8)), overwrite=False)
    style = (tmp_path / "a.qml").read_bytes()
    assert style.startswith(b"<!DOCTYPE qgis") and style == (tmp_path / "b.qml").read_bytes()
    root = ElementTree.fromstring(style)
    renderer = root.find("renderer-v2")
    assert renderer.attrib["attr"] == "expression"
    assert [category.attrib["value"] for category in renderer.iter("category")] == ['roofs <"&> 2', "ground"]
    fills = [option.attrib["value"] for option in renderer.iter("Option") if option.get("name") == "color"]
    assert fills == ["255,64,160,60", "64,224,255,60"]
    with pytest.raises(OutputError, match=r"a\.qml: this file exists"):
        check_targets([tmp_path / "new" / ".." / "a.shp"], style=True)
    with pytest.raises(OutputError, match="goes beside polygons"):
        check_targets([tmp_path / "a.png"], style=True)
