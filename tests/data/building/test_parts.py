"""Names, places and tiles by themselves."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from rs2sam2.data.building.names import NamedAttributes, SetWording, nouns, parse_renamed
from rs2sam2.data.building.picture import Footprint
from rs2sam2.data.building.places import SPLITS, split_places
from rs2sam2.data.building.raster import _cuts
from rs2sam2.data.building.vector import _polygons
from rs2sam2.data.claims import Claim, Claims
from rs2sam2.data.scene import Scene, Thing
from rs2sam2.errors import ConfigError, DataError

counts = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.integers(0, 50), min_size=3, max_size=40)


@given(counts, st.integers(0, 1000))
def test_every_place_has_a_split_and_every_split_a_place(places, seed):
    split_of = split_places(places, 0.2, 0.1, np.random.default_rng(seed))
    assert set(split_of) == set(places)
    assert set(split_of.values()) == set(SPLITS)
    assert split_of == split_places(dict(reversed(places.items())), 0.2, 0.1, np.random.default_rng(seed))


def test_splits_have_about_their_shares():
    places = {str(number): 1 + number % 7 for number in range(200)}
    split_of = split_places(places, 0.2, 0.1, np.random.default_rng(0))
    total = sum(places.values())
    held = {split: sum(places[place] for place in places if split_of[place] == split) / total for split in SPLITS}
    assert held == pytest.approx({"train": 0.7, "val": 0.2, "test": 0.1}, abs=0.02)
    assert set(split_places(places, 0, 0, np.random.default_rng(0)).values()) == {"train"}


@given(st.integers(1, 100_000), st.floats(0.05, 1), st.integers(64, 2048))
def test_tiles_cover_a_side_once(length, scale, tile):
    cuts = _cuts(length, scale, tile)
    assert cuts[0] == 0 and cuts[-1] == length
    sizes = np.diff(cuts)
    assert sizes.min() >= 1 and sizes.max() - sizes.min() <= 1
    if len(cuts) > 2:
        assert 0.6 * tile < (length / (len(cuts) - 1)) * scale < 1.5 * tile


@given(st.integers(0, 2**32 - 1))
def test_a_footprint_is_its_mask(seed):
    mask = np.random.default_rng(seed).random((9, 7)) > 0.8
    footprint = Footprint.of("ship", mask, 1.0)
    if footprint is None:
        assert not mask.any()
    else:
        assert (footprint.whole(9, 7) == mask).all()


points = st.tuples(st.integers(0, 30), st.integers(0, 30))


@given(st.lists(st.lists(points, min_size=3, max_size=7), min_size=1, max_size=4))
def test_whatever_is_outlined_becomes_valid_polygons(rings):
    outlines = np.array([shapely.Polygon(ring) for ring in rings], dtype=object)
    try:
        found, kept, _ = _polygons("layer", shapely.to_wkb(outlines))
    except DataError:
        assert all(shapely.make_valid(outline).area == 0 for outline in outlines)
        return
    assert shapely.is_valid(found).all() and (shapely.area(found) > 0).all()
    assert set(shapely.get_type_id(found)) <= {3, 6}
    for outline, index in zip(found, kept, strict=True):
        assert outline.area == pytest.approx(shapely.make_valid(outlines[index]).area)


def test_nouns():
    assert nouns(["Storage-Tanks", "plane", "Ground_Track_Field", "7"], {"7": "ship", "plane": ""}) == {
        "7": "ship",
        "Ground_Track_Field": "ground track field",
        "Storage-Tanks": "storage tank",
    }
    with pytest.raises(DataError, match="--name '7=WORDS'"):
        nouns(["7"], {})
    with pytest.raises(ConfigError, match="leaves no class"):
        nouns(["a"], {"a": ""})
    with pytest.raises(ConfigError, match="has no '='"):
        parse_renamed(["a"])


def scene(*categories):
    labels = np.zeros((20, 20 * len(categories)), dtype=np.uint16)
    for number in range(len(categories)):
        labels[5:15, 20 * number + 5 : 20 * number + 15] = number + 1
    image = np.zeros((*labels.shape, 3), dtype=np.uint8)
    return Scene(image, labels, tuple(Thing(name, 100.0) for name in categories))


def test_a_name_does_not_mean_another_class():
    rng = np.random.default_rng(0)
    fit = NamedAttributes(scene("building", "shed")).category("building")
    said = {SetWording(rng, ["building", "shed"]).phrase(Claim("building", fit)) for _ in range(300)}
    assert any("house" in text for text in said) and not any("shed" in text for text in said)
    assert all("shed" in SetWording(rng, ["building", "shed"]).phrase(Claim("shed", fit)).lower() for _ in range(20))


def test_a_large_vehicle_and_a_thing_of_unknown_class_are_rivals_of_a_vehicle():
    for other in ("large vehicle", ""):
        attributes = NamedAttributes(scene("vehicle", other))
        (claim,) = Claims(attributes, "vehicle", ()).of("class")
        assert claim.fit.sole is None and claim.fit.certain == {0}
    (claim,) = Claims(NamedAttributes(scene("vehicle", "vehicle park")), "vehicle", ()).of("class")
    assert claim.fit.sole == 0


def test_plurals_in_y():
    rng = np.random.default_rng(0)
    fit = NamedAttributes(scene("factory", "factory")).category("factory")
    said = {SetWording(rng, ["factory"]).phrase(Claim("factory", fit, plural=True)) for _ in range(50)}
    assert any("factories" in text for text in said) and not any("factorys" in text for text in said)
