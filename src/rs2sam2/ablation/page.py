"""`ablation.md`, from `ablation.json` alone. What the paper reports and what is measured never share a column."""

from collections.abc import Iterator, Mapping
from typing import Any

from rs2sam2.ablation.findings import sentences, verdict_of
from rs2sam2.ablation.plan import FULL, NAMES
from rs2sam2.ablation.results import SETS
from rs2sam2.evaluation.provenance import run_facts, versions_of
from rs2sam2.evaluation.tabular import Table, between, markdown_table, percent

NUMBERS, PAGE = "numbers/ablation.json", "ablation.md"
_SHORT = {
    "precision_at_0.5": "Pr@0.5",
    "precision_at_0.7": "Pr@0.7",
    "precision_at_0.9": "Pr@0.9",
    "mean_iou": "mIoU",
    "overall_iou": "oIoU",
}
_PAPER = "paper"
_HEAD = f"""# Ablation: the paper's Tables 3 and 4 in small

Written by `rs2sam2 ablate` from [ablation.json]({NUMBERS}); do not edit.

Every row is trained from scratch with the same data, the same number of steps and the same seeds. Rows differ only in
what they are named for. The models are small, and none begins with the weights of SAM 2 and BEiT-3 that the paper
begins with: signs and order can be compared with the paper's, sizes cannot.

A difference counts only if its 95 % interval leaves out 0 and the seeds agree: all of them point the same way, or, in a
row with one seed, the difference is larger than what another seed alone changes of the full model (last table). The
interval comes from a bootstrap over places, the same drawn for both models; it is about the choice of places. Masks
are cut at probability 0.5 whatever the object score says, as in the paper; only sentences that mean something are
asked.
"""
_NOTE = (
    "Columns that begin with paper: reported by the paper, on RefSegRS's split test, percent. Others: measured here, "
    "percent, mean over seeds. Differences are to the full model, in points, pooled over the seeds that both have."
)


def page(report: Mapping[str, Any]) -> str:
    """The text of the page.

    Args:
        report: what `results` gave.
    """
    questions = report["questions"]
    asked = "; ".join(
        f"{part}: {questions[part]['sentences']} sentences of {questions[part]['places']} places" for part in SETS
    )
    facts = [
        *run_facts(report["run"]),
        *([("Remark", report["remark"])] if "remark" in report else []),
        ("Runs", _effort(report)),
        ("Asked", asked),
        *((f"Sha256 of {part} questions", f"`{questions[part]['sha256']}`") for part in SETS),
        ("Versions", versions_of(report["run"])),
    ]
    top = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts), ""]
    findings = ["## What came out", "", *(f"- {one}" for one in sentences(report)), ""]
    return "\n".join([_HEAD, *top, *findings]) + "\n" + "\n".join(markdown_table(table) for table in tables(report))


def tables(report: Mapping[str, Any]) -> Iterator[Table]:
    """The paper's tables with ours beside them, then every run."""
    headings = (
        "row",
        *(f"{_PAPER} {_SHORT[name]}" for name in ("mean_iou", "overall_iou")),
        f"{_PAPER} mIoU, difference",
        *(f"{part} {what}" for part in SETS for what in ("mIoU", "difference (95 %)", "verdict")),
    )
    notes = iter([_NOTE])
    for title, names in report["tables"].items():
        yield Table(title, headings, [_row(report, name) for name in names], next(notes, ""))
    for part in SETS:
        yield _runs(report, part)
    yield Table(
        "Seeds: differences to the full model's run with the same seed",
        ("row", "seed", *(f"{part} {what}" for part in SETS for what in ("mIoU, difference", "95 %"))),
        [*_seeds(report)],
        "The last row is the full model against itself: what another seed alone changes.",
    )


def _effort(report: Mapping[str, Any]) -> str:
    """How much training there was. The hours are sums over runs, which may have been side by side."""
    minutes = [run["minutes"] for row in report["rows"].values() for run in row["runs"].values()]
    wall, cores = ([one[kind] for one in minutes] for kind in ("wall", "cpu"))
    return (
        f"{len(minutes)} of {report['steps']} optimisation steps each; training one took {min(wall):.1f} to "
        f"{max(wall):.1f} minutes ({min(cores):.1f} to {max(cores):.1f} of one core); "
        f"added up, whether side by side or not: {sum(wall) / 60:.1f} h, and {sum(cores) / 60:.1f} h of a core"
    )


def _row(report: Mapping[str, Any], name: str) -> tuple[str, ...]:
    row, full = report["rows"][name], report["rows"][FULL]
    paper = row["paper"]
    gap = paper["mean_iou"] - full["paper"]["mean_iou"] if paper and full["paper"] and row is not full else None
    cells = [row["says"], *(f"{paper[figure]:.2f}" if paper else "" for figure in ("mean_iou", "overall_iou"))]
    cells.append("" if gap is None else f"{gap:+.2f}")
    for part in SETS:
        runs = [run[part]["mean_iou"]["value"] for run in row["runs"].values()]
        cells.append(percent(sum(runs) / len(runs)) if runs else "")
        found = row["differences"].get(part)
        if found is None:
            cells += [""] * 2
            continue
        pooled = found["pooled"]["mean_iou"]
        cells += [f"{_points(pooled)} ({between(pooled)})", _said(verdict_of(report, name, part), gap)]
    return tuple(cells)


def _said(verdict: str, gap: float | None) -> str:
    """The verdict, and whether the paper has it the other way round."""
    against = gap is not None and verdict in ("better", "worse") and (verdict == "better") != (gap > 0)
    return f"{verdict}, unlike in the paper" if against else verdict


def _runs(report: Mapping[str, Any], part: str) -> Table:
    return Table(
        f"Every run: {part} questions",
        ("row", "seed", *(_SHORT[name] for name in NAMES), "mIoU, 95 %", "minutes", "core minutes"),
        [
            (
                row["says"],
                seed,
                *(percent(run[part][name]["value"]) for name in NAMES),
                between(run[part]["mean_iou"]),
                f"{run['minutes']['wall']:.1f}",
                f"{run['minutes']['cpu']:.1f}",
            )
            for row in report["rows"].values()
            for seed, run in row["runs"].items()
        ],
    )


def _seeds(report: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for row in report["rows"].values():
        if row["differences"]:
            for seed in row["differences"][SETS[0]]["seeds"]:
                found = [row["differences"][part]["seeds"][seed]["mean_iou"] for part in SETS]
                yield row["says"], seed, *_cells(found)
    if report["noise"]:
        first, second = list(report["rows"][FULL]["runs"])[:2]
        name = report["rows"][FULL]["says"]
        yield name, f"{second} against {first}", *_cells([report["noise"][part]["mean_iou"] for part in SETS])


def _cells(differences: list[Mapping[str, float | None]]) -> Iterator[str]:
    for one in differences:
        yield _points(one)
        yield between(one)


def _points(figure: Mapping[str, float | None]) -> str:
    value = figure["value"]
    return "" if value is None else f"{100 * value:+.1f}"
