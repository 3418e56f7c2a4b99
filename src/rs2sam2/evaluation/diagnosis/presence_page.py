"""The page about presence, and its picture: receiver operating characteristics, and accuracy over the threshold."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from rs2sam2.evaluation.diagnosis.presence_curves import THIRDS, curve
from rs2sam2.evaluation.report_markdown import report_page
from rs2sam2.evaluation.tabular import Table, percent

_SOURCES = {
    "object_score": ("SAM 2's object score", "#1b6ca8"),
    "early": ("early head of the union encoder", "#c8553d"),
    "both": ("both: mean of their logits", "#3a7d44"),
    "mask": ("the mask's highest probability", "#8a6fb0"),
}
_WORDS = "the sentence alone"
_HEAD = """# Is it there? Presence in detail

Written by `rs2sam2 diagnose --render {source}`; do not edit. A sentence is asked of two pictures: of one that shows its
thing, and of one that certainly does not. A model that listens to the words alone is right half of the time.

![Curves of each source of P(present)](images/presence.svg)

*Left: how many things are found for how many false alarms. Right: balanced accuracy over the threshold.*
"""
_SIDE, _GAP, _EDGE = 250, 90, 60
_INK, _FAINT = "#333333", "#cccccc"


def page(report: Mapping[str, Any], source: str) -> str:
    """The page in Markdown, of a report and the name of its file.

    Raises:
        DataError: if the report lacks something.
    """
    return report_page(_HEAD, report, source, "diagnose --presence", _facts, tables)


def _facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    weights, decision = report["weights"], report["decision"]
    return [
        ("Weights", f"{weights['name']}, sha256 `{weights['sha256']}`"),
        (
            "They say that a thing is there",
            f"where {decision['presence']} is at least {decision['presence_threshold']}",
        ),
    ]


def tables(report: Mapping[str, Any]) -> Iterator[Table]:
    """Sources beside each other, then where the weights' own source fails."""
    own = report["decision"]["presence"]
    for name, found in report["sets"].items():
        rows = [
            (
                _SOURCES[source][0],
                percent(one["area_under_curve"]),
                percent(one["ranked_right"]),
                percent(one["best_balanced_accuracy"]),
                percent(found["own"]["balanced_accuracy"]) if source == own else "",
            )
            for source, one in found["sources"].items()
        ]
        rows.append((_WORDS, "", "", "", percent(found["words_only_balanced_accuracy"])))
        headings = ("source", "area under the curve", "ranked right", "best threshold", "the weights' threshold")
        yield Table(
            f"{name.capitalize()}: {found['pairs']} pairs",
            headings,
            rows,
            "Ranked right: pairs in which P(present) is higher where the thing is. The last two columns are balanced "
            "accuracy; the best threshold is chosen on these very pairs. Whatever the source and the threshold, it is "
            f"at most {percent(max(one['best_balanced_accuracy'] for one in found['sources'].values()))}.",
        )
    for name, found in report["sets"].items():
        if len(found["divisions"]) > 1:
            yield _where_it_fails(name, found)


def picture(report: Mapping[str, Any]) -> str:
    """The curves as SVG: a row for each set."""
    sets = report["sets"]
    width, height = _EDGE + 2 * _SIDE + _GAP + 260, len(sets) * (_SIDE + _GAP) + _EDGE - 20
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="12" fill="{_INK}"><rect width="{width}" height="{height}" fill="#ffffff"/>'
    ]
    for row, (name, found) in enumerate(sets.items()):
        top = 40 + row * (_SIDE + _GAP)
        left, right = _EDGE, _EDGE + _SIDE + _GAP
        drawn += _frame(left, top, f"{name}: {found['pairs']} pairs", "false alarms", "found")
        drawn += _frame(right, top, "", "threshold of P(present)", "balanced accuracy")
        drawn.append(_line(left, top, [(0, 0), (1, 1)], _FAINT, "4 4"))
        drawn.append(_line(right, top, [(0, 0.5), (1, 0.5)], _FAINT, "4 4"))
        for place, (source, one) in enumerate(found["sources"].items()):
            says, ink = _SOURCES[source]
            there, absent = np.array(one["there"]), np.array(one["absent"])
            _, hits, alarms = curve(there, absent)
            cuts = np.linspace(0, 1, 101)
            balanced = ((there[None] >= cuts[:, None]).mean(1) + (absent[None] < cuts[:, None]).mean(1)) / 2
            drawn.append(_line(left, top, [*zip(alarms, hits, strict=True)], ink))
            drawn.append(_line(right, top, [*zip(cuts, balanced, strict=True)], ink))
            drawn += _key(right + _SIDE + 20, top + 20 * place + 10, says, ink)
        drawn += _key(right + _SIDE + 20, top + 20 * len(found["sources"]) + 10, _WORDS, _FAINT)
    return "\n".join([*drawn, "</svg>"]) + "\n"


def _where_it_fails(name: str, found: Mapping[str, Any]) -> Table:
    order = {part: place for place, part in enumerate(THIRDS)}
    rows = [
        (
            f"{division}: {part}",
            str(one["pairs"]),
            *(
                percent(one[figure])
                for figure in (
                    *("area_under_curve", "ranked_right", "balanced_accuracy"),
                    *("target_accuracy", "no_target_accuracy"),
                )
            ),
        )
        for division, parts in found["divisions"].items()
        for part, one in sorted(parts.items(), key=lambda item: (order.get(item[0], 0), item[0]))
    ]
    headings = (
        *("pairs of", "pairs", "area under the curve", "ranked right"),
        *("balanced accuracy", "target accuracy", "no-target accuracy"),
    )
    return Table(f"{name.capitalize()} pairs: where the weights' own source fails", headings, rows)


def _frame(left: int, top: int, title: str, across: str, upwards: str) -> list[str]:
    low, middle = top + _SIDE, top + _SIDE // 2
    drawn = [
        f'<rect x="{left}" y="{top}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="{_INK}"/>',
        f'<text x="{left}" y="{top - 12}" font-weight="bold">{escape(title)}</text>',
        f'<text x="{left + _SIDE // 2}" y="{low + 36}" text-anchor="middle">{escape(across)}</text>',
        f'<text transform="translate({left - 38} {middle}) rotate(-90)" text-anchor="middle">{escape(upwards)}</text>',
    ]
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x, y = left + tick * _SIDE, low - tick * _SIDE
        drawn += [
            f'<text x="{x:g}" y="{low + 18}" text-anchor="middle">{tick:g}</text>',
            f'<text x="{left - 8}" y="{y + 4:g}" text-anchor="end">{tick:g}</text>',
        ]
    return drawn


def _line(left: int, top: int, points: Sequence[tuple[float, float]], ink: str, dash: str = "none") -> str:
    """A curve through points of the unit square."""
    placed = " ".join(f"{left + x * _SIDE:.1f},{top + (1 - y) * _SIDE:.1f}" for x, y in points)
    return f'<polyline points="{placed}" fill="none" stroke="{ink}" stroke-width="1.8" stroke-dasharray="{dash}"/>'


def _key(left: int, top: int, says: str, ink: str) -> list[str]:
    return [
        f'<line x1="{left}" y1="{top - 4}" x2="{left + 24}" y2="{top - 4}" stroke="{ink}" stroke-width="2.5"/>',
        f'<text x="{left + 30}" y="{top}">{escape(says)}</text>',
    ]
