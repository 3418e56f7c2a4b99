"""How far each scene is: one small file beside its results, which says whether work is done."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from rs2sam2.files import whole_file

State = Literal["running", "done", "failed"]
STATUS = "status.json"


@dataclass(frozen=True)
class Status:
    """Of one scene.

    Attributes:
        scene_id: its folder's name.
        source: path or address.
        state: "done" only when every file is in its place.
        file: size and time of change of a local raster: another file of that name is another scene.
        reason: why it failed, in one line; empty otherwise.
        process: of the machine that works or worked on it.
        seconds: that it took.
        found: for each expression: objects are in the table, here are `area_px`, `p_present`, `present`.
    """

    scene_id: str
    source: str
    state: State
    file: tuple[int, int] | None = None
    reason: str = ""
    process: int = 0
    seconds: float = 0.0
    found: tuple[dict[str, Any], ...] = ()

    def write(self, folder: Path) -> None:
        """Put it beside the results.

        Raises:
            OSError: if the folder cannot be written.
        """
        with whole_file(folder / STATUS) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", "utf-8")


def read_status(folder: Path) -> Status | None:
    """What is said beside the results; None where nothing is, or nothing that can be read."""
    try:
        values = json.loads((folder / STATUS).read_text("utf-8"))
        if values["state"] not in get_args(State):
            return None
        file = None if values["file"] is None else tuple(values["file"])
        return Status(**{**values, "file": file, "found": tuple(values["found"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def is_done(folder: Path, source: str | None = None) -> bool:
    """Whether a scene's answer is there.

    Args:
        folder: of the scene.
        source: the scene as it is now: it must not have changed since. None asks of the answer alone.
    """
    status = read_status(folder)
    return status is not None and status.state == "done" and (source is None or status.file == file_now(source))


def file_now(source: str) -> tuple[int, int] | None:
    """Size in bytes and time of change in ns; None for an address, and for what is not there."""
    try:
        found = Path(source).stat()
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns
