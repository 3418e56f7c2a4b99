import re
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from rs2sam2.data.absent_objects import ABSENT_OBJECTS
from rs2sam2.data.expressions import make_expressions
from rs2sam2.data.scene import Scene, Thing
from rs2sam2.data.wording import NAMES, plural

COLOURS = ("red", "blue", "white", "orange")
OTHERS = frozenset(NAMES) - {"building", "vehicle"}
ALONG = {"leftmost": (0, 1), "westernmost": (0, 1), "rightmost": (0, -1), "easternmost": (0, -1)} | {
    word: (1, sign)
    for sign, words in ((1, "topmost uppermost highest northernmost"), (-1, "lowest bottommost lowermost southernmost"))
    for word in words.split()
}


def random_scene(seed, size=96, categories=("building",), most=9):
    rng = np.random.default_rng(seed)
    labels = np.zeros((size, size), dtype=np.uint16)
    things = []
    for index in range(int(rng.integers(1, most + 1))):
        width, height = rng.integers(4, size // 3, 2)
        left, upper = rng.integers(-3, size - 4, 2)
        colour = COLOURS[rng.integers(len(COLOURS))] if rng.random() < 0.7 else None
        sure = frozenset({colour} if colour else ())
        maybe = sure | ({COLOURS[rng.integers(len(COLOURS))]} if rng.random() < 0.3 else set())
        labels[max(upper, 0) : upper + height, max(left, 0) : left + width] = index + 1
        category = categories[rng.integers(len(categories))]
        things.append(Thing(category, float(width * height), sure, maybe, referable=bool(rng.random() < 0.85)))
    image = np.zeros((size, size, 3), dtype=np.uint8)
    return Scene(image, labels, tuple(things), frozenset(NAMES) - set(categories) - {"vehicle"})


def expressions_of(scene, seed, count=8, **shares):
    return make_expressions(scene, np.random.default_rng(seed), count, **shares)


class Facts:
    """What a plain look at the masks says, written without the code under test."""

    def __init__(self, scene):
        self.scene = scene
        self.seen = [index for index in range(len(scene.things)) if (scene.labels == index + 1).any()]
        side = scene.labels.shape[0]
        self.centre = {}
        for index in self.seen:
            rows, columns = np.where(scene.labels == index + 1)
            self.centre[index] = ((columns.mean() + 0.5) / side, (rows.mean() + 0.5) / side)

    def area(self, index):
        return int((self.scene.labels == index + 1).sum())

    def inside(self, text):
        """Things in the half or corner that the words name; all if they name none."""
        text = re.sub(r"(closest|nearest) (to )?the.*", "", text).replace("-", " ")
        found = list(self.seen)
        # What lies near the middle is in no corner.
        half = 0.47 if re.search(r"(upper|lower|top|bottom) (left|right)", text) else 0.5
        for word, axis, low in (
            (r"on the left|left half|(upper|lower|top|bottom) left|^(the )?left ", 0, True),
            (r"on the right|right half|(upper|lower|top|bottom) right|^(the )?right ", 0, False),
            (r"(upper|top) (half|part|left|right)", 1, True),
            (r"(lower|bottom) (half|part|left|right)", 1, False),
        ):
            if re.search(word, text):
                sign = 1 if low else -1
                found = [index for index in found if sign * (self.centre[index][axis] - 0.5) < half - 0.5]
        return found

    def named(self, text, sure):
        """Things of the colour that the words name, certainly or possibly."""
        for colour in COLOURS:
            if re.search(rf"\b{colour}\b", text.replace("-", " ")):
                things = self.scene.things
                return [i for i in self.seen if colour in (things[i].colours if sure else things[i].maybe_colours)]
        return list(self.seen)


def check_relation(facts, text, target):
    """Relations to a thing that superlatives name: nearest by pixels, or on the right side."""
    match = re.fullmatch(r"(.*?) (closest|nearest|right next|next|left|right|above|below)( .*)? the (\w+) (\w+)", text)
    if not match or match[5] not in NAMES["building"]:
        return None
    word, centre = match[4], facts.centre
    if word in ALONG:
        axis, sign = ALONG[word]
        anchor = min(facts.seen, key=lambda i: sign * centre[i][axis])
    elif word in ("largest", "biggest", "smallest", "tiniest"):
        anchor = sorted(facts.seen, key=facts.area)[-1 if word in ("largest", "biggest") else 0]
    else:
        return None
    assert anchor != target, text
    if match[2] in ("closest", "nearest", "right next", "next"):
        reach = ndimage.distance_transform_edt(facts.scene.labels != anchor + 1)
        gap = {i: reach[facts.scene.labels == i + 1].min() for i in facts.named(match[1], sure=True) if i != anchor}
        assert gap[target] == min(gap.values()), text
    elif match[2] in ("left", "right"):
        assert (centre[target][0] < centre[anchor][0]) == (match[2] == "left"), text
    else:
        assert (centre[target][1] < centre[anchor][1]) == (match[2] == "above"), text
    return 1


def check_single(facts, expression):
    (target,) = expression.targets
    text = expression.text.lower().rstrip(".")
    if expression.kind == "relation":
        return check_relation(facts, text, target)
    rivals = [index for index in facts.inside(text) if index in facts.named(text, sure=True)]
    assert target in rivals, text
    centre, checked = facts.centre, 0
    for word, (axis, sign) in ALONG.items():
        if re.search(rf"\b{word}\b", text):
            assert sign * centre[target][axis] == min(sign * centre[i][axis] for i in rivals), text
            checked += 1
    if match := re.search(r"farthest to the (left|right)", text):
        places = [centre[i][0] for i in rivals]
        assert centre[target][0] == (min(places) if match[1] == "left" else max(places)), text
        checked += 1
    if re.search(r"largest|biggest|larger|bigger", text):
        assert facts.area(target) == max(facts.area(i) for i in rivals), text
        checked += 1
    if re.search(r"smallest|tiniest|smaller", text):
        assert facts.area(target) == min(facts.area(i) for i in rivals), text
        checked += 1
    if match := re.search(r"(?:closest|nearest) (?:to )?the (upper|top|lower|bottom)[ -](left|right) corner", text):
        corner = (float(match[2] == "right"), float(match[1] in ("lower", "bottom")))
        distance = {i: np.hypot(centre[i][0] - corner[0], centre[i][1] - corner[1]) for i in rivals}
        assert distance[target] == min(distance.values()), text
        checked += 1
    if re.search(r"(closest|nearest) (to )?the .*(middle|cent)", text):
        distance = {i: np.hypot(centre[i][0] - 0.5, centre[i][1] - 0.5) for i in rivals}
        assert distance[target] == min(distance.values()), text
        checked += 1
    if match := re.search(r"\b(second|2nd|third|3rd) .*from the (left|right|top|bottom)$", text):
        axis = 0 if match[2] in ("left", "right") else 1
        order = sorted(rivals, key=lambda i: centre[i][axis], reverse=match[2] in ("right", "bottom"))
        assert order[1 if match[1] in ("second", "2nd") else 2] == target, text
        checked += 1
    if not checked and not re.search(r"middle|cent|edge|long|elongated|square|corner", text):
        maybe = [index for index in facts.inside(text) if index in facts.named(text, sure=False)]
        assert maybe == [target], text
        checked += 1
    return checked


@settings(max_examples=40)
@given(st.integers(0, 10**9))
def test_single_expressions_are_true_of_their_target_alone(seed):
    scene = random_scene(seed)
    facts = Facts(scene)
    for expression in expressions_of(scene, seed, group_share=0, absent_share=0):
        if len(expression.targets) == 1:
            assert scene.things[expression.targets[0]].referable
            check_single(facts, expression)


def test_the_plain_look_does_look():
    """Most expressions that the checker above reads give it something to check."""
    looked = read = 0
    for seed in range(120):
        scene = random_scene(seed)
        for expression in expressions_of(scene, seed, group_share=0, absent_share=0):
            if len(expression.targets) == 1:
                result = check_single(Facts(scene), expression)
                read += result is not None
                looked += bool(result)
    assert looked > 0.75 * read > 200


@settings(max_examples=40)
@given(st.integers(0, 10**9), st.integers(0, 3), st.booleans())
def test_expressions_made_after_turning_are_true(seed, quarters, mirrored):
    scene = random_scene(seed).turned(quarters, mirrored)
    for expression in expressions_of(scene, seed, group_share=0, absent_share=0):
        if len(expression.targets) == 1:
            check_single(Facts(scene), expression)


def test_a_mirrored_scene_swaps_left_and_right():
    labels = np.zeros((64, 64), dtype=np.uint16)
    labels[20:40, 4:18], labels[24:44, 46:60] = 1, 2
    scene = Scene(np.zeros((64, 64, 3), np.uint8), labels, (Thing("building", 280.0), Thing("building", 280.0)))
    meant = {False: set(), True: set()}
    for mirrored in meant:
        for seed in range(60):
            for expression in expressions_of(scene.turned(0, mirrored), seed, group_share=0, absent_share=0):
                if expression.kind != "relation" and re.search("leftmost|on the left", expression.text):
                    meant[mirrored].add(expression.targets)
    assert meant == {False: {(0,)}, True: {(1,)}}


@settings(max_examples=40)
@given(st.integers(0, 10**9))
def test_groups_are_all_that_fit(seed):
    scene = random_scene(seed)
    facts = Facts(scene)
    for expression in expressions_of(scene, seed, group_share=1, absent_share=0):
        if expression.kind.startswith("group"):
            text = expression.text.lower()
            for sure in (True, False):
                fitting = [i for i in facts.inside(text) if i in facts.named(text, sure)]
                assert sorted(expression.targets) == fitting, text


@settings(max_examples=40)
@given(st.integers(0, 10**9))
def test_absent_expressions_fit_nothing(seed):
    scene = random_scene(seed)
    facts = Facts(scene)
    for expression in expressions_of(scene, seed, absent_share=1):
        assert expression.targets == () and expression.kind.startswith("absent")
        text = expression.text.lower().rstrip(".").replace("-", " ")
        buildings = [name for name in NAMES["building"] if re.search(rf"\b({name}|{plural(name)})\b", text)]
        if expression.kind == "absent object":
            outside = set() if facts.seen else {"building"}
            named = [name for other in OTHERS | outside for name in NAMES[other]] + list(ABSENT_OBJECTS)
            assert any(name in text or plural(name) in text for name in named), text
        else:
            assert buildings, text
        vague = re.search("middle|cent|edge", text)
        if (
            any(f"{colour} " in text for colour in COLOURS)
            and expression.kind not in ("absent relation", "absent object")
            and not vague
        ):
            assert not set(facts.inside(text)) & set(facts.named(text, sure=False)), text
        if expression.kind in ("absent position", "absent size+position") and not re.search(
            "middle|cent|edge|corner", text
        ):
            assert not facts.inside(text), text


@settings(max_examples=40)
@given(st.integers(0, 10**9))
def test_scenes_of_several_classes(seed):
    scene = random_scene(seed, categories=("building", "ship", "storage tank", "vehicle"))
    shown = {scene.things[index].category for index in Facts(scene).seen}
    heads = {name: category for category, names in NAMES.items() for name in names}
    for expression in expressions_of(scene, seed):
        text = expression.text.lower()
        first = re.split(
            r" (?:to the|next|beside|just|directly|immediately|closest|nearest|above|below|left|right)\b", text
        )[0]
        named = {category for name, category in heads.items() if re.search(rf"\b{name}\b", first)}
        assert not ("structure" in text and {"building", "storage tank"} <= shown)
        for target in expression.targets:
            if expression.kind != "relation" and named:
                assert scene.things[target].category in named, text


def test_the_same_seed_says_the_same():
    scene = random_scene(5)
    assert expressions_of(scene, 3) == expressions_of(scene, 3)
    assert expressions_of(scene, 3) != expressions_of(scene, 4)


def test_shares_and_counts():
    scenes = [random_scene(seed) for seed in range(60)]
    for scene in scenes:
        made = expressions_of(scene, 1, count=5)
        assert len(made) <= 5
        assert len({expression.text for expression in made}) == len(made)
    drawn = [e for seed, scene in enumerate(scenes) for e in expressions_of(scene, seed, absent_share=0.5)]
    assert 0.4 < np.mean([not expression.targets for expression in drawn]) < 0.62
    assert all(e.targets for scene in scenes for e in expressions_of(scene, 1, absent_share=0))


def test_an_empty_scene_says_only_what_is_not_there():
    scene = Scene(np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32), np.uint16), (), frozenset({"ship"}))
    made = expressions_of(scene, 0)
    assert made and all(e.kind == "absent object" and not e.targets for e in made)


def test_where_all_buildings_lie_outside_there_is_no_building():
    labels = np.zeros((64, 64), dtype=np.uint16)
    labels[:8, :8] = 1
    scene = Scene(np.zeros((64, 64, 3), np.uint8), labels, (Thing("building", 64.0),)).cut(16, 16, 48, 48)
    made = expressions_of(scene, 0, count=30)
    assert any("building" in expression.text for expression in made)
    assert not any(expression.targets for expression in made)


def test_things_outside_the_cut_are_neither_targets_nor_rivals():
    scene = random_scene(11, size=128, most=12)
    part = scene.cut(0, 0, 64, 64)
    seen = set(np.unique(part.labels).tolist())
    for expression in expressions_of(part, 2, count=40):
        assert all(target + 1 in seen for target in expression.targets)
    lone = replace(part, labels=np.where(part.labels == max(seen), part.labels, 0).astype(np.uint16))
    assert expressions_of(lone, 2, count=5, absent_share=0)


def test_the_words_alone_do_not_tell_what_is_absent():
    """The same coloured templates are true of one scene and false of another."""
    seen = {True: set(), False: set()}
    for seed in range(600):
        for expression in expressions_of(random_scene(seed, most=4), seed, count=8, absent_share=0.4):
            text = expression.text.lower().replace("-", " ")
            colour = next((name for name in COLOURS if re.search(rf"\b{name}\b", text)), None)
            half = re.search(r"\b(left|right|upper|lower|top|bottom)\b", text)
            if colour and half and expression.kind.endswith("colour+position"):
                seen[bool(expression.targets)].add((colour, half[1]))
    assert len(seen[True] & seen[False]) >= 20


def test_it_is_quick():
    rng = np.random.default_rng(0)
    scenes = [random_scene(seed, size=384, most=15) for seed in range(25)]
    make_expressions(scenes[0], rng, 4)
    spent = []
    for scene in scenes:
        start = time.perf_counter()
        make_expressions(scene, rng, 4)
        spent.append(time.perf_counter() - start)
    assert np.median(spent) < 0.03, "10 ms on a quiet machine"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ship", "ships"),
        ("aircraft", "aircraft"),
        ("tennis court", "tennis courts"),
        ("bus", "buses"),
        ("bridge over the river", "bridges over the river"),
        ("boats at the pier", "boats at the pier"),
    ],
)
def test_plurals(name, expected):
    assert plural(name) == expected
