"""Which training a configuration file asks for: the paper's on a data set, or nano's on a mixture."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from rs2sam2.errors import ConfigError


def read_recipe(path: Path) -> dict[str, Any]:
    """A configuration file of `rs2sam2 train`.

    Raises:
        ConfigError: if it is missing or no mapping in YAML.
    """
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read as a configuration ({error}): see configs/ for some") from error
    if not isinstance(settings, dict):
        raise ConfigError(f"{path}: holds no settings: see configs/ for some that do")
    return settings


def names_a_data_set(settings: Mapping[str, Any]) -> bool:
    """Whether a recipe trains on a data set by name, as the paper does."""
    data = settings.get("data")
    return isinstance(data, Mapping) and "dataset" in data


def asks_for_a_data_set(arguments: Sequence[str]) -> bool:
    """The same of a whole command line, before anything else of it is read.

    Raises:
        ConfigError: as `read_recipe`.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config", "-c", action="append", type=Path, default=[])
    parser.add_argument("--data.dataset", dest="dataset")
    known, _ = parser.parse_known_args(arguments)
    return known.dataset is not None or any(names_a_data_set(read_recipe(path)) for path in known.config)
