"""`rs2sam2 train fit`: Lightning's command line, with an end that leaves no process behind and says why in one line."""

import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from types import FrameType
from typing import Any, NoReturn

import lightning.pytorch as pl
import yaml
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from rs2sam2.errors import ConfigError, OutputError, Rs2Sam2Error
from rs2sam2.training.checkpoint_file import WholeCheckpoints, caused_by
from rs2sam2.training.epoch_count import CountsEpochs
from rs2sam2.training.export import write_weights

ENDED = 128 + signal.SIGTERM
"""Exit code after SIGTERM."""
_PATIENCE = 4.0
"""Seconds that a process has for its last words once another has missed it; Lightning kills both after 5."""


def fit(module: type[pl.LightningModule], data: type[pl.LightningDataModule], arguments: Sequence[str]) -> None:
    """Train as a configuration file and the command line say.

    Raises:
        Rs2Sam2Error: with one line for the user; the last checkpoint is kept.
        SystemExit: help was asked for, arguments are wrong, or SIGTERM came.
        KeyboardInterrupt: as it came.
    """
    # It would rather read sys.argv, which it needs untouched: further processes are started with it.
    warnings.filterwarnings("ignore", message="LightningCLI's args parameter")
    before = signal.signal(signal.SIGTERM, _end)
    try:
        _CommandLine(
            module,
            data,
            args=["fit", *arguments],
            save_config_kwargs={"overwrite": True},
            trainer_defaults={"callbacks": [EndsOnSigterm(), CountsEpochs()]},
        )
    except MisconfigurationException as error:
        raise ConfigError(f"rs2sam2 train fit: {error}") from error
    except (ImportError, ValueError) as error:
        missing = None if isinstance(error, Rs2Sam2Error) else caused_by(error, ModuleNotFoundError)
        if missing is None:
            raise
        raise ConfigError(f"rs2sam2 train fit: {missing}: install what the recipe asks for, or take it out") from error
    except OSError as error:
        place = error.filename or "rs2sam2 train fit"
        raise OutputError(f"{place}: {error.strerror or error}: free some room, or give another place") from error
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


class EndsOnSigterm(pl.Callback):
    """Ends this process where it is; checkpoints are whole or not there, so that nothing else has to be done.

    Lightning's own handler lets all processes agree on the end by a message, which meets the messages of a training
    step that is under way, and then waits for ever.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the place of Lightning's handler, which has just been installed; Lightning restores the one before."""
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(ENDED)


class _CommandLine(LightningCLI):
    """Lightning's, with whole checkpoints and a clean end."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """What a recipe may hold beside Lightning's own settings."""
        parser.add_argument(
            "--export",
            type=Path | None,
            default=None,
            help="Folder for the weights when training is done: those of the first checkpoint callback.",
        )

    def after_fit(self) -> None:
        """Write the weights that were asked for, with the recipe as it was, command line included."""
        chosen, config = self.trainer.checkpoint_callback, self.config["fit"]
        if config["export"] is None or not self.trainer.is_global_zero:
            return
        if not isinstance(chosen, ModelCheckpoint) or not chosen.best_model_path:
            raise ConfigError("export: there is no checkpoint to take weights from: give the recipe a ModelCheckpoint")
        settings = yaml.safe_load(self._parser("fit").dump(config, skip_link_targets=False))
        write_weights(settings, config["export"], Path(chosen.best_model_path))
        print(f"wrote {config['export']}")

    def instantiate_trainer(self, **options: Any) -> pl.Trainer:  # noqa: ANN401 - whatever the trainer takes
        try:
            trainer = super().instantiate_trainer(**options)
        except ValueError as error:  # Lightning's word for settings that do not go together
            raise ConfigError(f"rs2sam2 train fit: trainer: {error}") from error
        trainer.strategy.checkpoint_io = WholeCheckpoints()
        return trainer

    def before_fit(self) -> None:
        """Find out before the first step, not after the first epoch, that checkpoints cannot be written."""
        for callback in self.trainer.checkpoint_callbacks:
            if isinstance(callback, ModelCheckpoint) and callback.dirpath is not None:
                folder = Path(callback.dirpath)
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                    tempfile.TemporaryFile(dir=folder).close()
                except OSError as error:
                    raise OutputError(
                        f"{folder}: checkpoints cannot be written there ({error.strerror}): give another place"
                    ) from error

    def fit(self, **arguments: Any) -> None:  # noqa: ANN401 - whatever Trainer.fit takes
        """Train; whatever ends it, the processes that were started with this one end, too."""
        with self._all_end_together():
            self.trainer.fit(**arguments)

    @contextmanager
    def _all_end_together(self) -> Iterator[None]:
        others: list[Popen[bytes]] = []
        try:
            yield
        except BaseException as error:
            others = getattr(self.trainer.strategy.launcher, "procs", [])
            self._say(error, others)
            raise
        finally:
            for process in others:
                process.kill()  # one that waits for another hears nothing else; the first process alone writes files
            for process in others:
                process.wait()

    def _say(self, error: BaseException, others: Sequence[Popen[bytes]]) -> None:
        """Raise what a user should read instead of `error`, if that is something else."""
        if isinstance(error, SystemExit):
            if isinstance(error.__context__, KeyboardInterrupt):  # Lightning's way to end after Ctrl-C
                raise KeyboardInterrupt from error
            if error.code == ENDED and self.trainer.is_global_zero:
                print(
                    "rs2sam2: ended by SIGTERM: go on from the last checkpoint with --ckpt_path last", file=sys.stderr
                )
        elif isinstance(error, RuntimeError) and not isinstance(error, Rs2Sam2Error) and (code := _ended(others)):
            raise Rs2Sam2Error(
                f"another process of this training ended with code {code}: what it said stands above"
            ) from error


def _ended(processes: Sequence[Popen[bytes]]) -> int:
    """Exit code of the first process that fails within a few seconds; 0 if none does."""
    until = time.monotonic() + _PATIENCE
    while processes and time.monotonic() < until:
        for process in processes:
            if code := process.poll():
                return code
        time.sleep(0.05)
    return 0
