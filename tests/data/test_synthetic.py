import json
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rs2sam2.data.contact_sheet import object_crops, outlined, sheet, write_sheets
from rs2sam2.data.scene import Scene, Thing
from rs2sam2.data.synthetic import CATEGORIES, noise, render_scene
from rs2sam2.data.synthetic.aircraft import aircraft
from rs2sam2.data.synthetic.buildings import House, building
from rs2sam2.data.synthetic.canvas import Canvas
from rs2sam2.data.synthetic.colours import AIRCRAFT, BOXES, CARS, COURTS, HULLS, POOLS, ROOFS, TANKS, Paint
from rs2sam2.data.synthetic.sprite import Light, Pose, Sprite, rectangle
from rs2sam2.data.synthetic.tanks_pools import storage_tank
from rs2sam2.data.synthetic.worlds import WORLDS
from rs2sam2.errors import DataError

LIGHT = Light(azimuth=0.0, reach=0.5, contrast=0.15, darkness=0.5)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [render_scene(np.random.default_rng([11, index]), 192) for index in range(60)]


def canvas(size: int = 100, scale: float = 1.0) -> Canvas:
    drawn = Canvas(np.random.default_rng(0), size, scale, LIGHT)
    drawn.ground += 100.0
    return drawn


def slab(pose: Pose, length: float, width: float, height: float) -> Sprite:
    sprite = Sprite(pose, length, width, height=height)
    sprite.box(length, width, 0, 0, (250, 250, 250), solid=True)
    return sprite


def test_same_generator_same_scene():
    first, second, other = (render_scene(np.random.default_rng(seed), 128) for seed in (5, 5, 6))
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(first.labels, second.labels)
    assert first.things == second.things
    assert not np.array_equal(first.image, other.image)


@pytest.mark.parametrize("size", [96, 161, 384])
def test_shapes_and_types(size):
    scene = render_scene(np.random.default_rng(1), size)
    assert scene.image.shape == (size, size, 3)
    assert scene.image.dtype == np.uint8
    assert scene.labels.shape == (size, size)
    assert scene.labels.dtype == np.uint16


def test_larger_than_the_noise_bank():
    assert noise.window(np.random.default_rng(0), 1100, 30, 2.5).shape == (1100, 30)


def test_labels_count_the_things(scenes):
    for scene in scenes:
        assert 1 <= len(scene.things) <= 20
        assert scene.labels.max() <= len(scene.things)
        assert any(thing.referable for thing in scene.things)


def test_visible_never_exceeds_full_area(scenes):
    for scene in scenes:
        assert all(area <= thing.full_area + 0.5 for thing, area in zip(scene.things, scene.areas(), strict=True))


def test_referable_means_large_and_mostly_visible(scenes):
    seen = Counter()
    for scene in scenes:
        for thing, area in zip(scene.things, scene.areas(), strict=True):
            clear = area >= 0.0012 * scene.labels.size and area >= 0.6 * thing.full_area
            assert thing.referable == clear
            seen[clear] += 1
    assert min(seen.values()) > 5


def test_absent_is_what_is_not_there(scenes):
    for scene in scenes:
        present = {thing.category for thing in scene.things}
        assert present <= set(CATEGORIES)
        assert scene.absent == set(CATEGORIES) - present


def test_certain_colours_are_possible_colours(scenes):
    for scene in scenes:
        assert all(thing.colours <= thing.maybe_colours for thing in scene.things)
    for paint in (*ROOFS.values(), *CARS, *BOXES, *HULLS, *TANKS, *COURTS, *POOLS, *AIRCRAFT):
        assert paint.certain <= paint.maybe
        assert paint.maybe


def test_every_class_and_many_buildings(scenes):
    held = Counter(name for scene in scenes for name in {thing.category for thing in scene.things})
    assert set(held) == set(CATEGORIES)
    weights = {world.draw.__name__: world.weight for world in WORLDS}
    share = (weights["village"] + weights["suburb"]) / sum(weights.values())
    assert 0.4 <= share <= 0.55


def hue_share(colour, pixels):
    """Share of pixels whose hue and saturation fit a colour name by a coarse rule."""
    red, green, blue = (pixels[:, channel].astype(float) for channel in range(3))
    low, high = pixels.min(axis=1).astype(float), pixels.max(axis=1).astype(float)
    saturation = (high - low) / np.maximum(high, 1)
    if colour == "white":
        return np.mean((low > 150) & (saturation < 0.2))
    if colour == "dark gray":
        return np.mean((high < 150) & (saturation < 0.3))
    if colour == "blue":
        return np.mean((blue > red * 1.15) & (blue >= green * 0.95) & (saturation > 0.15))
    if colour in ("red", "orange"):
        return np.mean((red > blue * 1.15) & (red > green * 1.15))
    return np.nan


def test_certain_roof_colours_look_like_their_names():
    fits: dict[str, list[float]] = {}
    for index in range(150):
        scene = render_scene(np.random.default_rng([12, index]), 128)
        for number, thing in enumerate(scene.things):
            if thing.category == "building" and thing.referable and len(thing.colours) == 1:
                pixels = scene.image[scene.labels == number + 1]
                (colour,) = thing.colours
                fits.setdefault(colour, []).append(hue_share(colour, pixels))
    for colour in ("white", "dark gray", "blue", "red", "orange"):
        assert len(fits[colour]) >= 3, colour
        assert np.mean(np.array(fits[colour]) > 0.5) > 0.9, colour


def test_object_beyond_the_border_keeps_its_full_area():
    drawn = canvas()
    drawn.put(slab(Pose(100.0, 50.0, 0.0, 1.0), 40, 20, 0.0), "building", ROOFS["white"])
    _, labels, things = drawn.finished()
    assert things[0].full_area == pytest.approx(800, rel=0.06)
    assert np.count_nonzero(labels == 1) == pytest.approx(400, rel=0.06)
    assert not things[0].referable


def test_tree_over_a_roof_hides_it_but_not_its_full_area():
    drawn = canvas()
    drawn.put(slab(Pose(50.0, 50.0, 0.0, 1.0), 40, 40, 3.0), "building", ROOFS["white"])
    drawn.plant("tree", 50.0, 50.0, 12.0, (80, 120, 60))
    _, labels, things = drawn.finished()
    assert labels[50, 50] == 0
    assert np.count_nonzero(labels == 1) < things[0].full_area - 200


def test_shadow_falls_with_the_light_and_grows_with_height():
    dark = []
    for height in (4.0, 12.0):
        drawn = canvas()
        drawn.put(slab(Pose(40.0, 50.0, 0.0, 1.0), 20, 20, height), "building", ROOFS["white"])
        image = np.asarray(drawn.finished()[0], dtype=float).mean(axis=2)
        assert image[50, 27] == pytest.approx(100, abs=2)
        assert image[50, 51] < 70
        dark.append(np.count_nonzero(image[50, 50:] < 70))
    assert dark[1] > dark[0] + 2


def test_ground_that_is_taken_is_not_free():
    drawn = canvas()
    pose = Pose(50.0, 50.0, 0.6, 1.0)
    assert drawn.free(pose.pixels(rectangle(20, 10)))
    drawn.take(pose.pixels(rectangle(20, 10)))
    assert not drawn.free(pose.pixels(rectangle(4, 4)))
    assert drawn.free(Pose(85.0, 15.0, 0.0, 1.0).pixels(rectangle(10, 10)))


@given(angle=st.floats(-7, 7), length=st.floats(4, 40), width=st.floats(2, 20), scale=st.floats(0.8, 6))
@settings(max_examples=40, deadline=None)
def test_a_box_covers_its_own_area_at_any_turn_and_scale(angle, length, width, scale):
    sprite = slab(Pose(30.3, 41.7, angle, scale), length, width, 0.0)
    covered = np.asarray(sprite.reduced()[1], dtype=float).sum() / 255
    expected = length * width * scale**2
    edge = 2 * (length + width) * scale
    assert abs(covered - expected) < 0.45 * edge + 2


@given(angle=st.floats(-4, 4), x=st.floats(-9, 9), y=st.floats(-9, 9))
def test_coordinates_undo_the_pose(angle, x, y):
    sprite = Sprite(Pose(33.0, 20.0, angle, 2.0), 30, 30)
    (column, row), *_ = sprite.fine([(x, y)])
    local_x, local_y = sprite.coordinates()
    at = (int(row), int(column))
    assert math.hypot(local_x[at] - x, local_y[at] - y) < 2.0 / sprite.grain


def test_sunny_slope_is_brighter():
    away, toward = (LIGHT.facing(direction) for direction in (LIGHT.azimuth, LIGHT.azimuth + math.pi))
    assert away < 1 < toward
    house = House("white", "gable", "tin", 0.0, 0.0)
    pose = Pose(40.0, 40.0, math.pi / 2, 4.0)
    sprite, _ = building(np.random.default_rng(3), pose, 5.5, 5.5, house, LIGHT)
    pixels = np.asarray(sprite.reduced()[0], dtype=float).mean(axis=2)
    columns = np.arange(pixels.shape[1]) + sprite.left
    left, right = pixels[:, (columns > 32) & (columns < 38)], pixels[:, (columns > 42) & (columns < 48)]
    assert left[left.shape[0] // 2].mean() > right[right.shape[0] // 2].mean() + 5


def test_partly_rusty_roof_has_no_certain_name():
    def paint(rust: float) -> Paint:
        house = House("blue", "gable", "tin", rust)
        return building(np.random.default_rng(0), Pose(30, 30, 0, 2), 8, 6, house, LIGHT)[1]

    assert paint(0.0).certain == {"blue"}
    assert paint(0.3).certain == frozenset()
    assert {"blue", "rusty brown"} <= paint(0.3).maybe


def test_tank_is_round_and_aircraft_is_symmetric():
    tank, _ = storage_tank(np.random.default_rng(0), Pose(60, 60, 0.4, 2.0), 20.0, LIGHT)
    assert np.asarray(tank.reduced()[1], dtype=float).sum() / 255 == pytest.approx(math.pi * 40**2, rel=0.05)
    plane, _ = aircraft(np.random.default_rng(0), Pose(60, 60, 0.0, 2.0), "airliner", 30.0, LIGHT)
    cover = np.asarray(plane.mask, dtype=bool)
    assert np.mean(cover == cover[::-1]) > 0.97
    assert plane.floating


def test_noise_is_normalised_and_looked_up_periodically():
    for spot in noise.SPOT_SIZES:
        field = noise.window(np.random.default_rng(2), 1024, 1024, spot)
        assert field.std() == pytest.approx(1, abs=1e-3)
    rows = np.arange(4, dtype=np.float32)[:, None] * np.ones((1, 4), dtype=np.float32)
    assert np.array_equal(
        noise.looked_up(rows, rows.T, 1.0), noise.looked_up(rows + noise.BANK_SIZE, rows.T - noise.BANK_SIZE, 1.0)
    )


def test_softening_keeps_the_sum_inside():
    field = np.zeros((9, 9), dtype=np.float32)
    field[4, 4] = 1
    blurred = noise.softened(field, 0.25)
    assert blurred.sum() == pytest.approx(1)
    assert blurred[4, 4] == pytest.approx(0.25)


def test_outline_surrounds_and_does_not_cover():
    labels = np.zeros((20, 20), dtype=np.uint16)
    labels[5:10, 5:10] = 1
    scene = Scene(np.zeros((20, 20, 3), dtype=np.uint8), labels, (Thing("building", 25.0),))
    marked = np.asarray(outlined(scene, [0])).any(axis=2)
    assert marked[4, 7]
    assert not marked[labels == 1].any()
    assert not np.asarray(outlined(scene, [])).any()


def test_sheet_holds_every_picture():
    tiles = [Image.new("RGB", (10, 10), (255, 0, 0)) for _ in range(5)]
    page = np.asarray(sheet(tiles, ["a"] * 5, columns=3, side=20))
    assert np.count_nonzero((page == (255, 0, 0)).all(axis=2)) == 5 * 400


def test_crops_are_balanced():
    images, names = object_crops(np.random.default_rng(4), 16, 160)
    assert Counter(names) == dict.fromkeys(CATEGORIES, 2)
    assert all(image.width == image.height for image in images)


def test_written_sheets(tmp_path):
    write_sheets(tmp_path / "sheets", scenes=2, crops=8, seed=3, size=128)
    answers = json.loads((tmp_path / "sheets" / "crops.json").read_text())
    assert sorted(answers.values()) == sorted(CATEGORIES)
    for name in ("scenes.png", "expressions.png", "crops.png"):
        with Image.open(tmp_path / "sheets" / name) as page:
            assert page.width > 100


def test_a_picture_too_small_for_things_is_refused():
    with pytest.raises(DataError, match="95 pixels"):
        render_scene(np.random.default_rng(0), 95)
