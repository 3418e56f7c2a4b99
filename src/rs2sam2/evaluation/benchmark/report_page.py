"""The report of a measured split, as a page to look at and as a document."""

from collections.abc import Mapping, Sequence
from typing import Any

from rs2sam2.evaluation.benchmark.report_tables import (
    figure_tables,
    published_tables,
    sample_table,
    slice_tables,
    unit_tables,
)
from rs2sam2.evaluation.benchmark.score import SampleScore
from rs2sam2.evaluation.html import Gallery, Histogram, Part, page
from rs2sam2.evaluation.provenance import versions_of
from rs2sam2.evaluation.tabular import markdown_table

WRITTEN_BY = "Written by `rs2sam2 evaluate`; do not edit."
_BINS = 10


def report_page(report: Mapping[str, Any], scores: Sequence[SampleScore], galleries: Sequence[Gallery]) -> str:
    """The text of `report.html`.

    Args:
        report: what `summarise` gave.
        scores: of every sample.
        galleries: of cases.
    """
    native, paper = figure_tables(report)
    parts: list[Part] = [
        native,
        paper,
        *published_tables(report),
        _histogram(scores),
        *slice_tables(report),
        *galleries,
        *unit_tables(report),
        sample_table(scores),
    ]
    return page(_title(report), _summary(report), _facts(report), parts)


def report_markdown(report: Mapping[str, Any]) -> str:
    """The text of `report.md`: the figures, the published ones and the parts, for a document."""
    tables = [*figure_tables(report), *published_tables(report), *slice_tables(report)]
    facts = "".join("| {} | `{}` |\n".format(name, value.replace("|", "\\|")) for name, value in _facts(report))
    head = f"# {_title(report)}\n\n{WRITTEN_BY} {_summary(report)}\n\n"
    return head + "| | |\n|---|---|\n" + facts + "\n" + "\n".join(map(markdown_table, tables))


def _title(report: Mapping[str, Any]) -> str:
    data = report["data"]
    on = f"other data in the layout of {data['name']}" if report["published"]["other_data"] else data["name"]
    return f"{report['system']['name']} on {on}, split {data['split']}"


def _summary(report: Mapping[str, Any]) -> str:
    data, reason = report["data"], report["published"]["reason"]
    summary = (
        f"{data['samples']} sentences about {data['pictures']} pictures of {data['places']} places; "
        f"{data['samples_that_mean_nothing']} mean nothing in their picture."
    )
    return f"{summary} No comparison with papers: {reason}." if reason else summary


def _histogram(scores: Sequence[SampleScore]) -> Histogram:
    counts = [0] * _BINS
    for row in scores:
        if row.meant:
            counts[min(int(row.iou * _BINS), _BINS - 1)] += 1
    bars = [(f"{number / _BINS:.1f}", count) for number, count in enumerate(counts)]
    return Histogram("How IoU spreads", bars, "Sentences by IoU; a bar's label is its lower end.")


def _facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    run = report["run"]
    commit = run["commit"] or "not a checkout"
    return [
        ("Command", run["command"]),
        ("Date", run["date"]),
        ("Commit", f"{commit}, with uncommitted changes" if run["uncommitted_changes"] else commit),
        *((_words(name), str(value)) for name, value in report["system"].items() if name != "name"),
        *((_words(f"data_{name}"), str(value)) for name, value in report["data"].items() if value is not None),
        ("Seed", str(run["seed"])),
        ("Platform", run["platform"]),
        ("Versions", versions_of(run)),
    ]


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
