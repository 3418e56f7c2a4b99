"""`rs2sam2 train`: Lightning's own command line over our module and data, and the export of weights."""

from collections.abc import Sequence

import lightning.pytorch as pl

from rs2sam2.errors import ConfigError
from rs2sam2.training import export, plan_page
from rs2sam2.training.datamodule import MixtureDataModule
from rs2sam2.training.fit import fit
from rs2sam2.training.module import RS2SAM2Module
from rs2sam2.training.recipe import asks_for_a_data_set
from rs2sam2.training.referring_datamodule import ReferringDataModule
from rs2sam2.training.referring_module import ReferringModule

USAGE = """rs2sam2 train fit --config CONFIG [--ckpt_path last]    train, or go on from the last checkpoint
rs2sam2 train fit --config CONFIG --help               all settings of such a training
rs2sam2 train plan --config CONFIG                     its memory and time, computed before anybody waits
rs2sam2 train export --config CONFIG -o FOLDER         turn the last checkpoint into a weight folder"""


def main(arguments: Sequence[str]) -> int:
    """Run `fit`, `plan` or `export`; returns the exit code.

    Raises:
        ConfigError: if it is none of them, or settings do not fit each other or this machine.
    """
    command, *rest = arguments or ["--help"]
    match command:
        case "fit":
            fit(*_classes(rest), rest)
        case "export":
            export.main(rest)
        case "plan":
            plan_page.main(rest)
        case "-h" | "--help":
            print(USAGE)
        case _:
            raise ConfigError(f"rs2sam2 train {command}: there are 'fit', 'plan', 'export' (see rs2sam2 train --help)")
    return 0


def _classes(arguments: Sequence[str]) -> tuple[type[pl.LightningModule], type[pl.LightningDataModule]]:
    """The paper's training where a data set is named; else nano's."""
    if asks_for_a_data_set(arguments):
        return ReferringModule, ReferringDataModule
    return RS2SAM2Module, MixtureDataModule
