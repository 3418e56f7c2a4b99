"""From the last checkpoint of a run to a weight folder that users load."""

import argparse
import json
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
import yaml

from rs2sam2.checkpoints.native import save
from rs2sam2.config import Decision
from rs2sam2.data.vocabulary import ensure_tokenizer, words
from rs2sam2.errors import WeightsError
from rs2sam2.losses import LossWeights
from rs2sam2.training.module import HeadWeights, RS2SAM2Module

PACKAGES = ("rs2sam2", "torch", "lightning", "numpy", "sentencepiece")


def main(arguments: Sequence[str]) -> None:
    """Parse `rs2sam2 train export` and run it."""
    parser = argparse.ArgumentParser(prog="rs2sam2 train export", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the recipe that was trained")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder to write")
    parser.add_argument("--checkpoint", type=Path, help="a Lightning checkpoint (default: the run's last)")
    options = parser.parse_args(arguments)
    export(options.config, options.output, options.checkpoint)
    print(f"wrote {options.output}")


def export(recipe: Path, output: Path, checkpoint: Path | None = None) -> None:
    """Write the averaged weights of a run as a weight folder.

    Args:
        recipe: configuration file of `rs2sam2 train fit`.
        output: the folder.
        checkpoint: Lightning's file; the run's `last.ckpt` if None.

    Raises:
        WeightsError: if the checkpoint is missing or holds something that plain weights do not.
    """
    settings = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    path = checkpoint or Path(settings["trainer"]["default_root_dir"]) / "last.ckpt"
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsError(f"{path}: no checkpoint there: train first (rs2sam2 train fit --config {recipe})") from error
    except Exception as error:  # torch raises many types for a damaged or unsafe file
        raise WeightsError(f"{path}: not a checkpoint that can be read safely: {error}") from error
    model_settings = settings["model"]
    typed = {"loss": LossWeights(**model_settings["loss"]), "heads": HeadWeights(**model_settings["heads"])}
    module = RS2SAM2Module(**{**model_settings, **typed})
    module.load_state_dict(state["state_dict"])
    tokenizer = ensure_tokenizer(Path(settings["data"]["tokenizer"]), settings["data"].get("max_text_tokens", 64))
    clock = state["callbacks"]["Clock"]
    provenance = {
        "source": "trained from scratch by this project",
        "license": "Apache-2.0",
        "training_imagery": "OpenAerialMap contributors, terms not confirmed per image; see README.md",
        "languages": ["en"],
        "vocabulary": words(),
        "recipe": settings,
        "steps": state["global_step"],
        "wall_minutes": round(clock["wall_seconds"] / 60, 1),
        "cpu_minutes": round(clock["cpu_seconds"] / 60, 1),
        "processor": platform.processor() or platform.machine(),
        "export_commit": _commit(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "tokenizer_sha256": tokenizer.sha256,
        "date": datetime.now(UTC).date().isoformat(),
    }
    save(output, module.model, tokenizer, Decision(presence="object_score"), provenance, _card(provenance))


def _commit() -> str:
    run = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return run.stdout.strip() or "unknown"


def _card(provenance: dict[str, Any]) -> str:
    template = (files("rs2sam2.training") / "model_card.md").read_text(encoding="utf-8")
    short = {name: value for name, value in provenance.items() if name not in ("recipe", "vocabulary")}
    return template.replace("{provenance}", json.dumps(short, indent=2))
