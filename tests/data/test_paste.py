import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rs2sam2.data.paste import paste_roofs
from rs2sam2.data.scene import Scene, Thing

BLUE, GROUND, WALL = (20, 60, 230), (120, 140, 90), (200, 200, 200)


def scene_of(boxes, colour, size=160, cut_off=(), **extra):
    """Plain ground with one-coloured boxes (left, upper, right, lower)."""
    image = np.full((size, size, 3), GROUND, dtype=np.uint8)
    labels = np.zeros((size, size), dtype=np.uint16)
    things = []
    for index, (left, upper, right, lower) in enumerate(boxes):
        image[upper:lower, left:right], labels[upper:lower, left:right] = colour, index + 1
        area = float((right - left) * (lower - upper)) * (2 if index in cut_off else 1)
        things.append(Thing("building", area, **extra))
    return Scene(image, labels, tuple(things), frozenset({"ship"}))


DONOR = scene_of(
    [(20, 30, 60, 60), (90, 90, 120, 140)], BLUE, colours=frozenset({"blue"}), maybe_colours=frozenset({"blue"})
)


def pasted(scene, seed, donors=(DONOR,), max_count=3):
    return paste_roofs(scene, list(donors), np.random.default_rng(seed), max_count)


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_what_was_there_stays_and_what_is_new_keeps_its_distance(seed):
    scene = scene_of([(0, 0, 50, 30), (100, 60, 150, 90)], WALL)
    new = pasted(scene, seed)
    old = scene.labels > 0
    assert np.array_equal(new.labels[old], scene.labels[old])
    assert np.array_equal(new.image[old], scene.image[old])
    assert new.things[:2] == scene.things and new.absent == scene.absent
    around = np.zeros_like(old)
    for dy in (-2, 0, 2):
        for dx in (-2, 0, 2):
            around |= np.roll(new.labels > 2, (dy, dx), (0, 1))
    assert not (around & old).any()


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_pasted_roofs_keep_their_colour_and_are_measured(seed):
    scene = scene_of([(0, 0, 30, 30)], WALL)
    new = pasted(scene, seed)
    areas = new.areas()
    for index, thing in enumerate(new.things[1:], start=1):
        assert thing.colours == {"blue"} and thing.referable
        assert thing.full_area == areas[index]
        core = new.image[new.labels == index + 1].astype(float)
        assert np.abs(np.median(core, axis=0) - BLUE).max() < 12


def test_a_shadow_falls_on_the_ground_beside_it():
    scene = scene_of([(0, 0, 30, 30)], WALL)
    new = pasted(scene, 1)
    ground = new.labels == 0
    darker = new.image[ground].astype(int).sum(1) < np.sum(GROUND) * 0.8
    assert 10 < darker.sum() < 0.2 * ground.sum()


def test_scales_follow_the_scene():
    """A scene at half the donor's scale gets roofs of half the size."""
    areas = {}
    for side in (12, 48):
        scene = scene_of([(0, 0, side, side)], WALL, size=320)
        found = [thing.full_area for seed in range(20) for thing in pasted(scene, seed).things[1:]]
        areas[side] = np.median(found)
    assert 9 < areas[48] / areas[12] < 25


def test_nothing_to_paste_or_nowhere_to_paste_it():
    scene = scene_of([(0, 0, 30, 30)], WALL)
    assert pasted(scene, 0, max_count=0) is scene
    assert pasted(scene, 0, donors=()) is scene
    cut_off = scene_of([(0, 0, 60, 60)], BLUE, cut_off=(0,))
    unfit = scene_of([(20, 20, 60, 60)], BLUE, referable=False)
    assert pasted(scene, 0, donors=(cut_off, unfit)) is scene
    full = scene_of([(0, 0, 160, 160)], WALL)
    assert pasted(full, 0) is full


def test_the_same_seed_pastes_the_same():
    scene = scene_of([(0, 0, 30, 30)], WALL)
    first, second, third = pasted(scene, 4), pasted(scene, 4), pasted(scene, 5)
    assert np.array_equal(first.image, second.image) and np.array_equal(first.labels, second.labels)
    assert not np.array_equal(first.labels, third.labels)
    assert len(first.things) <= 4


@pytest.mark.parametrize("count", [1, 2, 5])
def test_at_most_so_many(count):
    scene = scene_of([(0, 0, 20, 20)], WALL, size=320)
    added = [len(pasted(scene, seed, max_count=count).things) - 1 for seed in range(12)]
    assert max(added) <= count
    assert max(added) > count // 2
