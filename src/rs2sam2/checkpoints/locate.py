"""The one place that turns what a user calls weights into a path on this machine."""

import re
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Self

from rs2sam2.checkpoints.exported import is_exported
from rs2sam2.checkpoints.reading import IN_A_FOLDER
from rs2sam2.errors import WeightsError

SHIPPED = ("nano",)

_HUB_NAME = re.compile(r"(?P<repo>\w[\w.-]*/\w[\w.-]*)(@(?P<revision>[^@:\s]+))?(:(?P<subfolder>[^:]+))?", re.ASCII)


@dataclass(frozen=True)
class HubName:
    """A model on the Hub, written `owner/name[@revision][:subfolder]`.

    Attributes:
        repo: `owner/name`.
        subfolder: the folder inside the repository that holds the weights; None for its top.
        revision: branch, tag or commit.
    """

    repo: str
    subfolder: str | None = None
    revision: str = "main"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The name that `text` spells; None if it is none."""
        found = _HUB_NAME.fullmatch(text)
        return None if found is None else cls(found["repo"], found["subfolder"], found["revision"] or cls.revision)

    def __post_init__(self) -> None:
        """Refuse a subfolder that would lead out of the repository."""
        path = PurePosixPath(self.subfolder or ".")
        if path.is_absolute() or ".." in path.parts:
            raise WeightsError(f"{self}: a subfolder is a path inside the repository, such as {self.repo}:base")

    def __str__(self) -> str:
        """As it is written."""
        revision = "" if self.revision == type(self).revision else f"@{self.revision}"
        return self.repo + revision + (f":{self.subfolder}" if self.subfolder else "")


def locate(
    name_or_path: str | Path, subfolder: str | None = None, revision: str | None = None, *, refresh: bool = False
) -> Path:
    """Where the weights lie that are called `name_or_path`.

    In this order: a file on disk, or a folder on disk that holds weights or an export; a name that ships with the
    package; a model on the Hub, which is downloaded and converted the first time it is asked for.

    Args:
        name_or_path: a path, "nano", or `owner/name[@revision][:subfolder]`.
        subfolder: of a folder or a model on the Hub.
        revision: branch, tag or commit of a model on the Hub.
        refresh: ask the Hub whether the revision is another commit by now.

    Raises:
        WeightsError: if there is nothing of that name, or the Hub does not give it.
    """
    path = Path(name_or_path).expanduser() / (subfolder or "")
    if path.is_file() or any((path / name).is_file() for name in IN_A_FOLDER) or is_exported(path):
        return path
    if str(name_or_path) in SHIPPED and subfolder is None:
        return Path(str(files("rs2sam2"))) / "weights" / str(name_or_path)
    name = HubName.parse(name_or_path) if isinstance(name_or_path, str) and not path.exists() else None
    if name is None:
        raise WeightsError(
            f"{path}: no weights there (looked for {', '.join(IN_A_FOLDER)}); "
            f"name a weight file, a folder with weights, a model on the Hub (owner/name), or {', '.join(SHIPPED)}"
        )
    from rs2sam2.checkpoints.hub import fetch

    return fetch(
        replace(name, subfolder=subfolder or name.subfolder, revision=revision or name.revision), refresh=refresh
    )
