"""Pairs: the same sentence, true of one picture and verified to mean nothing in the other."""

from collections import Counter

import numpy as np
import pytest

from rs2sam2.data.real_scenes import scenes_by_image
from rs2sam2.data.synthetic import render_scene
from rs2sam2.data.wording import NAMES
from rs2sam2.evaluation.diagnosis.colour_pairs import colour_pairs
from rs2sam2.evaluation.diagnosis.real_set import RealSet, swapped
from rs2sam2.evaluation.diagnosis.rendered_set import SIZE, RenderedSet


@pytest.fixture(scope="module")
def drawn():
    return RenderedSet(16, seed=5)


def test_colour_pairs_hold(places_root):
    real = RealSet(places_root, "val")
    pairs = colour_pairs([*real.single, *real.group], real.absent, scenes_by_image(real.refer, "val"), seed=0)
    red, blue = {"p0.jpg", "p1.jpg", "p3.jpg"}, {"p0.jpg", "p2.jpg", "p3.jpg"}
    # 2 from no_target.json; 4 sentences of colour, each with one picture that lacks it.
    assert len(pairs) == 6
    for pair in pairs:
        sentence = pair.there.question.sentence
        assert sentence == pair.absent.question.sentence
        assert (pair.there.present, pair.absent.present) == (True, False)
        showing = red if "red" in sentence else blue
        assert pair.there.question.picture in showing
        assert pair.absent.question.picture not in showing


def test_swapped_sentences_mean_another_thing(places_root):
    targets = RealSet(places_root, "val").single
    exchanged = swapped(targets, seed=0)
    things = {target.question: target.thing for target in targets}
    assert len(exchanged) == len(targets)
    for target, question in exchanged:
        assert question.picture == target.question.picture
        assert things[question] != target.thing
    assert exchanged == swapped(targets, seed=0)


def test_rendered_pairs_hold(drawn):
    names = {name: noun for noun, said in NAMES.items() for name in said}
    assert len(drawn.pairs) >= 6
    for pair in drawn.pairs:
        sentence = pair.there.question.sentence
        assert sentence == pair.absent.question.sentence
        if pair.absent.reason == "class":
            number = int(pair.absent.question.picture.split()[1])
            categories = {thing.category for thing in drawn.scene(number).things}
            meant = {noun for name, noun in names.items() if f" {name}" in f" {sentence.lower()}"}
            assert not meant <= categories
    reasons = Counter(pair.absent.reason for pair in drawn.pairs)
    assert set(reasons) == {"class", "colour", "place"}


def test_rendered_set_is_decided_by_its_seed(drawn):
    again, other = RenderedSet(3, seed=5), RenderedSet(3, seed=6)
    assert [target.question for target in again.targets] == [
        target.question for target in drawn.targets if int(target.question.picture.split()[1]) < 3
    ]
    assert [target.mask for target in other.targets] != [target.mask for target in again.targets]


def test_no_training_scene_is_held_out(drawn):
    for number in range(3):
        training = render_scene(np.random.default_rng([5, number]), SIZE)
        assert not np.array_equal(training.image, drawn.scene(number).image)
