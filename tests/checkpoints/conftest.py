"""A Hub on this machine that holds a tiny model of ours, with a cache of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from foreign_weights import SPM, model
from local_hub import NAME, LocalHub, Repository

from rs2sam2.checkpoints.native import save
from rs2sam2.config import Decision
from rs2sam2.tokenizer import Tokenizer


@pytest.fixture(scope="session")
def native(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("native") / "weights"
    tokenizer = Tokenizer.from_file(SPM, max_tokens=20)
    save(folder, model(), tokenizer, Decision(), {"license": "MIT", "source": "a test"}, "# A card\n")
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RS2SAM2_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, native: Path, cache: Path) -> Iterator[LocalHub]:
    from huggingface_hub import constants

    contents = {path.name: path.read_bytes() for path in native.iterdir()}
    others = {"training_log.json": b"{}", "optimizer.pt": b"x" * 20_000}
    with LocalHub({NAME: Repository({**contents, **others})}) as hub:
        # huggingface_hub reads its settings once, when it is imported.
        for name, value in {
            "ENDPOINT": hub.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": hub.url + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HUB_OFFLINE": False,
            "HF_HUB_DISABLE_XET": True,
            "HF_HUB_CACHE": str(tmp_path / "hf"),
            "HF_TOKEN_PATH": str(tmp_path / "token"),
        }.items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.chdir(tmp_path)
        yield hub
