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
from torch import Tensor

from rs2sam2.checkpoints import origin
from rs2sam2.checkpoints.native import save
from rs2sam2.config import Decision
from rs2sam2.data.vocabulary import ensure_tokenizer, words
from rs2sam2.errors import WeightsError
from rs2sam2.losses import LossWeights
from rs2sam2.training.module import HeadWeights, RS2SAM2Module
from rs2sam2.training.parameter_groups import Rates
from rs2sam2.training.recipe import names_a_data_set, read_recipe
from rs2sam2.training.referring_module import ReferringModule

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
    """Write the weights of a run as a weight folder: the averaged ones where the run kept an average.

    Args:
        recipe: configuration file of `rs2sam2 train fit`.
        output: the folder.
        checkpoint: Lightning's file; the run's `last.ckpt` if None.

    Raises:
        WeightsError: if the checkpoint is missing or holds something that plain weights do not.
    """
    settings = read_recipe(recipe)
    path = checkpoint or Path(settings["trainer"]["default_root_dir"]) / "last.ckpt"
    if not path.exists():
        raise WeightsError(f"{path}: no checkpoint there: train first (rs2sam2 train fit --config {recipe})")
    write_weights(settings, output, path)


def write_weights(settings: dict[str, Any], output: Path, path: Path) -> None:
    """Write the weights in a checkpoint as a weight folder.

    Args:
        settings: the recipe as it was trained; goes into the folder's provenance.
        output: the folder.
        path: Lightning's file.

    Raises:
        WeightsError: if the checkpoint is damaged or holds something that plain weights do not.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types for a damaged or unsafe file
        raise WeightsError(f"{path}: not a checkpoint that can be read safely: {error}") from error
    clock = state["callbacks"]["Clock"]
    run = {
        "recipe": settings,
        "steps": state["global_step"],
        "wall_minutes": round(clock["wall_seconds"] / 60, 1),
        "cpu_minutes": round(clock["cpu_seconds"] / 60, 1),
        "processor": platform.processor() or platform.machine(),
        "export_commit": _commit(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "date": datetime.now(UTC).date().isoformat(),
    }
    write = _write_referring if names_a_data_set(settings) else _write_nano
    write(output, settings, state["state_dict"], run)


def _write_nano(output: Path, settings: dict[str, Any], state: dict[str, Tensor], run: dict[str, Any]) -> None:
    typed = {"loss": LossWeights(**settings["model"]["loss"]), "heads": HeadWeights(**settings["model"]["heads"])}
    module = RS2SAM2Module(**{**settings["model"], **typed})
    module.load_state_dict(state)
    tokenizer = ensure_tokenizer(Path(settings["data"]["tokenizer"]), settings["data"].get("max_text_tokens", 64))
    provenance = {
        "source": "trained from scratch by this project",
        "license": "Apache-2.0",
        "training_imagery": "OpenAerialMap contributors, terms not confirmed per image; see README.md",
        "languages": ["en"],
        "vocabulary": words(),
        **run,
        "tokenizer_sha256": tokenizer.sha256,
    }
    save(output, module.model, tokenizer, Decision(presence="object_score"), provenance, _card(provenance))


def _write_referring(output: Path, settings: dict[str, Any], state: dict[str, Tensor], run: dict[str, Any]) -> None:
    """In float32, as published weights are; they keep the licence that they began with."""
    typed = {"loss": LossWeights(**settings["model"]["loss"]), "rates": Rates(**settings["model"]["rates"])}
    module = ReferringModule(**{**settings["model"], **typed})
    module.load_state_dict(state)
    start, data = module.provenance, settings["data"]["dataset"]
    provenance = {
        "source": f"trained on {data} by rs2sam2, from: {start.get('source', 'unknown')}",
        "license": start.get("license", "unknown"),
        "training_data": f"{data}, and what was trained on before: {start.get('training_data', 'unknown')}",
        "languages": ["en"],
        "started_from_sha256": start.get("sha256"),
        **run,
    }
    card = origin.card(module.config.name, provenance)
    save(output, module.model, module.tokenizer, module.decision, provenance, card, torch.float32)


def _commit() -> str:
    run = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return run.stdout.strip() or "unknown"


def _card(provenance: dict[str, Any]) -> str:
    template = (files("rs2sam2.training") / "model_card.md").read_text(encoding="utf-8")
    short = {name: value for name, value in provenance.items() if name not in ("recipe", "vocabulary")}
    return template.replace("{provenance}", json.dumps(short, indent=2))
