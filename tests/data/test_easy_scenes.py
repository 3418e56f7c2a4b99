"""The easy scenes that training begins with: true to the full scene, and plainly described."""

import numpy as np

from rs2sam2.data.easy_scenes import faded, sparse
from rs2sam2.data.expressions import make_expressions
from rs2sam2.data.scene import Scene, Thing


def _scene(count: int) -> Scene:
    rng = np.random.default_rng(0)
    labels = np.zeros((120, 120), dtype=np.uint16)
    for index in range(count):
        labels[10 + 25 * (index // 4) :, 5 + 28 * (index % 4) :][:18, :20] = index + 1
    image = rng.integers(0, 256, (120, 120, 3), dtype=np.uint8)
    return Scene(image, labels, tuple(Thing("building", 360.0) for _ in range(count)))


def test_sparse_scene_keeps_some_things_on_a_blank_ground():
    scene = _scene(10)
    few = sparse(scene, np.random.default_rng(1))
    kept = np.unique(few.labels[few.labels > 0])
    assert 3 <= len(kept) <= 6
    assert all(((few.labels == label) == (scene.labels == label)).all() for label in kept)
    assert (few.image[few.labels > 0] == scene.image[few.labels > 0]).all()
    assert len(np.unique(few.image[few.labels == 0])) == 1


def test_too_few_things_to_tell_apart_leave_nothing():
    assert not sparse(_scene(2), np.random.default_rng(1)).labels.any()


def test_faded_scene_keeps_all_things_and_dims_the_ground():
    scene = _scene(10)
    dim = faded(scene, np.random.default_rng(1))
    things = scene.labels > 0
    assert (dim.labels == scene.labels).all() and (dim.image[things] == scene.image[things]).all()
    assert dim.image[~things].std() < scene.image[~things].std()


def test_plain_language_says_a_thing_in_one_way_only():
    scene = sparse(_scene(10), np.random.default_rng(1))
    said: dict[tuple[str, tuple[int, ...]], set[str]] = {}
    for seed in range(40):
        for made in make_expressions(scene, np.random.default_rng(seed), 4, 0.0, 0.0, plain=True):
            assert made.targets
            said.setdefault((made.kind, made.targets), set()).add(made.text)
    texts = set().union(*said.values())
    assert len(texts) <= 8 and all(text.startswith("the ") and "building" in text for text in texts)
