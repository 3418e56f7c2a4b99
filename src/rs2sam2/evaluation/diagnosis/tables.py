"""A report as tables."""

from collections.abc import Iterator, Mapping
from typing import Any

from rs2sam2.evaluation.metrics import THRESHOLDS
from rs2sam2.evaluation.tabular import Table, between, percent

Figures = Mapping[str, Any]
_PRESENCE_HEADINGS = ("", "questions", "balanced accuracy", "95 %", "target accuracy", "no-target accuracy")
NO_TARGET_NOTE = (
    "The sentences of no_target.json are mostly about things that no sentence with a target mentions, so a list of "
    "words nearly solves them without any image: see the last column. What counts are the pairs."
)


def tables(report: Figures) -> Iterator[Table]:
    """Every table that a report has figures for."""
    if "single" in report:
        yield _segmentation(report)
        yield _detail(report["single"], "Single-object sentences by kind, area and size of the target")
    if "rendered" in report:
        yield _rendered(report["rendered"])
    if "swapped" in report:
        yield _swapped(report["swapped"])
    if report.get("presence"):
        yield _pairs(report["presence"])
        yield _reasons(report["presence"])
    if "no_target" in report:
        yield _no_target(report["no_target"])
    yield _calibration(report["calibration"])
    for name, figures in report.get("clicks", {}).items():
        yield _clicks(name, figures)


def _segmentation(report: Figures) -> Table:
    rows = [_row("single object", report["single"])]
    if "group" in report:
        rows.append(_row("group", report["group"]))
    rows += [_row(f"single object, {name}", figures) for name, figures in report.get("baselines", {}).items()]
    note = (
        "Rows that name a strategy ignore the sentence and use the true outlines. Intervals resample places (mosaics), "
        "not sentences."
    )
    return Table(f"Real scenes, split {report['data']['split']}", _headings(), rows, note)


def _detail(single: Figures, title: str) -> Table:
    rows = [
        _row(part, figures) for group in ("by_kind", "by_area", "by_size") for part, figures in single[group].items()
    ]
    return Table(title, _headings(), rows)


def _rendered(rendered: Figures) -> Table:
    rows = []
    for of, name in (("single", "single object"), ("group", "group")):
        if of in rendered:
            rows.append(_row(name, rendered[of]))
            rows += [_row(f"{name}, {part}", figures) for part, figures in rendered[of]["by_class"].items()]
    return Table(f"{rendered['scenes']} held-out rendered scenes", _headings(), rows)


def _swapped(swapped: Figures) -> Table:
    names = (("own sentence", "mean_iou_own_sentence"), ("sentence about another thing", "mean_iou_swapped_sentence"))
    rows = [(name, str(swapped["count"]), percent(swapped[key]["value"]), between(swapped[key])) for name, key in names]
    rows.append(("drop, in points", "", percent(swapped["drop"]["value"]), between(swapped["drop"])))
    return Table("Does it listen? mIoU with the original target", ("", "sentences", "mIoU", "95 %"), rows)


def _pairs(presence: Figures) -> Table:
    headings = (*_PRESENCE_HEADINGS, "both right", "words only", "area only")
    rows = [
        (
            *_presence_row(f"{name}: {figures['pairs']} pairs", figures),
            percent(figures["both_right"]),
            percent(figures["words_only_balanced_accuracy"]),
            percent(figures.get("area_only_balanced_accuracy")),
        )
        for name, figures in presence.items()
    ]
    note = (
        "Each sentence is asked once where its thing is and once where it is verified to be absent. Words only: naive "
        "Bayes over the sentence. Area only: balanced accuracy of knowing nothing but where the picture was taken."
    )
    return Table("Presence, on pairs", headings, rows, note)


def _reasons(presence: Figures) -> Table:
    rows = [
        (f"{name}: no such {reason}", str(figures["count"]), percent(figures["value"]))
        for name in ("real", "rendered")
        if name in presence
        for reason, figures in presence[name]["no_target_accuracy_by_reason"].items()
    ]
    return Table("Presence: why the thing is absent", ("", "questions", "no-target accuracy"), rows)


def _no_target(figures: Figures) -> Table:
    rows = [
        (
            *_presence_row("all", figures),
            percent(figures["words_only_balanced_accuracy"]),
        )
    ]
    rows += [
        (reason, str(part["count"]), "", "", "", percent(part["value"]), "")
        for reason, part in figures["no_target_accuracy_by_reason"].items()
    ]
    return Table("Presence, on no_target.json", (*_PRESENCE_HEADINGS, "words only"), rows, NO_TARGET_NOTE)


def _calibration(calibration: Figures) -> Table:
    rows = [
        (
            name,
            str(figures["count"]),
            percent(figures["expected_calibration_error_of_score_against_iou"]),
            percent(figures["expected_calibration_error_of_predicted_iou_against_iou"]),
        )
        for name, figures in calibration.items()
    ]
    note = (
        "Expected calibration error against IoU, ten equal bins, in points; 0 is perfect. Score is P(present) times "
        "predicted IoU. Where nothing is meant, the IoU is 0."
    )
    return Table("Calibration", ("", "sentences", "score", "predicted IoU"), rows, note)


def _clicks(name: str, figures: Figures) -> Table:
    rows = []
    for count, after in enumerate(figures["clicks"]):
        said = "words alone" if count == 0 else f"words and {count} click{'s' if count > 1 else ''}"
        rows.append(_corrected(said, after))
    rows.append(_corrected("words and a box", figures["box"]))
    note = (
        "Each click goes to the pixel that lies deepest in what is missing or in what is too much (distance "
        "transform), whichever is deeper; the box is the target's own bounds. Gain is in points of mIoU over the words "
        "alone, paired."
    )
    headings = ("", "sentences", "mIoU", "95 %", "gain", "95 %", *(f"Pr@{threshold}" for threshold in THRESHOLDS))
    return Table(f"Corrections by hand: {name}", headings, rows, note)


def _corrected(name: str, figures: Figures) -> tuple[str, ...]:
    name, count, _, mean, interval, _, *precisions = _row(name, figures)
    gain = figures["gain"]
    return (name, count, mean, interval, percent(gain["value"]), between(gain), *precisions)


def _headings() -> tuple[str, ...]:
    return ("", "sentences", "places", "mIoU", "95 %", "oIoU", *(f"Pr@{threshold}" for threshold in THRESHOLDS))


def _row(name: str, figures: Figures) -> tuple[str, ...]:
    return (
        name,
        str(figures["count"]),
        str(figures["units"]),
        percent(figures["mean_iou"]["value"]),
        between(figures["mean_iou"]),
        percent(figures["overall_iou"]["value"]),
        *(percent(figures[f"precision_at_{threshold}"]["value"]) for threshold in THRESHOLDS),
    )


def _presence_row(name: str, figures: Figures) -> tuple[str, ...]:
    balanced = figures["balanced_accuracy"]
    return (
        name,
        str(figures["questions"]),
        percent(balanced["value"]),
        between(balanced),
        percent(figures["target_accuracy"]["value"]),
        percent(figures["no_target_accuracy"]["value"]),
    )
