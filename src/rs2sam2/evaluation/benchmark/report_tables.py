"""What was measured, as tables for a terminal and for the page."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rs2sam2.evaluation.benchmark.samples_table import table
from rs2sam2.evaluation.benchmark.score import SampleScore
from rs2sam2.evaluation.figures import BOUNDARY_F1, PAPER_FIGURES
from rs2sam2.evaluation.tabular import Table, between, percent, without_empty_columns

_TITLES = {
    "native": "Figures, with masks at each image's own size",
    "paper_protocol": "Figures by the protocol of published ones, with masks at 1024 x 1024",
}
DIVISION_TITLES = {
    "kind": "By kind of sentence",
    "category": "By category",
    "target_size": "By share of the image meant",
}
_SHORT = {"mean_iou": "mIoU", "overall_iou": "oIoU"} | {
    figure.name: figure.name.replace("precision_at_", "Pr@")
    for figure in PAPER_FIGURES
    if figure.name.startswith("precision_at_")
}
_INTERVALS = "95 %: bootstrap over places, 2000 draws."
_OF_A_PART = {
    "overall_iou": "oIoU",
    "precision_at_0.5": "Pr@0.5",
    "mean_boundary_iou": "boundary IoU",
    BOUNDARY_F1: "boundary F1",
    "target_accuracy": "target acc.",
    "no_target_accuracy": "no-target acc.",
}
MOST_ROWS = 1000
"""Rows of a table on the page."""


def figure_tables(report: Mapping[str, Any]) -> Iterator[Table]:
    """One table a protocol."""
    for protocol, figures in report["figures"].items():
        rows = [
            (name, percent(figure["value"]), between(figure), report["definitions"][protocol][name])
            for name, figure in figures.items()
            if figure["value"] is not None
        ]
        yield Table(_TITLES[protocol], ("figure", "percent", "95 %", "what it is"), rows, _INTERVALS)


def published_tables(report: Mapping[str, Any]) -> Iterator[Table]:
    """What papers report and what was measured here: two tables, so that no column holds both."""
    known = report["published"]
    if known["reason"]:
        return
    sources = list(dict.fromkeys(row["source"] for row in known["rows"]))
    rows = [
        (
            row["method"],
            row["venue"],
            *(f"{row['percent'][name]:.2f}" if name in row["percent"] else "" for name in _SHORT),
            f"[{sources.index(row['source']) + 1}]",
        )
        for row in known["rows"]
    ]
    notes = ["Percent, as printed."] + [f"[{number}] {source}." for number, source in enumerate(sources, start=1)]
    if not known["checked"]:
        notes.insert(1, "How many sentences the published split has is not known to us: see that yours is the same.")
    measured = report["figures"]["paper_protocol"]
    here = (report["system"]["name"], *(percent(measured[name]["value"]) for name in _SHORT))
    headings = ("method", "venue", *_SHORT.values(), "source")
    yield without_empty_columns(Table("Reported by papers", headings, rows, " ".join(notes)))
    yield Table("Measured here, by the same protocol", ("system", *_SHORT.values()), [here])


def slice_tables(report: Mapping[str, Any]) -> Iterator[Table]:
    """One table for each division of the samples but places."""
    for division, title in DIVISION_TITLES.items():
        if division not in report["slices"]:
            continue
        rows = [
            (
                part,
                str(figures["samples"]),
                str(figures["places"]),
                percent(figures["mean_iou"]["value"]),
                between(figures["mean_iou"]),
                *(percent(figures[name]["value"]) for name in _OF_A_PART),
            )
            for part, figures in report["slices"][division].items()
        ]
        headings = ("", "samples", "places", "mIoU", "95 %", *_OF_A_PART.values())
        yield without_empty_columns(Table(title, headings, rows))


def unit_tables(report: Mapping[str, Any]) -> Iterator[Table]:
    """One row a place, and one a picture where that is another; those first that went worst."""
    names = ("mean_iou", "overall_iou", "precision_at_0.5")
    for unit in ("place", "picture"):
        found = report["slices"].get(unit, {})
        worst = sorted(found, key=lambda name: (found[name]["mean_iou"] is None, found[name]["mean_iou"]))
        rows = [
            (name, str(found[name]["samples"]), *(percent(found[name][figure]) for figure in names))
            for name in worst[:MOST_ROWS]
        ]
        note = f"The {MOST_ROWS} worst of {len(found)}; all are in metrics.json." if len(found) > MOST_ROWS else ""
        yield Table(f"By {unit}", (unit, "samples", *(_SHORT[name] for name in names)), rows, note)


def sample_table(scores: Sequence[SampleScore]) -> Table:
    """Samples, those first that went worst."""
    rows = sorted(table(scores).to_pylist(), key=lambda row: (row["iou"] is None, row["iou"]))
    cells = [
        (
            row["sample"],
            row["sentence"],
            percent(row["iou"]),
            percent(row["boundary_iou"]),
            percent(row["boundary_f1"]),
            str(row["truth"]),
            str(row["answer"]),
            "" if row["score"] is None else f"{row['score']:.2f}",
            row["kind"],
            row["picture"],
        )
        for row in rows[:MOST_ROWS]
    ]
    figures = ("IoU", "boundary IoU", "boundary F1", "truth", "answer", "score")
    note = "Truth and answer in pixels."
    if len(rows) > MOST_ROWS:
        note += f" The {MOST_ROWS} worst of {len(rows)}; all are in samples.parquet."
    return without_empty_columns(Table("Samples", ("sample", "sentence", *figures, "kind", "picture"), cells, note))
