"""What came out of an ablation: which rows differ from the full model by more than luck, and in which order."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rs2sam2.ablation.parts import MASKS, PARTS
from rs2sam2.ablation.plan import FULL

NOT_DISTINGUISHABLE = "not distinguishable"
Difference = Mapping[str, float | None]
"""A difference to the full model: "value", "low" and "high"."""


def verdict(pooled: Difference, seeds: Sequence[Difference], noise: Difference | None) -> str:
    """Whether a row differs from the full model.

    It does only if the interval leaves out 0, and the seeds agree: all of them point one way, or, where there is one
    alone, the difference is larger than what another seed changes of the full model itself.

    Args:
        pooled: the difference over all seeds.
        seeds: that of each seed.
        noise: the full model with another seed against itself; None where it has one seed.
    """
    value, low, high = pooled["value"], pooled["low"], pooled["high"]
    if value is None or low is None or high is None or low <= 0 <= high:
        return NOT_DISTINGUISHABLE
    if len(seeds) == 1 and noise is not None and abs(value) <= abs(noise["value"] or 0):
        return NOT_DISTINGUISHABLE
    if any((one["value"] or 0) * value <= 0 for one in seeds):
        return NOT_DISTINGUISHABLE
    return "better" if value > 0 else "worse"


def verdict_of(report: Mapping[str, Any], name: str, part: str) -> str:
    """The verdict on a row that has differences, from the figures of `results`."""
    found, decides = report["rows"][name]["differences"][part], PARTS[part].deciding
    noise = report["noise"][part][decides] if report["noise"] else None
    return verdict(found["pooled"][decides], [one[decides] for one in found["seeds"].values()], noise)


def sentences(report: Mapping[str, Any]) -> Iterator[str]:
    """The findings in words: verdicts of each set of questions, then the order of rows beside the paper's."""
    compared = [name for name, row in report["rows"].items() if row["differences"]]
    full = report["rows"][FULL]["says"]
    for part in report["questions"]:
        rows: dict[str, list[str]] = {"better": [], "worse": [], NOT_DISTINGUISHABLE: []}
        for name in compared:
            rows[verdict_of(report, name, part)].append(name)
        said = "; ".join(f"{kind}: {_said(report, names, ', ') or 'none'}" for kind, names in rows.items())
        yield f"{PARTS[part].title.capitalize()}, by {PARTS[part].decides}, against *{full}*: {said}."
    for title, names in report["tables"].items():
        rows_of = {name: report["rows"][name] for name in names}
        if any(not row["paper"] or not (row["differences"] or name == FULL) for name, row in rows_of.items()):
            continue
        places = {"the paper": {name: row["paper"]["mean_iou"] for name, row in rows_of.items()}} | {
            part: {name: _above_full(row, part) for name, row in rows_of.items()} for part in MASKS
        }
        orders = {who: sorted(figures, key=figures.__getitem__) for who, figures in places.items()}
        paper = orders.pop("the paper")
        others = "; ".join(
            f"{part}: {'the same' if order == paper else _said(report, order, ' < ')}" for part, order in orders.items()
        )
        yield f"{title}, by mIoU. The paper: {_said(report, paper, ' < ')}; {others}."


def _above_full(row: Mapping[str, Any], part: str) -> float:
    return float(row["differences"][part]["pooled"]["mean_iou"]["value"] if row["differences"] else 0)


def _said(report: Mapping[str, Any], names: Sequence[str], between: str) -> str:
    return between.join(f"*{report['rows'][name]['says']}*" for name in names)
