"""What a figure needs to be made again: command, commit, versions, machine, weights, data."""

import platform
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

_PACKAGES = (
    "rs2sam2",
    "torch",
    "numpy",
    "pillow",
    "scipy",
    "sentencepiece",
    "safetensors",
    "torchmetrics",
    "pycocotools",
    "pyarrow",
    "rasterio",
    "onnx",
    "onnxscript",
    "onnxruntime",
    "openvino",
)


def run_record(command: str, arguments: Sequence[str], seed: int, device: str) -> dict[str, Any]:
    """The run, as far as weights and data do not say it.

    Args:
        command: of `rs2sam2`.
        arguments: of the command.
        seed: of all choices.
        device: that the model runs on.
    """
    return {
        "command": shlex.join(["rs2sam2", command, *arguments]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **_commit(),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES},
        "platform": platform.platform(),
        "processor": platform.machine(),
        "torch_threads": torch.get_num_threads(),
        "device": device,
        "seed": seed,
    }


def run_facts(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What begins a page's table of facts: command, date and commit of a `run_record`, in Markdown."""
    changed = ", with uncommitted changes" if run["uncommitted_changes"] else ""
    return [
        ("Command", f"`{run['command']}`"),
        ("Date", run["date"]),
        ("Commit", "not a checkout" if run["commit"] is None else f"`{run['commit']}`{changed}"),
    ]


def versions_of(run: Mapping[str, Any]) -> str:
    """The packages of a `run_record` that were installed."""
    return ", ".join(f"{name} {number}" for name, number in run["versions"].items() if number)


def _commit() -> dict[str, Any]:
    """Commit of the checkout that this file is part of, and whether it has changes; None where it is in none."""
    folder = Path(__file__).parent
    commit = _git(folder, "rev-parse", "HEAD") if _git(folder, "ls-files", Path(__file__).name) else None
    changed = None if commit is None else bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))
    return {"commit": commit, "uncommitted_changes": changed}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
