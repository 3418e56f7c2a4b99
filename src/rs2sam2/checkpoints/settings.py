"""JSON beside the weights: read with suspicion, and asked for what shapes do not tell."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rs2sam2.errors import WeightsError

_LARGEST = 16 * 2**20


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        WeightsError: if there is none, or the file is larger than any such file of a model.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise WeightsError(f"{path}: more than {_LARGEST} bytes, which is no file of a model's settings")
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: missing or no JSON ({error})") from error
    if not isinstance(values, dict):
        raise WeightsError(f"{path}: expected a JSON object")
    return values


def mapping_with(settings: object, *names: str) -> Mapping[str, Any] | None:
    """The first mapping within `settings`, however deep, that has all these names; None if there is none."""
    return next((part for part in _mappings(settings) if all(name in part for name in names)), None)


def _mappings(settings: object) -> Iterator[Mapping[str, Any]]:
    """The mapping itself and those within it; without recursion, which a hostile file would exhaust."""
    left = [settings]
    while left:
        part = left.pop(0)
        if isinstance(part, Mapping):
            yield part
            left.extend(part.values())
