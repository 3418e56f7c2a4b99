"""From scores to `ablation.json`: figures of each run, and paired differences to the full model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rs2sam2.ablation.one_run import FORMAT as SCORES_FORMAT
from rs2sam2.ablation.one_run import SCORES
from rs2sam2.ablation.parts import PARTS
from rs2sam2.ablation.plan import FULL, Plan, Row
from rs2sam2.errors import DataError
from rs2sam2.evaluation.figures import Columns, Figure, differences, measure
from rs2sam2.evaluation.report_file import read_report

FORMAT = 2
Scores = Mapping[str, Any]


def read_scores(plan: Plan) -> dict[str, dict[int, Scores]]:
    """Scores of all finished runs: row -> seed -> scores.

    Raises:
        DataError: a file is damaged, or runs were asked different things.
    """
    found: dict[str, dict[int, Scores]] = {name: {} for name in plan.rows}
    for run in plan.runs:
        if (run.folder / SCORES).exists():
            found[run.row.name][run.seed] = read_report(run.folder / SCORES, SCORES_FORMAT, "ablate")
    runs = [one["parts"] for seeds in found.values() for one in seeds.values()]
    for part in PARTS:
        if len({run[part]["sha256"] if part in run else None for run in runs}) > 1:
            raise DataError(
                f"{plan.folder}: its runs were asked different {PARTS[part].title}: delete the older scores"
            )
    return found


def results(plan: Plan, record: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """What came out so far.

    Args:
        plan: the ablation.
        record: `run_record` of the command.
        seed: of the resampling.

    Returns:
        "format", "name" and "title" of the page, "run", "questions" (part -> "sha256", "questions", "places"), "tables"
        (title -> rows), and "rows" (name -> "says", "paper" (percent), "steps", "changes", "runs" (seed -> "minutes",
        "weights_sha256", and "parts" with figures) and "differences" to the full model: part -> "seeds" (seed ->
        figures) and "pooled" (all seeds that both have)). "noise" is the full model's second seed against its first.

    Raises:
        DataError: as `read_scores`.
    """
    scores = read_scores(plan)
    full = scores[FULL]
    some = next((one for seeds in scores.values() for one in seeds.values()), None)
    if some is None:
        raise DataError(f"{plan.folder}: no run has finished yet")
    questions = {
        part: {"sha256": asked["sha256"], "questions": len(asked["units"]), "places": len(set(asked["units"]))}
        for part, asked in some["parts"].items()
    }
    pair = list(full.values())[:2]
    return {
        "format": FORMAT,
        "name": plan.name,
        "title": plan.title,
        "run": dict(record),
        "questions": questions,
        "tables": {title: list(names) for title, names in plan.tables.items()},
        "rows": {name: _row(row, scores[name], full, seed) for name, row in plan.rows.items()},
        "noise": {part: _between(pair[:1], pair[1:], part, seed) for part in questions} if len(pair) == 2 else None,
    }


def _row(row: Row, runs: Mapping[int, Scores], full: Mapping[int, Scores], seed: int) -> dict[str, Any]:
    both = [one for one in row.seeds if one in runs and one in full]
    found: dict[str, Any] = {
        "says": row.says,
        "paper": dict(row.paper),
        "steps": row.steps,
        "changes": dict(row.changes),
        "runs": {
            str(one): {
                "minutes": run["minutes"],
                "weights_sha256": run["weights_sha256"],
                "parts": {
                    part: measure(_figures(part), _columns([run], part), asked["units"], seed)
                    for part, asked in run["parts"].items()
                },
            }
            for one, run in runs.items()
        },
        "differences": {},
    }
    if row.name == FULL or not both:
        return found
    for part in runs[both[0]]["parts"]:
        seeds = {str(one): _between([full[one]], [runs[one]], part, seed) for one in both}
        pooled = _between([full[one] for one in both], [runs[one] for one in both], part, seed)
        found["differences"][part] = {"seeds": seeds, "pooled": pooled}
    return found


def _between(first: Sequence[Scores], second: Sequence[Scores], part: str, seed: int) -> dict[str, Any]:
    """By how much `second` is above `first`: the same questions, asked of as many runs each."""
    units = [unit for one in first for unit in one["parts"][part]["units"]]
    return dict(differences(_figures(part), _columns(first, part), _columns(second, part), units, seed))


def _figures(part: str) -> Sequence[Figure]:
    return [*PARTS[part].figures.values()]


def _columns(runs: Sequence[Scores], part: str) -> Columns:
    asked = [run["parts"][part] for run in runs]
    counts = {
        name: np.concatenate([np.array(one[name]) for one in asked])
        for name in asked[0]
        if name not in ("sha256", "units")
    }
    return {**counts, "meant": np.ones(sum(len(one["units"]) for one in asked), dtype=bool)}
