"""What docs/performance.md says of the ways to run a model that a user may choose."""

from collections.abc import Mapping
from typing import Any

from rs2sam2.bench.model_int8 import BOTH
from rs2sam2.bench.model_text import bar, gigabytes, time_text
from rs2sam2.evaluation.tabular import Table, markdown_table, percent

_BFLOAT16_AGREES, _INT8_AGREES, _INT8_GAIN, _INT8_FILE = 0.995, 0.98, 1.25, 0.3
"""What is asked: IoU with float32's masks, bfloat16's seconds over int8's, bytes over float32's."""


def agreement_section(report: Mapping[str, Any]) -> list[str]:
    """Nano's masks in bfloat16."""
    spent = report["cpu_seconds"]
    return [
        _masks(
            "bfloat16",
            report,
            _BFLOAT16_AGREES,
            " In bfloat16 are the blocks that read picture and words, the rest is float32 (`rs2sam2.model.precision`): "
            "if that were bfloat16, too, masks would differ by more than half as much again."
            f" CPU seconds for all of it: {spent['float32']:.1f} in float32, {spent['bfloat16']:.1f} in bfloat16. "
            "`--precision auto` takes float32 for nano on a CPU, where bfloat16 gains next to nothing, and bfloat16 "
            "for models of SAM 2's sizes.",
        )
    ]


def int8_section(report: Mapping[str, Any]) -> list[str]:
    """`--precision int8` and `convert --dtype int8`."""
    gain, files = report["gain"], report["files"]
    agrees = report["agreement"]["answers"]["mean"]
    asked = [
        bar("full size, bfloat16's time over int8's", f"{gain:.2f}", f"at least {_INT8_GAIN}", gain >= _INT8_GAIN),
        bar("nano's answers, IoU with float32's", f"{percent(agrees)} %", "at least 98 %", agrees >= _INT8_AGREES),
        *(
            bar(f"{name}'s file over that in float32", f"{size['ratio']:.3f}", f"at most {_INT8_FILE}",
                size["ratio"] <= _INT8_FILE)
            for name, size in files.items()
        ),
    ]  # fmt: skip
    rows = [
        (name, time_text(report["ours"][name]["seconds"]), gigabytes(report["ours"][name]["peak_resident_bytes"]))
        for name in BOTH
    ]
    spent = report["agreement"]["cpu_seconds"]
    return [
        markdown_table(Table("int8 against what was asked", ("", "measured", "asked", "reached"), asked)),
        markdown_table(
            Table(
                "Full size in int8",
                ("precision", "time", "peak memory"),
                rows,
                "`--precision int8`: linear layers of the union encoder and of the trunk multiply 8-bit integers, with "
                "a scale for each row of the weight and one for all numbers that come in; what else blocks do is in "
                "bfloat16, or float32 for nano. `rs2sam2 convert --dtype int8` stores every larger matrix so, and such "
                "a file opens in every precision.",
            )
        ),
        _masks(
            "int8",
            report["agreement"],
            _INT8_AGREES,
            f" CPU seconds for all of it: {spent['float32']:.1f} in float32, {spent['int8']:.1f} in int8, in which "
            "questions go one by one: nano is too small to gain.",
        ),
    ]


def compile_section(report: Mapping[str, Any]) -> list[str]:
    """`--compile`."""
    rows = [
        *((f"first pass, {start} start (wall time)", time_text(taken)) for start, taken in report["first"].items()),
        *((f"a pass, {way}", time_text(taken)) for way, taken in report["seconds"].items()),
    ]
    return [
        markdown_table(
            Table(
                f"{report['preset']} compiled, {report['precision']}",
                ("", "time"),
                rows,
                f"Compiled code takes {1 / report['gain']:.2f} times as long. A pass is reading and looking, without "
                "the mask decoder, which is not compiled. A cold start finds no code and makes it with a C++ compiler, "
                "a warm one is the next process, which traces the graphs again and finds the code in the cache, "
                f"{report['cache_bytes'] / 1e6:.0f} MB. The full-size model, of seven times as many blocks, was not "
                "tried.",
            )
        )
    ]


def _masks(precision: str, report: Mapping[str, Any], asked: float, note: str) -> str:
    rows = [
        (name, percent(report[key]["mean"]), percent(report[key]["median"]), percent(report[key]["share_above"]),
         "yes" if report[key]["mean"] >= asked else "no")
        for key, name in (("masks", "pixels above the threshold"), ("answers", "answers"))
    ]  # fmt: skip
    return markdown_table(
        Table(
            f"nano's masks in {precision} against float32",
            ("IoU, %", "mean", "median", "questions above 99.5", f"mean at least {100 * asked:g}"),
            rows,
            f"{report['questions']} questions of a real validation split; whether the thing is there differs in "
            f"{report['presence_differs']}. An answer is one part of the mask, the surest: where two are as "
            f"good as each other, rounding decides, and the IoU of that answer is 0.{note}",
        )
    )
