"""The page of an ablation, from its JSON alone. What the paper reports and what is measured never share a column."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rs2sam2.ablation.findings import sentences, verdict_of
from rs2sam2.ablation.parts import MASKS, PARTS
from rs2sam2.ablation.plan import FULL
from rs2sam2.evaluation.provenance import run_facts, versions_of
from rs2sam2.evaluation.tabular import Table, between, markdown_table, percent, without_empty_columns

_PAPER = "paper"
_HEAD = """# {title}

Written by `rs2sam2 ablate` from [{name}.json](numbers/{name}.json); do not edit.

Every row is trained from scratch with the same data, the same number of steps and the same seeds{but}. Rows differ only
in what they are named for. The models are small.{paper}

A difference counts only if its 95 % interval leaves out 0 and the seeds agree: all of them point the same way, or, in a
row with one seed, the difference is larger than what another seed alone changes of *{full}* (last tables). The
interval comes from a bootstrap over places, the same drawn for both models; it is about the choice of places. Masks
are cut at probability 0.5 whatever the object score says, as in the paper; only sentences that mean something are
asked.{pairs}{clicks}
"""
_BUT = " (but where a row says otherwise)"
_OF_THE_PAPER = """ None begins with the weights of SAM 2 and
BEiT-3 that the paper begins with: signs and order can be compared with the paper's, sizes cannot."""
_OF_PAIRS = """

Presence: a sentence is asked where its thing is and where it is not. *Balanced accuracy* is of the object score cut at
0.5, uncalibrated; *ranked right* needs no cut: the score is higher where the thing is. Chance is 50 in both. *Early* is
the union encoder's own score."""
_OF_CLICKS = """

Clicks: a simulated user corrects answers about one thing by a click into the middle of what is most wrong, then
another. Before the first click a refused answer counts as IoU 0."""
_NOTE = (
    "Columns that begin with paper: reported by the paper, on RefSegRS's split test, percent. Others: measured here, "
    "percent, mean over seeds."
)
_DIFFERENCES = "Differences are to *{full}*, in points, pooled over the seeds that both have."
_MORE = {
    "About several things": ("real_several", "rendered_several"),
    "Presence, on pairs": ("real_pairs", "rendered_pairs"),
    "With clicks": ("real_clicks", "rendered_clicks"),
}


def files(name: str) -> tuple[Path, Path]:
    """Where in a folder of documentation the page of an ablation and its figures lie."""
    return Path(f"{name}.md"), Path("numbers", f"{name}.json")


def page(report: Mapping[str, Any]) -> str:
    """The text of the page.

    Args:
        report: what `results` gave.
    """
    rows, questions = report["rows"].values(), report["questions"]
    asked = "; ".join(
        f"{PARTS[part].title}: {one['questions']} of {one['places']} places" for part, one in questions.items()
    )
    facts = [
        *run_facts(report["run"]),
        *([("Remark", report["remark"])] if "remark" in report else []),
        ("Runs", _effort(report)),
        ("Asked", asked),
        *((f"Sha256 of {PARTS[part].title}", f"`{questions[part]['sha256']}`") for part in MASKS),
        ("Versions", versions_of(report["run"])),
    ]
    head = _HEAD.format(
        title=report["title"],
        name=report["name"],
        full=_full(report)["says"],
        but=_BUT if len({row["steps"] for row in rows}) > 1 else "",
        paper=_OF_THE_PAPER if _has_paper(report) else "",
        pairs=_OF_PAIRS if "rendered_pairs" in questions else "",
        clicks=_OF_CLICKS if "rendered_clicks" in questions else "",
    )
    top = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts), ""]
    findings = ["## What came out", "", *(f"- {one}" for one in sentences(report)), ""]
    return "\n".join([head, *top, *findings]) + "\n" + "\n".join(markdown_table(table) for table in tables(report))


def tables(report: Mapping[str, Any]) -> Iterator[Table]:
    """The rows side by side, with the paper's figures where it has them, then every run and every seed."""
    differences = _DIFFERENCES.format(full=_full(report)["says"])
    parts: Sequence[str]
    notes = iter([f"{_NOTE} {differences}" if _has_paper(report) else f"Percent, mean over seeds. {differences}"])
    for title, names in report["tables"].items():
        yield _side_by_side(report, title, names, MASKS, next(notes, ""))
    more = {title: [part for part in parts if part in report["questions"]] for title, parts in _MORE.items()}
    for title, parts in more.items():
        if parts:
            yield _side_by_side(report, title, [*report["rows"]], parts, "")
    for part in report["questions"]:
        yield _runs(report, part)
    for measured in (MASKS, *(parts for parts in more.values() if parts)):
        yield _seeds(report, measured)


def _full(report: Mapping[str, Any]) -> Mapping[str, Any]:
    full: Mapping[str, Any] = report["rows"][FULL]
    return full


def _has_paper(report: Mapping[str, Any]) -> bool:
    return any(row["paper"] for row in report["rows"].values())


def _effort(report: Mapping[str, Any]) -> str:
    """How much training there was. The hours are sums over runs, which may have been side by side."""
    runs = [(row["steps"], run["minutes"]) for row in report["rows"].values() for run in row["runs"].values()]
    wall, cores = ([minutes[kind] for _, minutes in runs] for kind in ("wall", "cpu"))
    fewest, most = min(steps for steps, _ in runs), max(steps for steps, _ in runs)
    return (
        f"{len(runs)} of {fewest if fewest == most else f'{fewest} to {most}'} optimisation steps each; "
        f"training one took {min(wall):.1f} to {max(wall):.1f} minutes ({min(cores):.1f} to {max(cores):.1f} of one "
        f"core); added up, whether side by side or not: {sum(wall) / 60:.1f} h, and {sum(cores) / 60:.1f} h of a core"
    )


def _side_by_side(
    report: Mapping[str, Any], title: str, names: Sequence[str], parts: Sequence[str], note: str
) -> Table:
    """Rows against the full one: of masks the figure that decides, of other parts all."""
    headings = ["row", *(f"{_PAPER} {what}" for what in ("mIoU", "oIoU", "mIoU, difference"))]
    for part in parts:
        origin = part.partition("_")[0]
        headings += [f"{origin} {heading}" for heading in _shown(part)]
        headings += [f"{origin} difference (95 %)", f"{origin} verdict"]
    return without_empty_columns(Table(title, tuple(headings), [_row(report, name, parts) for name in names], note))


def _shown(part: str) -> list[str]:
    return [PARTS[part].decides] if part in MASKS else [*PARTS[part].figures]


def _row(report: Mapping[str, Any], name: str, parts: Sequence[str]) -> tuple[str, ...]:
    row, full = report["rows"][name], _full(report)
    paper = row["paper"] if MASKS[0] in parts else {}
    gap = paper["mean_iou"] - full["paper"]["mean_iou"] if paper and full["paper"] and row is not full else None
    cells = [row["says"], *(f"{paper[figure]:.2f}" if paper else "" for figure in ("mean_iou", "overall_iou"))]
    cells.append("" if gap is None else f"{gap:+.2f}")
    for part in parts:
        for heading in _shown(part):
            figure = PARTS[part].figures[heading].name
            runs = [run["parts"][part][figure]["value"] for run in row["runs"].values()]
            cells.append(percent(sum(runs) / len(runs)) if runs else "")
        found = row["differences"].get(part)
        if found is None:
            cells += [""] * 2
            continue
        pooled = found["pooled"][PARTS[part].deciding]
        cells += [f"{_points(pooled)} ({between(pooled)})", _said(verdict_of(report, name, part), gap)]
    return tuple(cells)


def _said(verdict: str, gap: float | None) -> str:
    """The verdict, and whether the paper has it the other way round."""
    against = gap is not None and verdict in ("better", "worse") and (verdict == "better") != (gap > 0)
    return f"{verdict}, unlike in the paper" if against else verdict


def _runs(report: Mapping[str, Any], part: str) -> Table:
    about = PARTS[part]
    return Table(
        f"Every run: {about.title}",
        ("row", "seed", *about.figures, f"{about.decides}, 95 %", "minutes", "core minutes"),
        [
            (
                row["says"],
                seed,
                *(percent(run["parts"][part][figure.name]["value"]) for figure in about.figures.values()),
                between(run["parts"][part][about.deciding]),
                f"{run['minutes']['wall']:.1f}",
                f"{run['minutes']['cpu']:.1f}",
            )
            for row in report["rows"].values()
            for seed, run in row["runs"].items()
        ],
    )


def _seeds(report: Mapping[str, Any], parts: Sequence[str]) -> Table:
    """Each seed's difference to the full model's run with the same seed, and what another seed alone changes."""
    title = "questions" if parts == MASKS else PARTS[parts[0]].title.replace("real ", "")
    headings = [
        (f"{part.partition('_')[0]} {PARTS[part].decides}, difference", f"{part.partition('_')[0]} 95 %")
        for part in parts
    ]
    found = [
        (row["says"], seed, [row["differences"][part]["seeds"][seed] for part in parts])
        for row in report["rows"].values()
        if row["differences"]
        for seed in row["differences"][parts[0]]["seeds"]
    ]
    if report["noise"]:
        first, second = list(_full(report)["runs"])[:2]
        found.append((_full(report)["says"], f"{second} against {first}", [report["noise"][part] for part in parts]))
    return Table(
        f"Seeds, {title}: differences to *{_full(report)['says']}* with the same seed",
        ("row", "seed", *(heading for pair in headings for heading in pair)),
        [
            (says, seed, *(cell for part, one in zip(parts, each, strict=True) for cell in _cells(part, one)))
            for says, seed, each in found
        ],
        f"The last row is *{_full(report)['says']}* against itself: what another seed alone changes."
        if report["noise"]
        else "",
    )


def _cells(part: str, differences: Mapping[str, Mapping[str, float | None]]) -> tuple[str, str]:
    one = differences[PARTS[part].deciding]
    return _points(one), between(one)


def _points(figure: Mapping[str, float | None]) -> str:
    value = figure["value"]
    return "" if value is None else f"{100 * value:+.1f}"
