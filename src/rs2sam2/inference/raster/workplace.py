"""Where a run works: a hidden folder beside its outputs, with the journal and the files that are not whole yet."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rs2sam2.errors import OutputError
from rs2sam2.inference.outputs.targets import Target


class Workplace:
    """One folder on each file system that outputs go to, named after the first of them."""

    def __init__(self, targets: Sequence[Target], elsewhere: Path) -> None:
        """Make the folders.

        Args:
            targets: the outputs.
            elsewhere: a folder for a run without any.

        Raises:
            OutputError: if one cannot be made.
        """
        self._folders = {target.path.parent: work_folder(target, targets[0]) for target in targets}
        self.journal = (work_folder(targets[0], targets[0]) if targets else elsewhere) / "journal"
        for folder in self._folders.values():
            try:
                folder.mkdir(exist_ok=True)
            except OSError as error:
                raise OutputError(f"{folder}: cannot be made ({error.strerror}): give another place") from error

    def folder(self, target: Target) -> Path:
        """Where a target is written at first."""
        return self._folders[target.path.parent]

    def tidy(self) -> None:
        """Remove everything but the journal."""
        for folder in self._folders.values():
            for path in folder.iterdir():
                if path != self.journal:
                    path.unlink(missing_ok=True)
            with suppress(OSError):  # the journal is in it
                folder.rmdir()

    def clear(self) -> None:
        """Remove everything."""
        for folder in self._folders.values():
            shutil.rmtree(folder, ignore_errors=True)


def work_folder(target: Target, first: Target) -> Path:
    """The folder of a run whose outputs begin with `first`, beside `target`."""
    return target.path.parent / f".{first.path.name}.rs2sam2"


@contextmanager
def workplace(targets: Sequence[Target]) -> Iterator[Workplace]:
    """A place to work; when the block fails, the journal alone stays.

    Raises:
        OutputError: as `Workplace`.
    """
    with tempfile.TemporaryDirectory(prefix="rs2sam2-") as elsewhere:
        place = Workplace(targets, Path(elsewhere))
        try:
            yield place
        except BaseException:
            place.tidy()
            raise
