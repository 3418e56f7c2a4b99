"""Checkpoints that are written whole or not at all."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from rs2sam2.errors import OutputError

Cause = TypeVar("Cause", bound=BaseException)


class WholeCheckpoints(TorchCheckpointIO):
    """Writes beside the checkpoint, waits until all of it has reached the disk, and only then lets it take its place.

    Whatever ends the process meanwhile, the checkpoint before this one is still there. Lightning's own way goes through
    the memory (once more the size of the checkpoint) and the folder for temporary files, from where the file may have
    to be copied. What a killed process left half written is overwritten by the next checkpoint of that name.
    """

    def save_checkpoint(self, checkpoint: Mapping[str, Any], path: str | Path, storage_options: object = None) -> None:
        """Write a checkpoint.

        Raises:
            OutputError: it cannot be written; the one that was there is kept.
        """
        path = Path(path)
        part = path.with_name(f".{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            _sync_folder(path.parent)
        except (OSError, RuntimeError) as error:  # torch says RuntimeError where a file takes no more
            with suppress(OSError):
                part.unlink(missing_ok=True)
            beneath = caused_by(error, OSError)
            reason = error if beneath is None else beneath.strerror or beneath
            kept = "; the one before it is kept" if path.exists() else ""
            raise OutputError(
                f"{path}: this checkpoint cannot be written ({reason}){kept}: free some room or give another "
                "place, and go on with --ckpt_path last"
            ) from error


def _sync_folder(folder: Path) -> None:
    """So that the new name, too, survives a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def caused_by(error: BaseException | None, kind: type[Cause]) -> Cause | None:
    """What lies beneath an error, where a library has put its own words over it: the first of a kind, or None."""
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error
