"""A Hub that sends more than it announced, or does not stop: one line, with disk and memory as they were."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants, get_session
from local_hub import GIVES_UP_AFTER, NAME, LocalHub

from rs2sam2.checkpoints.locate import locate
from rs2sam2.errors import WeightsError

# What has been sent is more than what was read: both sides of a connection keep some.
ON_THE_WAY = 24 * 2**20


def refused(text: str) -> None:
    with pytest.raises(WeightsError, match=text) as caught:
        locate(NAME)
    assert "\n" not in str(caught.value)


@pytest.fixture(autouse=True)
def leaves_nothing(hub: LocalHub, cache: Path) -> Iterator[None]:
    yield
    assert [path for path in cache.rglob("*") if path.is_file() and path.name != ".lock"] == []
    assert get_session().event_hooks["response"] == []


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
def test_file_without_an_end(hub: LocalHub, file: str) -> None:
    hub.endless.add(file)
    refused(f"{NAME}: {file} is longer than the \\d+ bytes that the Hub announced")
    assert hub.sent < ON_THE_WAY < GIVES_UP_AFTER


def test_file_that_is_longer_than_listed(hub: LocalHub) -> None:
    hub.announced["model.safetensors"] = 20_000
    refused("model.safetensors is longer than the 20000 bytes")


def test_file_without_a_size_and_without_an_end(hub: LocalHub) -> None:
    hub.announced["config.json"] = None
    hub.endless.add("config.json")
    refused("config.json is longer than the 16777216 bytes")
    assert hub.sent < 16 * 2**20 + ON_THE_WAY


def test_file_that_stops_arriving(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda _: None)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.1)
    hub.stalls.add("model.safetensors")
    refused("could not be reached or broke off.*try again")


@pytest.mark.parametrize("known", [True, False], ids=["listing", "refusal"])
def test_answer_without_an_end(hub: LocalHub, *, known: bool) -> None:
    if not known:
        hub.repositories.clear()
    hub.endless.add("api")
    refused("does not stop answering")
    assert hub.sent < 16 * 2**20 + ON_THE_WAY < GIVES_UP_AFTER


def test_what_does_not_fit_is_not_begun(hub: LocalHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.announced["config.json"] = 10**18
    refused("cache cannot be written .No space left on device.*RS2SAM2_CACHE")
    assert not [line for line in hub.downloads() if "config.json" in line]
