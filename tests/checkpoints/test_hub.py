"""The Hub, spoken with over HTTP on this machine: fetched once and whole, or one line and nothing left behind."""

import errno
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from foreign_weights import SPM, model, published_state, write_folder
from huggingface_hub import constants
from local_hub import NAME, LocalHub, Repository
from safetensors.torch import load_file

from rs2sam2.checkpoints import hub as our_hub
from rs2sam2.checkpoints.locate import HubName, locate
from rs2sam2.checkpoints.native import FILES
from rs2sam2.errors import WeightsError
from rs2sam2.inference.segmenter import Segmenter


def in_subfolder(hub: LocalHub, subfolder: str) -> None:
    repository = hub.repositories[NAME]
    repository.files = {f"{subfolder}/{name}": content for name, content in repository.files.items()}


def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)


def left_in(cache: Path) -> list[str]:
    """Files in the cache but its locks, which are empty."""
    return sorted(str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file() and path.name != ".lock")


def refused(text: str, *, name: str = NAME, **more: str) -> str:
    """The one line of a WeightsError."""
    with pytest.raises(WeightsError, match=text) as caught:
        Segmenter.from_pretrained(name, device="cpu", **more)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_model_comes_as_it_lies_there_and_nothing_else_is_fetched(hub: LocalHub, native: Path) -> None:
    folder = locate(NAME)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in native.iterdir()
    }
    assert not [line for line in hub.requests if "optimizer" in line or "training_log" in line]
    assert Segmenter.from_pretrained(NAME, device="cpu").weights == Segmenter.from_pretrained(native).weights


def test_second_start_asks_the_hub_for_nothing(hub: LocalHub) -> None:
    first = locate(NAME)
    hub.requests.clear()
    assert locate(NAME) == first
    assert hub.requests == []


def test_cache_holds_one_complete_folder_and_the_branch(hub: LocalHub, cache: Path) -> None:
    locate(NAME)
    commit = hub.repositories[NAME].commit
    expected = {f"owner--name/{commit}.1/{name}" for name in FILES} | {"owner--name/refs/main.commit"}
    assert set(left_in(cache)) == expected
    assert not list((cache / "owner--name").glob(".partial-*"))


@pytest.mark.parametrize("written", [{"name": NAME, "subfolder": "rrsisd"}, {"name": f"{NAME}:rrsisd"}])
def test_subfolder_of_a_repository(hub: LocalHub, written: dict[str, str]) -> None:
    in_subfolder(hub, "rrsisd")
    written = dict(written)
    folder = locate(written.pop("name"), **written)
    assert {path.name for path in folder.iterdir()} == set(FILES)
    assert folder.name.endswith(".rrsisd")


def test_subfolder_is_named_where_the_top_has_no_weights(hub: LocalHub) -> None:
    in_subfolder(hub, "rrsisd")
    assert "subfolder='rrsisd'" in refused("no weights at its top")
    refused("no weights at its subfolder 'refseg'", subfolder="refseg")


def test_commit_tag_and_branch_of_the_same_state_are_fetched_once(hub: LocalHub) -> None:
    folder = locate(NAME, revision="v1")
    downloads = len(hub.downloads())
    assert locate(NAME) == locate(f"{NAME}@v1") == folder
    assert locate(NAME, revision=hub.repositories[NAME].commit) == folder
    assert len(hub.downloads()) == downloads


def test_refresh_sees_a_new_commit_and_nothing_else_does(hub: LocalHub) -> None:
    first = locate(NAME)
    hub.repositories[NAME].files["README.md"] = b"# Another card\n"
    assert locate(NAME) == first
    second = locate(NAME, refresh=True)
    assert (second / "README.md").read_text() == "# Another card\n"
    assert locate(NAME) == second != first
    assert locate(NAME, revision=first.name.split(".")[0]) == first


def test_other_format_is_converted_once(hub: LocalHub, native: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def convert(source: Path, folder: Path, *, dtype: torch.dtype, name: str) -> None:
        asked.append(({path.name for path in source.iterdir() if path.is_file()}, dtype, name))
        shutil.copytree(native, folder)

    monkeypatch.setattr(our_hub, "convert", convert)
    weights = hub.repositories[NAME].files["model.safetensors"]
    index = {"weight_map": dict.fromkeys(load_file(native / "model.safetensors"), "a-00001-of-00001.safetensors")}
    hub.repositories[NAME].files = {
        "rrsisd/model.safetensors.index.json": json.dumps(index).encode(),
        "rrsisd/a-00001-of-00001.safetensors": weights,
        "rrsisd/a-00002-of-00001.safetensors": weights,
        "rrsisd/config.json": b'{"model_type": "other"}',
        "rrsisd/sentencepiece.bpe.model": SPM.read_bytes(),
    }
    assert locate(NAME, "rrsisd") == locate(f"{NAME}:rrsisd")
    files = {"model.safetensors.index.json", "a-00001-of-00001.safetensors", "config.json", "sentencepiece.bpe.model"}
    assert asked == [(files, torch.float16, "owner/name:rrsisd")]


def test_published_model_works_directly(hub: LocalHub, tmp_path: Path) -> None:
    state = {name: tensor.bfloat16() for name, tensor in published_state(model()).items()}
    write_folder(tmp_path / "published", state, pickled=True, shards=2)
    files = {f"rrsisd/{path.name}": path.read_bytes() for path in (tmp_path / "published").iterdir()}
    hub.repositories[NAME].files = files
    segmenter = Segmenter.from_pretrained(NAME, device="cpu", precision="bfloat16", subfolder="rrsisd")
    assert segmenter.weights.name == "owner/name:rrsisd"
    hub.stop()
    folder = locate(NAME, "rrsisd")
    found = load_file(folder / "model.safetensors")
    assert {tensor.dtype for tensor in found.values()} == {torch.bfloat16}
    assert all(torch.equal(found[name], tensor.bfloat16()) for name, tensor in model().state_dict().items())
    assert Segmenter.from_pretrained(f"{NAME}:rrsisd", device="cpu").weights == segmenter.weights


@pytest.mark.parametrize("shard", ["../../../escaped.safetensors", "/tmp/escaped.safetensors", "missing.safetensors"])
def test_index_that_leads_elsewhere_is_refused(hub: LocalHub, cache: Path, shard: str) -> None:
    files = {"model.safetensors.index.json": json.dumps({"weight_map": {"a": shard}}).encode()}
    hub.repositories[NAME].files = files
    refused("lies outside|does not have it")
    assert left_in(cache) == []


@pytest.mark.parametrize("lost", ["tokenizer.spm", "config.json"])
def test_repository_that_is_not_whole_is_refused(hub: LocalHub, cache: Path, lost: str) -> None:
    del hub.repositories[NAME].files[lost]
    assert str(cache) not in refused(f"owner/name.*{lost}"), "a path that is gone tells a user nothing"
    assert left_in(cache) == []


def test_broken_transfer_leaves_nothing(hub: LocalHub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_pauses(monkeypatch)
    hub.breaks_after["model.safetensors"] = 5_000
    refused("could not be reached or broke off.*try again")
    assert len(hub.downloads()) > 3, "it should have tried to go on where it was"
    assert left_in(cache) == []
    hub.breaks_after.clear()
    assert locate(NAME).is_dir()


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
def test_wrong_checksum_leaves_nothing(hub: LocalHub, cache: Path, file: str) -> None:
    hub.flipped.add(file)
    refused(f"{file} arrived damaged")
    assert left_in(cache) == []


def test_no_network_and_no_cache(hub: LocalHub, cache: Path) -> None:
    hub.stop()
    refused("could not be reached.*HF_ENDPOINT")
    assert left_in(cache) == []


def test_no_network_but_a_cache(hub: LocalHub) -> None:
    folder = locate(NAME)
    hub.stop()
    assert locate(NAME) == locate(NAME, refresh=True) == folder


def test_offline_by_choice(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refused("HF_HUB_OFFLINE")
    assert hub.requests == []


@pytest.mark.parametrize(
    ("refusal", "text"),
    [
        ((401, "RepoNotFound"), "no such model on the Hub or a private one.*HF_TOKEN"),
        ((403, "GatedRepo"), "ask for access"),
        ((401, "GatedRepo"), "ask for access"),
        ((403, ""), "refuses .403."),
        ((418, ""), "answers 418"),
        ((503, ""), "in trouble .it answers 503.*later"),
    ],
)
def test_refusals_of_the_hub(
    hub: LocalHub, cache: Path, refusal: tuple[int, str], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_pauses(monkeypatch)
    hub.repositories[NAME].refused = refusal
    refused(text)
    assert left_in(cache) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("owner/other", "no such folder here, and no such model"),
        (f"{NAME}@v9", "no such revision"),
        (f"{NAME}:../up", "path inside the repository"),
        (f"{NAME}:/etc", "path inside the repository"),
        ("-x/y..z", "no weights there"),
        ("a..b/c--d", "no name for a model on the Hub"),
        ("just-a-word", "no weights there.*owner/name.*nano"),
        ("three/part/name", "no weights there"),
    ],
)
def test_names_that_are_none(hub: LocalHub, name: str, text: str) -> None:
    refused(text, name=name)


def test_folder_of_that_name_wins(hub: LocalHub, native: Path) -> None:
    shutil.copytree(native, Path(NAME))
    assert locate(NAME) == Path(NAME)
    assert locate("owner", subfolder="name") == Path(NAME)
    assert locate(Path(NAME)) == Path(NAME)
    assert hub.requests == []


def test_folder_without_weights_does_not_become_a_name_on_the_hub(hub: LocalHub) -> None:
    Path(NAME).mkdir(parents=True)
    refused("no weights there")
    assert hub.requests == []


def test_folder_called_as_shipped_weights_wins_only_with_weights(hub: LocalHub, native: Path) -> None:
    Path("nano").mkdir()
    assert locate("nano").parent.name == "weights"
    shutil.copytree(native, "nano", dirs_exist_ok=True)
    assert locate("nano") == Path("nano")


def test_hub_that_gives_a_path_for_a_commit(hub: LocalHub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Repository, "commit", "../../../escaped")
    refused("gives no commit")
    assert left_in(cache) == []


def test_remembered_commit_that_is_a_path_is_not_followed(hub: LocalHub, native: Path, cache: Path) -> None:
    locate(NAME)
    (cache / "owner--name" / "refs" / "main.commit").write_text("../../elsewhere")
    shutil.copytree(native, cache / "elsewhere.1")
    assert locate(NAME).name == f"{hub.repositories[NAME].commit}.1"


def test_what_a_killed_process_left_is_removed(hub: LocalHub, cache: Path) -> None:
    left = cache / "owner--name" / ".partial-killed" / "download"
    left.mkdir(parents=True)
    (left / "model.safetensors").write_bytes(b"half")
    locate(NAME)
    assert not left.exists()


def test_concurrent_starts_fetch_once(hub: LocalHub) -> None:
    with ThreadPoolExecutor(4) as threads:
        folders = set(threads.map(lambda _: locate(NAME), range(4)))
    assert len(folders) == 1
    assert len([line for line in hub.requests if line.startswith("GET /cdn/")]) == len(
        [name for name, content in hub.repositories[NAME].files.items() if name in FILES and len(content) >= 10_000]
    )


def test_cache_that_cannot_be_made(hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RS2SAM2_CACHE", str(tmp_path / "file" / "cache"))
    refused("cache cannot be written .Not a directory.*RS2SAM2_CACHE")


def test_full_disk(hub: LocalHub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("huggingface_hub.file_download.http_get", full)
    refused("cache cannot be written .No space left")
    assert left_in(cache) == []


def test_cache_that_is_only_readable_still_answers(
    hub: LocalHub, native: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = locate(NAME)

    def write(*arguments: object, **_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), arguments[0])

    # Nothing of the answer may touch the disk: permissions do not bind the superuser, so the calls themselves fail.
    for call in ("mkdir", "touch", "write_text", "write_bytes", "unlink", "rename", "replace"):
        monkeypatch.setattr(Path, call, write)
    monkeypatch.setattr("tempfile.mkstemp", write)
    monkeypatch.setattr("tempfile.mkdtemp", write)
    assert locate(NAME) == folder
    assert Segmenter.from_pretrained(NAME, device="cpu").weights == Segmenter.from_pretrained(native).weights
    hub.repositories[NAME].files["README.md"] = b"# Another card\n"
    with pytest.raises(WeightsError, match=r"cache cannot be written .Read-only file system.*RS2SAM2_CACHE"):
        locate(NAME, refresh=True)


def test_name_as_it_is_written() -> None:
    for text in ("owner/name", "owner/name@v1", "owner/name:sub/folder", "owner/name@refs/pr/1:sub"):
        assert str(HubName.parse(text)) == text
