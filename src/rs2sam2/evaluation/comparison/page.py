"""The page of a comparison: differences, and a picture of each large disagreement."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rs2sam2.errors import DataError
from rs2sam2.evaluation.benchmark.cases import from_many_places
from rs2sam2.evaluation.benchmark.folder import MASKS
from rs2sam2.evaluation.benchmark.masks import mask_name, read_mask
from rs2sam2.evaluation.benchmark.questions import Question
from rs2sam2.evaluation.benchmark.report_tables import DIVISION_TITLES
from rs2sam2.evaluation.case_pictures import case_strip
from rs2sam2.evaluation.comparison.differences import CLEAR, gain
from rs2sam2.evaluation.comparison.measured import Measured
from rs2sam2.evaluation.html import Gallery, Part, Picture, page
from rs2sam2.evaluation.tabular import Table, between, percent

DISAGREEMENTS = 12
_TITLES = {
    "native": "Difference, with masks at each image's own size",
    "paper_protocol": "Difference by the protocol of published figures, with masks at 1024 x 1024",
}


def tables(report: Mapping[str, Any], names: tuple[str, str]) -> Iterator[Table]:
    """Differences in points, beside both figures.

    Args:
        report: what `compare` gave.
        names: of the first and the second system.
    """
    note = (
        "Differences in points of percent, second less first. 95 %: bootstrap over places, the same drawn for both; an "
        "interval that leaves out 0 is more than luck."
    )
    notes = iter([note])
    for protocol, title in _TITLES.items():
        rows = [
            (
                name,
                *(percent(report[side]["figures"][protocol][name]["value"]) for side in ("first", "second")),
                _points(figure["value"]),
                between(figure),
            )
            for name, figure in report["differences"][protocol].items()
            if figure["value"] is not None
        ]
        yield Table(title, ("figure", *names, "difference", "95 %"), rows, next(notes, ""))
    for division, parts in report["slices"].items():
        rows = [
            (
                part,
                str(figures["samples"]),
                str(figures["places"]),
                _points(figures["mean_iou"]["value"]),
                between(figures["mean_iou"]),
                _points(figures["overall_iou"]["value"]),
                between(figures["overall_iou"]),
            )
            for part, figures in parts.items()
        ]
        yield Table(DIVISION_TITLES[division], ("", "samples", "places", "mIoU", "95 %", "oIoU", "95 %"), rows)


def galleries(first: Measured, second: Measured, questions: Sequence[Question]) -> list[Gallery]:
    """Where one is clearly better than the other.

    Raises:
        DataError, ImageError: image, truth or answer cannot be read, or the data is other data.
    """
    of = {question.sample: question for question in questions}
    if not all(row.sample in of for row in first.scores):
        raise DataError(f"{first.folder}: its samples are not those of the data set: give the --root of the same data")
    other = {row.sample: row for row in second.scores}
    panels = f"Image (the frame is what the rest shows), truth, {first.label}, {second.label}:"
    found = []
    for sign, better in ((1, second), (-1, first)):
        gains = {row.sample: sign * gain(row, other[row.sample]) for row in first.scores}
        clear = [row for row in first.scores if gains[row.sample] >= CLEAR]
        shown = from_many_places(sorted(clear, key=lambda row: -gains[row.sample]), DISAGREEMENTS)
        pictures = [
            Picture(
                _strip(of[row.sample], first, second),
                row.sentence,
                f"IoU {row.iou:.2f} and {other[row.sample].iou:.2f}, {row.picture}",
            )
            for row in shown
        ]
        note = f"The largest of {len(clear)} differences of at least {CLEAR} in IoU; from as many places as there are."
        found.append(Gallery(f"{better.label} is better", panels, pictures, note))
    return found


def comparison_page(report: Mapping[str, Any], first: Measured, second: Measured, pictures: Sequence[Gallery]) -> str:
    """The text of `comparison.html`."""
    counts, run, data = report["samples"], report["run"], report["data"]
    summary = (
        f"{data['samples']} sentences, {data['places']} places. By at least {CLEAR} in IoU, {second.label} is better "
        f"on {counts['second_better']}, {first.label} on {counts['first_better']}; {counts['alike']} are alike."
    )
    facts = [
        ("Command", run["command"]),
        ("Date", run["date"]),
        ("First", f"{first.folder}: {first.report['run']['command']}"),
        ("Second", f"{second.folder}: {second.report['run']['command']}"),
        ("Sha256 of sentences and truth", data["sha256_of_sentences_and_truth"]),
        ("Seed", str(run["seed"])),
    ]
    parts: list[Part] = [*tables(report, (first.label, second.label)), *pictures]
    return page(f"{second.label} against {first.label}", summary, facts, parts)


def _strip(question: Question, first: Measured, second: Measured) -> bytes:
    sample = question.read()
    shape = sample.mask.shape
    answers = [read_mask(one.folder / MASKS / mask_name(question.sample), shape) for one in (first, second)]
    return case_strip(sample.image, sample.mask, answers)


def _points(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:+.1f}"
