"""Sets built from a map of known rectangles: everything that is said is true, paired, split by place, reproducible."""

import json
import pickle
from collections import Counter, defaultdict

import numpy as np
import pytest
from tests.data.building.understanding import meant, see
from tests.data.building.world import CLASSES, make_world, write_coco, write_map

from rs2sam2.cli import main
from rs2sam2.data.building import build as building
from rs2sam2.data.coco_masks import decode_segmentation
from rs2sam2.data.oam_ref import OAMRef
from rs2sam2.data.pixels import read_rgb

WORLD = make_world()
PICTURES = "refer/images/rrsisd/JPEGImages"


def build_raster(files, output, *options):
    line = ["data", "build", "raster", *files, "-o", output, "--class-column", "what", "--tile", "192", *options]
    assert main([*map(str, line)]) == 0
    return output


def build_coco(folder, output, *options):
    line = ["data", "build", "coco", *write_coco(folder, WORLD), "-o", output, *options]
    assert main([*map(str, line)]) == 0
    return output


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Raster and layer."""
    return write_map(tmp_path_factory.mktemp("map"), WORLD)


@pytest.fixture(scope="module")
def built(files, tmp_path_factory):
    """By name, the folder of a set."""
    folder = tmp_path_factory.mktemp("sets")
    return {
        "raster": build_raster(files, folder / "raster", "--absent", "0.3"),
        "coco": build_coco(folder / "coco", folder / "of_coco", "--place", r"column(\d+)/"),
    }


def read_set(root):
    instances = json.loads((root / "refer/rrsisd/instances.json").read_text())
    refs = [
        ref for name in ("unc", "group") for ref in pickle.loads((root / f"refer/rrsisd/refs({name}).p").read_bytes())
    ]
    return instances, refs, json.loads((root / "no_target.json").read_text())


def things_by_picture(root):
    """Picture -> its objects as they are measured in what was written; annotation id -> number of object."""
    instances, _, _ = read_set(root)
    names = {image["id"]: image["file_name"] for image in instances["images"]}
    nouns = {category["id"]: category["name"] for category in instances["categories"]}
    found = defaultdict(list)
    for one in instances["annotations"]:
        if "members" not in one:
            mask = decode_segmentation(one["segmentation"], 1, 1)
            name = names[one["image_id"]]
            found[name].append(see(one["id"], nouns[one["category_id"]], mask, read_rgb(root / PICTURES / name)))
    return found


@pytest.mark.parametrize("name", ["raster", "coco"])
def test_every_sentence_means_what_is_written(built, name):
    instances, refs, absent = read_set(built[name])
    members = {one["id"]: set(one.get("members", [one["id"]])) for one in instances["annotations"]}
    things = things_by_picture(built[name])
    kinds = Counter()
    for ref in refs:
        for sentence in ref["sentences"]:
            kinds[sentence["kind"]] += 1
            assert meant(sentence["raw"], things[ref["file_name"]]) == members[ref["ann_id"]], (ref, sentence)
    for entry in absent:
        kinds[entry["kind"]] += 1
        assert meant(entry["sentence"], things[entry["image"].rpartition("/")[2]]) == set(), entry
    assert {"class+position", "size", "colour", "relation", "ordinal", "group all"} <= set(kinds)
    assert len(kinds) > 14 and (name == "coco" or "absent object" in kinds)


def test_the_independent_check_can_fail(built):
    _, refs, _ = read_set(built["raster"])
    things = things_by_picture(built["raster"])
    wrong = {"leftmost": "rightmost", "largest": "smallest", "highest": "lowest"}
    swapped = [
        (sentence["raw"].replace(word, other), ref)
        for ref in refs
        for sentence in ref["sentences"]
        for word, other in wrong.items()
        if word in sentence["raw"] and sentence["kind"] != "relation"
    ]
    assert len(swapped) > 5
    assert sum(meant(text, things[ref["file_name"]]) == {ref["ann_id"]} for text, ref in swapped) < len(swapped) / 4


@pytest.mark.parametrize("name", ["raster", "coco"])
def test_absent_things_come_in_pairs(built, name):
    _, refs, absent = read_set(built[name])
    there = {
        (ref["split"], sentence["pair"]): (sentence["raw"], ref["file_name"])
        for ref in refs
        for sentence in ref["sentences"]
        if sentence["pair"] is not None
    }
    assert len(there) == len(absent) > 20
    for entry in absent:
        text, picture = there[entry["split"], entry["pair"]]
        assert text == entry["sentence"]
        assert picture != entry["image"].rpartition("/")[2]
    assert len({entry["kind"] for entry in absent}) > 5


def test_wordings_and_shares(built):
    _, refs, absent = read_set(built["raster"])
    single = [ref for ref in refs if not ref["sentences"][0]["kind"].startswith("group")]
    assert np.mean([len(ref["sentences"]) for ref in single]) > 2
    assert len({(ref["split"], ref["ann_id"]) for ref in refs}) == len(refs)
    said = sum(len(ref["sentences"]) for ref in refs)
    assert 0.2 < len(absent) / (len(absent) + said) <= 0.3


@pytest.mark.parametrize("name", ["raster", "coco"])
def test_readers_and_check_take_it(built, name, capsys):
    for reader, root in (("oam-ref", built[name]), ("rrsisd", built[name] / "refer")):
        assert main(["data", "check", reader, str(root), "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
        assert {finding["kind"] for finding in report["findings"]} == {"not the published set"}
    record = json.loads((built[name] / "build.json").read_text())
    for split, counts in record["splits"].items():
        samples = list(OAMRef(built[name], split))
        sizes = Counter(1 if sample.present else 0 for sample in samples)
        assert sizes == {0: counts["absent"], 1: counts["single"] + counts["group"]}
        assert len({sample.name for sample in samples}) == counts["images"]
        assert (built[name] / f"contact_sheets/{split}.png").stat().st_size > 10_000
    listed = {path.name for path in (built[name] / PICTURES).iterdir()}
    assert listed == {image["file_name"] for image in read_set(built[name])[0]["images"]}


def test_splits_share_no_ground(built):
    images = read_set(built["raster"])[0]["images"]
    ground = np.zeros((768, 768), dtype=int)
    split_of = {"train": 1, "val": 2, "test": 3}
    places = defaultdict(set)
    for image in images:
        left, upper, width, height = image["window"]
        part = ground[upper : upper + height, left : left + width]
        assert not part.any() and part.size == width * height
        part[:] = split_of[image["split"]]
        places[image["place"]].add(image["split"])
    assert {len(splits) for splits in places.values()} == {1}
    assert set(np.unique(ground)) >= {1, 2, 3}


def test_an_object_in_two_splits_is_no_target(built):
    instances, refs, _ = read_set(built["raster"])
    images = {image["id"]: image for image in instances["images"]}
    seen = defaultdict(set)
    for one in instances["annotations"]:
        image = images[one["image_id"]]
        left, upper = image["window"][:2]
        x, y, width, height = one["bbox"]
        box = (x + left, y + upper, x + left + width, y + upper + height)
        for number, known in enumerate(WORLD.objects):
            inside = known.box[0] < box[0] + 1 < known.box[2] and known.box[1] < box[1] + 1 < known.box[3]
            if inside and "members" not in one:
                seen[number].add((image["split"], one["id"], one["referable"]))
    shared = [parts for parts in seen.values() if len({split for split, _, _ in parts}) > 1]
    assert shared
    targets = {ref["ann_id"] for ref in refs}
    for parts in shared:
        assert not any(referable for _, _, referable in parts)
        assert not targets & {number for _, number, _ in parts}


def test_an_object_mostly_outside_is_there_but_no_target(built):
    instances, refs, _ = read_set(built["raster"])
    targets = {ref["ann_id"] for ref in refs}
    images = {image["id"]: image for image in instances["images"]}
    slivers = 0
    for one in instances["annotations"]:
        if "members" in one:
            continue
        left, upper = images[one["image_id"]]["window"][:2]
        x, y = one["bbox"][0] + left + 0.5, one["bbox"][1] + upper + 0.5
        whole = next(o for o in WORLD.objects if o.box[0] <= x <= o.box[2] and o.box[1] <= y <= o.box[3]).outline.area
        if one["area"] < 0.55 * whole:
            slivers += 1
            assert one["id"] not in targets
    assert slivers > 3


def test_places_of_coco_images(built):
    images = read_set(built["coco"])[0]["images"]
    assert {image["place"] for image in images} == {"0", "256", "512"}
    assert len({(image["place"], image["split"]) for image in images}) == 3


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_same_seed_same_bytes(built, files, tmp_path):
    first = contents(built["raster"])
    assert contents(build_raster(files, tmp_path / "again", "--absent", "0.3")) == first
    other = contents(build_raster(files, tmp_path / "other", "--absent", "0.3", "--seed", "1"))
    assert other["no_target.json"] != first["no_target.json"]


def test_nothing_is_left_of_an_interrupted_build(files, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(building, "write_sheets", stop)
    line = ["data", "build", "raster", *files, "-o", tmp_path / "set", "--class-column", "what", "--tile", "256"]
    assert main([*map(str, line)]) == 130
    assert list(tmp_path.iterdir()) == []


def test_classes_are_spoken_of_by_their_nouns(built):
    for root in built.values():
        categories = [category["name"] for category in read_set(root)[0]["categories"]]
        assert categories == sorted(CLASSES)
