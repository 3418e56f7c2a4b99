"""What people have: rasters, layers in four formats, COCO files; each fault is one line that says what to do."""

import json
import shutil

import numpy as np
import pytest
import rasterio
import shapely
from PIL import Image
from tests.data.building.world import (
    CLASSES,
    EPSG,
    NORTH,
    PIXEL,
    WEST,
    in_metres,
    make_world,
    write_coco,
    write_layer,
    write_map,
    write_raster,
)

from rs2sam2.cli import main
from rs2sam2.data.building.coco import CocoSource
from rs2sam2.data.building.picture import scene_of
from rs2sam2.data.building.raster import RasterSource
from rs2sam2.data.building.raster_pixels import RasterPixels
from rs2sam2.data.building.vector import read_layer
from rs2sam2.errors import ConfigError, Rs2Sam2Error

WORLD = make_world(side=256, count=20)


@pytest.fixture
def files(tmp_path):
    return write_map(tmp_path / "map", WORLD)


def source(raster, layer, tile=128, metres=None, bands=None, column="what"):
    return RasterSource(RasterPixels(raster, bands, metres), read_layer(layer, None, column, None), layer, tile, {})


def read_all(found):
    """Name, size, objects of every picture."""
    pictures = found.pictures(dict.fromkeys(found.places(), "train"))
    return [(picture.name, *picture.read()) for picture in pictures]


def footprints(found):
    return [
        (name, one.noun, one.upper, one.left, one.mask.tobytes(), round(one.full_area))
        for name, _, seen in read_all(found)
        for one in seen
    ]


@pytest.mark.parametrize("suffix", [".geojson", ".shp", ".parquet"])
def test_every_format_says_the_same(files, tmp_path, suffix):
    raster, layer = files
    other = write_map(tmp_path / "other", WORLD, suffix)[1]
    assert footprints(source(raster, other)) == footprints(source(raster, layer))


def test_a_layer_in_another_crs_is_reprojected(files, tmp_path):
    from pyproj import Transformer

    raster, layer = files
    turn = Transformer.from_crs(EPSG, 3857, always_xy=True)
    moved = [
        shapely.transform(in_metres(one.outline), lambda points: np.stack(turn.transform(*points.T), axis=1))
        for one in WORLD.objects
    ]
    other = tmp_path / "mercator.gpkg"
    write_layer(other, moved, [one.category for one in WORLD.objects], crs=3857)
    assert footprints(source(raster, other)) == footprints(source(raster, layer))


def test_tiles_cover_the_raster_and_cut_objects_honestly(files):
    found = source(*files)
    parts = {}
    for name, pixels, seen in read_all(found):
        assert pixels.shape == (128, 128, 3)
        for one in seen:
            assert one.mask.any()
            row, column = map(int, name.removesuffix(".jpg").split("_")[1:])
            ground = (one.upper + 128 * row, one.left + 128 * column)
            parts.setdefault(round(one.full_area, 6), []).append((ground, int(one.mask.sum())))
    areas = {round(one.outline.area, 6) for one in WORLD.objects}
    assert set(parts) == areas
    seen = sum(pixels for found in parts.values() for _, pixels in found)
    assert seen == sum(round(one.box[2] - one.box[0]) * round(one.box[3] - one.box[1]) for one in WORLD.objects)


def test_ground_for_a_pixel(files):
    (_, pixels, seen), *_ = read_all(source(*files, tile=64, metres=1.0))
    assert pixels.shape == (64, 64, 3)
    # A pixel is 0.5 m wide but for the projection's scale on the ground, and tiles are cut to whole pixels.
    assert {round(4 * one.full_area, 6) for one in seen} <= {round(one.outline.area, 6) for one in WORLD.objects}
    with pytest.raises(ConfigError, match=r"finer than the raster's own 0\.5 m"):
        source(*files, metres=0.2)


def test_bands_stretch_nodata_and_grey(tmp_path, files):
    layer = files[1]
    deep = tmp_path / "deep.tif"
    bands = np.concatenate([WORLD.pixels[..., ::-1], WORLD.pixels[..., :1]], axis=2).astype(np.uint16) * 40 + 100
    bands[:, :40] = 0
    write_raster(deep, bands, nodata=0)
    found = source(deep, layer, tile=256, bands=(3, 2, 1))
    ((_, pixels, seen),) = read_all(found)
    assert (pixels[:, :40] == (124, 116, 104)).all()
    assert not any(one.left < 40 for one in seen)
    scene, _ = scene_of(pixels, seen)
    assert {"red", "blue"} <= {colour for thing in scene.things for colour in thing.colours}
    grey = tmp_path / "grey.tif"
    write_raster(grey, WORLD.pixels.mean(axis=2).astype(np.uint8))
    ((_, pixels, seen),) = read_all(source(grey, layer, tile=256))
    scene, _ = scene_of(pixels, seen)
    assert all(not thing.colours and "red" in thing.maybe_colours for thing in scene.things)
    with pytest.raises(ConfigError, match="bands 1 to 4"):
        source(deep, layer, bands=(5, 2, 1))


def test_mended_dropped_and_unnamed_objects(files, tmp_path):
    bow = shapely.Polygon([(10, 10), (60, 60), (60, 10), (10, 60)])
    square = shapely.box(80, 80, 120, 120)
    far = shapely.box(9000, 9000, 9010, 9010)
    flat = shapely.Polygon([(5, 5), (5, 5), (5, 5)])
    layer = tmp_path / "odd.gpkg"
    outlines = [in_metres(one) for one in (bow, square, far, flat, square)]
    write_layer(layer, outlines, ["ship", "ship", "ship", "ship", None])
    found = source(files[0], layer, tile=256)
    assert sorted(found.notes) == [
        "1 objects have no class: no sentence means them, and they could be of any",
        "1 objects lie outside the raster",
        "1 outlines that cross themselves were mended",
        "1 outlines without an area were left out",
    ]
    ((_, _, seen),) = read_all(found)
    assert sorted((one.noun, round(one.full_area)) for one in seen) == [("", 1600), ("ship", 1250), ("ship", 1600)]


def command(*words):
    return main(["data", "build", *map(str, words)])


def refused(capsys, *words):
    """The one line with which a command is refused."""
    assert command(*words) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.count("\n") == 1
    return printed.err


def spoilt(kind, tmp_path, raster, layer):
    """Arguments with one fault, and what has to be said about it."""
    classes, outlines = [one.category for one in WORLD.objects], [in_metres(one.outline) for one in WORLD.objects]
    column = ["--class-column", "what"]
    other = tmp_path / "other.gpkg"
    if kind == "column":
        return [raster, layer, "--class-column", "kind"], "no column 'kind'; it has what: name one with --class-column"
    if kind == "neither":
        return [raster, layer], "--class-column"
    if kind == "empty":
        write_layer(other, [], [])
        return [raster, other, *column], "the layer is empty"
    if kind == "points":
        write_layer(other, [shapely.Point(WEST, NORTH)], ["ship"], geometry_type="Point")
        return [raster, other, *column], "no polygons but Point"
    if kind == "flat":
        write_layer(other, [shapely.Polygon([(0, 0), (1, 1), (0, 0)])], ["ship"])
        return [raster, other, *column], "none of the 1 outlines is valid or can be mended"
    if kind == "crs of the layer":
        other = tmp_path / "other.shp"
        write_layer(other, outlines, classes)
        other.with_suffix(".prj").unlink()
        return [raster, other, *column], "has no CRS"
    if kind == "crs of the raster":
        write_raster(tmp_path / "bare.tif", WORLD.pixels, crs=None)
        return [tmp_path / "bare.tif", layer, *column], "bare.tif: has no CRS"
    if kind == "elsewhere":
        write_layer(other, [shapely.box(0, 0, 10, 10)], ["ship"])
        return [raster, other, *column], "none of its 1 objects lies in map.tif"
    if kind == "layers":
        shutil.copy(layer, other)
        write_layer(other, outlines, classes, layer="second", append=True)
        return [raster, other, *column], "choose one with --layer"
    if kind == "name":
        return [raster, layer, *column, "--name", "boat=ship"], "no such class; they have building"
    if kind == "few places":
        return [raster, layer, *column, "--tile", "256"], "1 place(s) cannot make 3 splits"
    if kind == "no raster":
        return [layer, layer, *column], "not a GeoTIFF that can be read"
    if kind == "text":
        (tmp_path / "text.gpkg").write_text("no layer")
        return [raster, tmp_path / "text.gpkg", *column], "not what its name says"
    assert kind == "missing"
    return [raster, tmp_path / "none.geojson", *column], "cannot be read (No such file or directory)"


@pytest.mark.parametrize(
    "kind",
    [
        *("column", "neither", "empty", "points", "flat", "crs of the layer", "crs of the raster", "elsewhere"),
        *("layers", "name", "few places", "no raster", "text", "missing"),
    ],
)
def test_faults_of_raster_and_layer(kind, files, tmp_path, capsys):
    arguments, said = spoilt(kind, tmp_path, *files)
    assert said in refused(capsys, "raster", *arguments, "-o", tmp_path / "set")
    assert not (tmp_path / "set").exists()


def change(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


def only_boxes(content):
    for annotation in content["annotations"]:
        annotation["segmentation"] = []


def no_categories(content):
    del content["categories"]


def other_size(content):
    content["images"][0]["width"] += 1


def no_such_image(content):
    content["annotations"][0]["image_id"] = 99


def twice(content):
    content["images"][1]["file_name"] = content["images"][0]["file_name"]


def climbing(content):
    content["images"][0]["file_name"] = "../secret.png"


def short_runs(content):
    content["annotations"][0]["segmentation"] = {"size": [128, 128], "counts": [5]}


def nothing(content):
    content["annotations"] = []


@pytest.mark.parametrize(
    "edit, said",
    [
        (only_boxes, "has a segmentation: masks cannot be made of boxes"),
        (no_categories, "not COCO instances (KeyError('categories'))"),
        (other_size, "says 129 x 128"),
        (no_such_image, "is about image 99, which the file does not list"),
        (twice, "more than once"),
        (climbing, "no file of this folder"),
        (short_runs, "annotation 1: a segmentation cannot be decoded: runs of 5 pixels"),
        (nothing, "no annotations"),
    ],
)
def test_faults_of_coco(edit, said, tmp_path, capsys):
    instances, images = write_coco(tmp_path, WORLD, side=128)
    change(instances, edit)
    assert said in refused(capsys, "coco", instances, images, "-o", tmp_path / "set")


def test_missing_images_and_places(tmp_path, capsys):
    instances, images = write_coco(tmp_path, WORLD, side=128)
    refuse = ["coco", instances, images, "-o", tmp_path / "set"]
    assert "finds nothing in 'column0/row0.png'" in refused(capsys, *refuse, "--place", "(field)")
    assert "has no group" in refused(capsys, *refuse, "--place", "column")
    assert "not a regular expression" in refused(capsys, *refuse, "--place", "(")
    assert "2 place(s) cannot make 3 splits" in refused(capsys, *refuse, "--place", r"column(\d+)")
    assert "leave nothing to train on" in refused(capsys, *refuse, "--val", "0.5", "--test", "0.5")
    (images / "column0/row0.png").unlink()
    assert "1 of 4 images are missing (row0.png)" in refused(capsys, *refuse)
    (tmp_path / "set").mkdir()
    assert "exists" in refused(capsys, *refuse)


def test_boxes_crowds_and_unknown_classes_are_rivals(tmp_path):
    instances, images = write_coco(tmp_path, WORLD, side=256)

    def edit(content):
        box, crowd, unknown, *_ = content["annotations"]
        box["segmentation"], crowd["iscrowd"], unknown["category_id"] = None, 1, 77

    change(instances, edit)
    found = CocoSource(instances, images, None, {})
    assert found.notes == ["1 objects have a box but no segmentation: no sentence means them"]
    (picture,) = found.pictures({})
    scene, seen = scene_of(*picture.read())
    assert sum(not thing.referable for thing in scene.things) >= 3
    assert [thing.referable for thing, one in zip(scene.things, seen, strict=True) if not one.outlined] == [False]
    assert [thing.referable for thing in scene.things if thing.category == ""] == [False]
    assert found.nouns == sorted(CLASSES)


def test_copies_are_of_one_place(tmp_path):
    instances, images = write_coco(tmp_path, WORLD, side=128)
    shutil.copyfile(images / "column0/row0.png", images / "column128/row128.png")
    places = CocoSource(instances, images, None, {}).places()
    assert len(places) == 3


def test_slivers_at_the_border_are_no_targets(tmp_path):
    Image.fromarray(np.zeros((100, 100, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    polygons = {"sliver": (0, 0, 50, 4), "half": (60, 0, 80, 10), "whole": (30, 40, 50, 60), "most": (10, 80, 30, 100)}
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 100}],
        "categories": [{"id": 1, "name": "ship"}],
        "annotations": [
            {"id": n, "image_id": 1, "category_id": 1, "segmentation": [[x0, y0, x1, y0, x1, y1, x0, y1]]}
            for n, (x0, y0, x1, y1) in enumerate(polygons.values())
        ],
    }
    (tmp_path / "i.json").write_text(json.dumps(content))
    (picture,) = CocoSource(tmp_path / "i.json", tmp_path, None, {}).pictures({})
    _, seen = picture.read()
    assert [one.referable for one in seen] == [False, False, True, True]
    assert [one.full_area > one.mask.sum() for one in seen] == [True, True, False, True]


def test_all_objects_of_one_class(files, tmp_path):
    layer = read_layer(files[1], None, None, "Swimming-Pools")
    found = RasterSource(RasterPixels(files[0], None, None), layer, files[1], 256, {})
    assert found.nouns == ["swimming pool"]


def test_only_geotiffs_are_opened(tmp_path):
    vrt = tmp_path / "map.tif"
    vrt.write_text('<VRTDataset rasterXSize="2" rasterYSize="2"></VRTDataset>')
    with pytest.raises(Rs2Sam2Error, match="not a GeoTIFF"):
        RasterPixels(vrt, None, None)


def test_a_rotated_raster(tmp_path):
    cosine, sine = PIXEL * np.cos(0.5), PIXEL * np.sin(0.5)
    turned = rasterio.Affine(cosine, sine, WEST, sine, -cosine, NORTH)
    raster, layer = tmp_path / "turned.tif", tmp_path / "turned.gpkg"
    write_raster(raster, WORLD.pixels, transform=turned)
    a, b, c, d, e, f = tuple(turned)[:6]
    outlines = [shapely.affinity.affine_transform(one.outline, [a, b, d, e, c, f]) for one in WORLD.objects]
    write_layer(layer, outlines, [one.category for one in WORLD.objects])
    plain = footprints(source(*write_map(tmp_path / "map", WORLD), tile=256))
    assert [one[1:] for one in footprints(source(raster, layer, tile=256))] == [one[1:] for one in plain]
    assert source(raster, layer).record["metres_per_pixel"] == pytest.approx(PIXEL, rel=0.01)
