"""Which scenes are found, and what hostile STAC comes to."""

import json
from pathlib import Path

import pytest
from batch_catalogues import catalogue, item, served_catalogue, write
from hypothesis import given
from hypothesis import strategies as st

from rs2sam2.errors import DataError, Rs2Sam2Error
from rs2sam2.inference.batch import fetch, stac
from rs2sam2.inference.batch.scenes import Scene, find_scenes


def names(scenes: list[Scene]) -> list[str]:
    return [Path(scene.source).name for scene in scenes]


def touch(folder: Path, *files: str) -> None:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()


def test_a_folder_gives_every_raster_beneath_it_but_mosaics_hidden_files_and_results(tmp_path):
    touch(tmp_path, "b.tif", "a.JP2", "deep/c.jpg", "m.vrt", "notes.txt", ".work/d.tif", "out/scenes/x/mask.tif")
    assert names(find_scenes([str(tmp_path)], leave_out=tmp_path / "out")) == ["a.JP2", "b.tif", "c.jpg"]


def test_globs_lists_and_files_give_each_scene_once(tmp_path, monkeypatch):
    touch(tmp_path, "a.tif", "b.tif", "sub/c.tif", "m.vrt")
    (tmp_path / "list.txt").write_text("# mine\n\nsub\na.tif\nhttp://127.0.0.1:1/d.tif?key=1\n")
    monkeypatch.chdir(tmp_path)
    assert names(find_scenes(["*.tif", "list.txt", "a.tif", "m.vrt"])) == [
        "a.tif",
        "b.tif",
        "c.tif",
        "d.tif?key=1",
        "m.vrt",
    ]
    assert names(find_scenes([str(tmp_path / "**" / "c.*")])) == ["c.tif"]


@pytest.mark.parametrize("argument", ["nowhere.tif", "nothing-*.tif", ".", "empty.txt"])
def test_an_argument_that_names_no_raster_is_an_error(tmp_path, monkeypatch, argument):
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").touch()
    with pytest.raises(DataError, match=r"no raster there|no such file"):
        find_scenes([argument])


def test_ids_are_safe_names_that_differ_by_place_and_not_by_signature():
    first, other = Scene("http://h/a/../ö x.tif?sig=1"), Scene("http://h/a/../ö x.tif?sig=2")
    assert first.scene_id == other.scene_id != Scene("http://h/b/ö x.tif").scene_id
    assert first.scene_id.startswith("x-")
    assert Scene("/etc/" + "a" * 300 + ".tif").scene_id < "b"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_ids_never_leave_their_folder(text):
    for source in (text, f"http://h/{text}.tif", f"/data/{text}"):
        name = Scene(source).scene_id
        assert Path(name).name == name
        assert 0 < len(name) <= 90


def test_a_served_catalogue_that_links_back_to_itself_gives_its_items_in_order(server):
    served_catalogue(server.folder, ["b", "a"])
    scenes = find_scenes([f"{server.url}/catalog.json"])
    assert [scene.source for scene in scenes] == [f"{server.url}/cogs/b.tif", f"{server.url}/cogs/a.tif"]
    assert scenes[0].item == f"{server.url}/items/b/b.json"
    assert scenes[0].taken == "2020-05-01T10:00:00+00:00"
    assert len(server.requests) == len({path for path, _ in server.requests}) == 4


def test_an_item_collection_is_read_page_by_page(server):
    page = {"type": "FeatureCollection", "features": [item("a", "a.tif")]}
    write(server.folder / "p1.json", page | {"links": [{"rel": "next", "href": "p2.json"}]})
    write(
        server.folder / "p2.json",
        page | {"features": [item("b", "b.tif")], "links": [{"rel": "next", "href": "p1.json"}]},
    )
    assert names(find_scenes([f"{server.url}/p1.json"])) == ["a.tif", "b.tif"]


def test_the_same_from_disk_with_paths_beside_the_file(tmp_path):
    served_catalogue(tmp_path / "c", ["a"])
    assert [s.source for s in find_scenes([str(tmp_path / "c" / "catalog.json")])] == [
        str(tmp_path / "c" / "cogs" / "a.tif")
    ]


def test_which_asset_is_meant(tmp_path):
    two = item("x", "red.tif", key="B04", roles=())
    two["assets"]["B03"] = {"href": "green.tif"}
    place = str(write(tmp_path / "x.json", two))
    with pytest.raises(DataError, match=r"which asset is meant.*B04, B03"):
        find_scenes([place])
    assert names(find_scenes([place], asset="B03")) == ["green.tif"]
    with pytest.raises(DataError, match="no asset 'B9'"):
        find_scenes([place], asset="B9")
    two["assets"]["B03"]["roles"] = ["visual"]
    write(tmp_path / "x.json", two)
    assert names(find_scenes([place])) == ["green.tif"]


HOSTILE = {
    "no JSON": "{",
    "a list": "[]",
    "no STAC": '{"a": 1}',
    "deep": "[" * 100_000,
    "a huge number": '{"type": "Feature", "id": ' + "9" * 5000 + "}",
    "assets are a list": json.dumps(item("x", "a.tif") | {"assets": [1]}),
    "an asset is text": json.dumps(item("x", "a.tif") | {"assets": {"visual": "a.tif"}}),
    "href is a number": json.dumps(item("x", "a.tif") | {"assets": {"visual": {"href": 7}}}),
    "no datetime that is one": json.dumps(item("x", "a.tif") | {"properties": {"datetime": "soon"}}),
    "properties are null": json.dumps(item("x", "a.tif") | {"properties": None}),
    "features are text": json.dumps({"type": "FeatureCollection", "features": ["a"]}),
    "links are null": json.dumps({"type": "Catalog", "links": None}),
    "a link to nothing": json.dumps(catalogue("Catalog", [("child", "")])),
    "a link with a null byte": json.dumps(catalogue("Catalog", [("child", "a\0b")])),
    "a link to a bucket": json.dumps(catalogue("Catalog", [("child", "s3://bucket/c.json")])),
    "a mosaic": json.dumps(item("x", "a.vrt")),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_documents_are_one_line(tmp_path, content):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(Rs2Sam2Error) as raised:
        find_scenes([str(tmp_path / "x.json")])
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    "href", ["file:///etc/passwd.tif", "s3://bucket/a.tif", "ftp://h/a.tif", "/vsizip/a.zip/a.tif"]
)
def test_what_comes_from_the_network_leads_to_no_file_here(server, href):
    write(server.folder / "x.json", item("x", href))
    if href.startswith("/"):
        assert find_scenes([f"{server.url}/x.json"])[0].source == server.url + href
    else:
        with pytest.raises(DataError, match=r"only http\(s\) can be followed"):
            find_scenes([f"{server.url}/x.json"])


def test_a_redirection_to_a_file_and_an_error_of_the_server_are_refused(server):
    for path in ("elsewhere.json", "missing.json"):
        with pytest.raises(DataError, match=path):
            find_scenes([f"{server.url}/{path}"])


def test_documents_end_in_size_in_time_and_in_number(server, tmp_path, monkeypatch):
    write(server.folder / "a.json", item("a", "a.tif"))
    monkeypatch.setattr(fetch, "LARGEST", 100)
    with pytest.raises(DataError, match="more than"):
        find_scenes([f"{server.url}/a.json"])
    monkeypatch.setattr(fetch, "LARGEST", 1 << 20)
    monkeypatch.setattr(fetch, "SECONDS", -1.0)
    with pytest.raises(DataError, match="not finished"):
        find_scenes([f"{server.url}/a.json"])
    monkeypatch.setattr(fetch, "SECONDS", 60.0)
    monkeypatch.setattr(stac, "MOST_DOCUMENTS", 10)
    place = write(tmp_path / "c.json", catalogue("Catalog", [("item", f"i{number}.json") for number in range(11)]))
    with pytest.raises(DataError, match="more than 10 documents"):
        find_scenes([str(place)])
