"""Figures that papers report, one JSON file a data set, each with its source. They are percent."""

import json
from importlib.resources import files
from typing import Any

from rs2sam2.data.registry import find_dataset


def published(data: str, split: str, samples: int) -> dict[str, Any]:
    """What papers report for a split, if this is that split.

    Sets of other places may lie on disk in the same layout; their figures would compare with nothing. So the split has
    to have as many sentences as the published one, where that number is known.

    Args:
        data: name of the data set.
        split: "val" or "test".
        samples: how many sentences were measured.

    Returns:
        "rows" ("method", "venue", "source", "percent": name of the figure by the paper's protocol -> value),
        "reason" why there are none, or None, "other_data": whether this is certainly not the published split, and
        "checked": whether the number of sentences says that it is.
    """
    reader = find_dataset(data)
    path = files(__name__) / f"{reader.name}.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"rows": []}
    rows = [{**row, "source": known["sources"][row["source"]]} for row in known["rows"] if row["split"] == split]
    expected = reader.published.get(split, samples)
    reason = None
    if samples != expected:
        reason = f"this split has {samples} sentences and the published one {expected}: it is another set of data"
    elif not rows:
        reason = f"no figures of {reader.name}, split {split}, are known to this version"
    return {
        "rows": [] if reason else rows,
        "reason": reason,
        "other_data": samples != expected,
        "checked": reader.published.get(split) == samples,
    }
