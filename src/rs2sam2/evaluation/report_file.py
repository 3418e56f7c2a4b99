"""Reports as the commands of this part write them: one JSON object that says its format."""

import json
from pathlib import Path
from typing import Any

from rs2sam2.errors import DataError


def read_report(path: Path, version: int | str, command: str) -> dict[str, Any]:
    """Read a report.

    Args:
        path: of the file.
        version: the "format" that it has to have.
        command: of `rs2sam2`, which writes such reports.

    Raises:
        DataError: it is missing, no JSON, or of another format.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read as a report ({error}): make it with rs2sam2 {command}") from error
    found = report.get("format") if isinstance(report, dict) else None
    if found != version:
        raise DataError(f"{path}: format {found!r}, this version reads {version}: make it again with rs2sam2 {command}")
    return dict(report)
