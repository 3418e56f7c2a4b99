"""The page about the reports of `rs2sam2 bench model`: docs/performance.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rs2sam2.bench.model import FLOATS, FORMAT
from rs2sam2.bench.model_choices_page import agreement_section, compile_section, int8_section
from rs2sam2.bench.model_operations import KINDS, shares
from rs2sam2.bench.model_parts import PARTS
from rs2sam2.bench.model_text import bar, gigabytes, time_text
from rs2sam2.bench.model_tried import AS_IT_IS, INT8
from rs2sam2.errors import DataError
from rs2sam2.evaluation.provenance import run_facts, versions_of
from rs2sam2.evaluation.report_file import read_report
from rs2sam2.evaluation.tabular import Table, markdown_table, percent

Reports = Mapping[str, Mapping[str, Any]]
"""By section."""

_CEILING, _TO_THEIRS, _MEMORY, _EACH = 0.80, 0.48, 0.55 * 4.8e9, 0.8
"""What is asked: of float32, bfloat16 and its memory, eight expressions to one."""
_HEAD = """# What costs what

Written by `rs2sam2 bench model --render docs/numbers`; do not edit. One picture and one sentence on a CPU, with
stand-in weights, whose values do not change the time. The models and the bare products of matrices are processes of
their own that work in turns. Unless it says otherwise, times are medians of CPU seconds on one thread: other work on
the machine counts less so. "By the clock" are wall seconds on all of the machine's cores.

![Bars: the share of each part of the model in the time of a forward pass](images/performance.png)

"""
_TRIED = """The trunk is the sum over its blocks. Torch's attention multiplies bfloat16 on such a CPU at the speed of
float32; ours (`rs2sam2.model.attention`) goes piece by piece through products in bfloat16, and no piece holds more than
2 million scores. Weights are laid out for oneDNN once, when they are loaded (`rs2sam2.model.precision.PackedLinear`),
which takes about what two or three passes save. Memory that is kept (`rs2sam2.inference.heap.keep_freed`) spares the
system's clearing of pages for every large array. Other things cannot be switched off. Where words and image meet,
projections are applied to the words and not to the image, and the softmax goes over some thousand of the image's tokens
at a time (`rs2sam2.model.cross_attention`). Patches lie channels-last in memory, and large maps pass through what is
wide inside in strips, for the memory's sake (`rs2sam2.model.layers.in_strips`). Several sentences about one picture
share it until the first block's attention has seen it.

Linear layers in int8 (`--precision int8`, `rs2sam2.model.int8`) make the trunk {gain:.2f} times as fast.

Tried by hand, without a figure here, and left out: torchao's dynamic int8, which without a compiler takes three times
as long as bfloat16; a scale for each row of activations, which takes as long as it saves; huge pages
(`THP_MEM_ALLOC_ENABLE`, `glibc.malloc.hugetlb` or advised for the whole heap; the system spends what is saved on making
them), GELU (also in place) and sums fused into products by oneDNN, heads padded to 80 or 96 channels, and windows cut
after the projection to queries, keys and values instead of before it; none was clear of the noise once memory is kept.
"""


def read_sections(folder: Path, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The reports `model_NAME.json` of a folder, by name; those that are not there are left out.

    Raises:
        DataError: one cannot be read, or there is none at all.
    """
    paths = {name: folder / f"model_{name}.json" for name in names}
    found = {name: read_report(path, FORMAT, "bench model") for name, path in paths.items() if path.is_file()}
    if not found:
        raise DataError(f"{folder}: holds no model_SECTION.json: make one with rs2sam2 bench model --section")
    return found


def page(reports: Reports) -> str:
    """The page in Markdown.

    Raises:
        DataError: a report lacks something.
    """
    makers = {
        "full": _full,
        "nano": _nano,
        "tried": _tried,
        "agreement": agreement_section,
        "int8": int8_section,
        "compile": compile_section,
        "expressions": _expressions,
    }
    try:
        sections = [part for name, make in makers.items() if name in reports for part in make(reports[name])]
        return _HEAD + "\n".join([*sections, _provenance(reports)])
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise DataError(f"a report lacks {error}: make it again with rs2sam2 bench model") from error


def _full(report: Mapping[str, Any]) -> list[str]:
    ours, theirs, ratios = report["ours"], report["transformers"], report["ratios"]
    asked = [
        bar("float32, share of the speed of products", percent(ours["float32"]["share_of_ceiling"]) + " %",
             "at least 80 %", ours["float32"]["share_of_ceiling"] >= _CEILING),
        bar("bfloat16, peak resident memory", gigabytes(ours["bfloat16"]["peak_resident_bytes"]),
             f"at most {gigabytes(round(_MEMORY))}", ours["bfloat16"]["peak_resident_bytes"] <= _MEMORY),
    ]  # fmt: skip
    if "missing" not in theirs:
        asked[1:1] = [
            bar(f"bfloat16 over transformers' encoder in float32, {way}", f"{ratio:.3f}",
                 f"at most {_TO_THEIRS}", ratio <= _TO_THEIRS)
            for way, ratio in (
                ("by the clock", ratios["bfloat16_to_transformers_wall_seconds"]),
                ("on one thread", ratios["bfloat16_to_transformers_seconds"]),
            )
        ]  # fmt: skip
    return [
        markdown_table(Table("The paper's model against what was asked", ("", "measured", "asked", "reached"), asked)),
        markdown_table(_times("Full size, 1024 x 1024 pixels", report)),
        markdown_table(_parts("Full size, part by part", report)),
        markdown_table(_operations(report)),
    ]


def _nano(report: Mapping[str, Any]) -> list[str]:
    return [markdown_table(_times("nano", report)), markdown_table(_parts("nano, part by part", report))]


def _times(title: str, report: Mapping[str, Any]) -> Table:
    rows = []
    for precision in FLOATS:
        one = report["ours"][precision]
        rows.append(
            (f"whole model, {precision}", time_text(one["wall_seconds"]), time_text(one["seconds"]),
             time_text(one["ceiling_seconds"]), percent(one["share_of_ceiling"]), gigabytes(one["peak_resident_bytes"]))
        )  # fmt: skip
    theirs = report["transformers"]
    if "missing" in theirs:
        note = f"transformers was not measured: {theirs['missing']}. "
    else:
        note = ""
        rows.append(
            ("transformers' SAM 2 encoder alone, float32", time_text(theirs["wall_seconds"]),
             time_text(theirs["seconds"]), "", "", gigabytes(theirs["peak_resident_bytes"]))
        )  # fmt: skip
    speeds = ", ".join(f"{one['per_second'] / 1e9:.0f} in {name}" for name, one in report["products"].items())
    return Table(
        title,
        ("", "by the clock", "one thread", "at the speed of products", "share, %", "peak memory"),
        rows,
        f"{note}A forward pass is {report['operations'] / 1e9:,.0f} GFLOP. The products of its linear layers, in their "
        f"own sizes and numbers, run at this many GFLOP a second when nothing else is done: {speeds}.",
    )


def _parts(title: str, report: Mapping[str, Any]) -> Table:
    ours = report["ours"]
    return Table(
        title,
        ("part", *(f"{precision}, {what}" for precision in FLOATS for what in ("time", "%"))),
        [
            (
                part,
                *(
                    text
                    for precision in FLOATS
                    for text in (
                        time_text(ours[precision]["parts"][part]),
                        percent(ours[precision]["parts"][part] / ours[precision]["seconds"]),
                    )
                ),
            )
            for part in PARTS
            if part in ours["float32"]["parts"]
        ],
        "The stages are SAM 2's blocks without the fusion layers and adapters in them, which have a row of their own.",
    )


def _operations(report: Mapping[str, Any]) -> Table:
    spent, theirs = report["by_operation"], report["transformers"]
    taken = sum(spent.values())
    note = ""
    if "missing" not in theirs:
        linear, attention, others = (f"{share:.2f}" for share in shares(spent, theirs["wall_seconds"]))
        note = (
            f"In units of the time of transformers' encoder, products of linear layers alone take {linear}, those of "
            f"attention {attention}, and everything else together {others}."
        )
    return Table(
        "Full size in bfloat16 by the clock, by kind of operation",
        ("", "time", "%"),
        [(kind, time_text(spent[kind]), percent(spent[kind] / taken)) for kind in KINDS],
        note,
    )


def _tried(report: Mapping[str, Any]) -> list[str]:
    seconds, kinds = report["seconds"], [*report["blocks"], "trunk"]
    now = seconds[AS_IT_IS]["trunk"]
    rows = [
        (way, *(time_text(times[kind]) for kind in kinds), f"{times['trunk'] / now:.2f}")
        for way, times in seconds.items()
    ]
    gain = now / seconds[INT8]["trunk"]
    return [
        markdown_table(Table("What helped, and what did not", ("one block in bfloat16", *kinds, "ratio"), rows)),
        _TRIED.format(gain=gain),
    ]


def _expressions(report: Mapping[str, Any]) -> list[str]:
    rows = [
        (what, count, time_text(seconds), time_text(part["seconds_for_each_expression"][count]))
        for what, part in (("whole command, nano", report), ("model alone, full size, bfloat16", report["model"]))
        for count, seconds in part["seconds"].items()
    ]
    reached = "reached" if report["ratio"] <= _EACH else "not reached"
    return [
        markdown_table(
            Table(
                "Several expressions on one image",
                ("", "expressions", "time", "for each expression"),
                rows,
                f"The ratio for nano is {report['ratio']:.2f}; at most {_EACH} was asked: {reached}. A 1024-pixel "
                "picture and a fresh process each time (wall time): starting, loading, decoding and resizing are done "
                f"once. At full size it is {report['model']['ratio']:.2f}: words enter the trunk's first block, and "
                "from there on every expression has a picture of its own.",
            )
        )
    ]


def _provenance(reports: Reports) -> str:
    lines = ["## How it was measured", ""]
    for name, report in reports.items():
        run, machine = report["run"], report["machine"]
        facts = "; ".join(f"{key.lower()} {value}" for key, value in run_facts(run))
        lines.append(
            f"- {name}: {facts}; {machine['cores']} cores, {run['torch_threads']} torch threads, "
            f"{gigabytes(machine['memory_bytes'])}, load average {machine['load_average_at_end']:.1f} at the end"
        )
    versions = versions_of(next(iter(reports.values()))["run"])
    return "\n".join([*lines, "", f"Versions: {versions}.", ""])
