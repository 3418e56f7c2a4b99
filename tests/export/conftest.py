"""Exports are slow to make: one of each kind for all workers."""

from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from rs2sam2.cli import main


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Callable[[str, str], Path]:
    """Export weights by the command line: (weights, format) to the folder."""
    base = tmp_path_factory.getbasetemp()
    shared_by_workers = base if worker_id == "master" else base.parent

    def make(weights: str, form: str) -> Path:
        folder = shared_by_workers / f"{Path(weights).name}-{form}"
        with FileLock(f"{folder}.lock"):
            if not folder.exists():
                assert main(["export", weights, str(folder), "--format", form]) == 0
        return folder

    return make
