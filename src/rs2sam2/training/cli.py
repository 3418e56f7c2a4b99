"""`rs2sam2 train`: Lightning's own command line over our module and data, and the export of weights."""

import warnings
from collections.abc import Sequence

from lightning.pytorch.cli import LightningCLI

from rs2sam2.errors import ConfigError
from rs2sam2.training import export
from rs2sam2.training.datamodule import MixtureDataModule
from rs2sam2.training.module import RS2SAM2Module

USAGE = """rs2sam2 train fit --config CONFIG [--ckpt_path last]    train, or go on from the last checkpoint
rs2sam2 train fit --help                               all settings
rs2sam2 train export --config CONFIG -o FOLDER         turn the last checkpoint into a weight folder"""


def main(arguments: Sequence[str]) -> int:
    """Run `fit` or `export`; returns the exit code.

    Raises:
        ConfigError: if it is neither.
    """
    command, *rest = arguments or ["--help"]
    match command:
        case "fit":
            # It would rather read sys.argv, which it needs untouched: further processes are started with it.
            warnings.filterwarnings("ignore", message="LightningCLI's args parameter")
            LightningCLI(RS2SAM2Module, MixtureDataModule, args=["fit", *rest], save_config_kwargs={"overwrite": True})
        case "export":
            export.main(rest)
        case "-h" | "--help":
            print(USAGE)
        case _:
            raise ConfigError(f"rs2sam2 train {command}: there are 'fit' and 'export' (see rs2sam2 train --help)")
    return 0
