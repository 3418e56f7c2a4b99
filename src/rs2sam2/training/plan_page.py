"""A plan of training for people: on the terminal, and as a page of the documentation with its JSON."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from rs2sam2.errors import OutputError
from rs2sam2.evaluation.command import PIPED_WIDTH
from rs2sam2.evaluation.provenance import run_facts, run_record
from rs2sam2.evaluation.tabular import Table, markdown_table, print_table
from rs2sam2.files import whole_file
from rs2sam2.training.plan import GPUS, SHARE_OF_PEAK, plan

FORMAT = "rs2sam2.train-plan/1"
PAGE, NUMBERS = "train_plan.md", "numbers/train_plan.json"
RESERVE = 2e9
"""Bytes that are left for the device's own needs and for kernels while they run."""
_WAYS = {"kept": "activations kept", "checkpointed": "activations computed again"}
_HELD = {"exchange": "on their way between devices"}
_NOTE = (
    "Computed, not measured: parameters, gradients and AdamW's two averages in full, and all that autograd keeps for "
    "the way back, summed as if all of it were there at once."
)
_SIZES = sorted({size for size, _ in GPUS.values()})
_SPREAD = (
    "Each device's share of parameters, gradients and averages, the same activations as above, and put together: what "
    "lies outside of blocks, the block at work and the next."
)
_HEAD = f"""# What training takes

Written by `rs2sam2 train plan` from [train_plan.json]({NUMBERS}); do not edit. All of it is computed before a step is
taken; nothing here was measured on a GPU. Hours are operations over {SHARE_OF_PEAK:.0%} of a device's peak rate: they
may be wrong by a factor of two. A recipe fits where its memory and {RESERVE / 1e9:.0f} GB for the device's own needs
are less than the device has. A GB is 10^9 bytes.
"""


def main(arguments: Sequence[str]) -> None:
    """Parse `rs2sam2 train plan` and run it.

    Raises:
        ConfigError, DataError: a recipe cannot be planned.
        OutputError: the page cannot be written.
    """
    parser = argparse.ArgumentParser(prog="rs2sam2 train plan", description="Memory and time of recipes, computed.")
    parser.add_argument("--config", type=Path, required=True, action="append", help="a recipe; may be given again")
    parser.add_argument("--docs", type=Path, metavar="FOLDER", help=f"write {PAGE} and {NUMBERS} there")
    options = parser.parse_args(arguments)
    plans = [plan(path) for path in options.config]
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
    for table in (table for one in plans for table in tables(one)):
        print_table(table, console)
    if options.docs is not None:
        _write(
            options.docs,
            {"format": FORMAT, "run": run_record("train", ["plan", *arguments], 0, "none"), "plans": plans},
        )


def page(report: Mapping[str, Any]) -> str:
    """The text of the page, from its JSON."""
    facts = [f"| {name} | {value} |" for name, value in run_facts(report["run"])]
    parts = [_HEAD, "\n".join(["| | |", "|---|---|", *facts]) + "\n"]
    return "\n".join(parts + [markdown_table(table) for one in report["plans"] for table in tables(one)])


def tables(one: Mapping[str, Any]) -> Iterator[Table]:
    """Memory by part, and devices."""
    cost, side = one["cost"], one["image_size"]
    about = (
        f"{one['model']}, {cost['values'] / 1e6:.1f} million parameters, {cost['trained'] / 1e6:.1f} trained; "
        f"{one['devices']} devices, batch {one['batch']} on each, {side} x {side} pixels, {one['precision']}; "
        f"{one['passes']} passes: {one['because']}. "
    )
    asked = _WAYS["checkpointed" if one["checkpoints"] else "kept"]
    kept = {"kept": cost["activations"], "checkpointed": cost["checkpointed"]}
    rows = [
        *((_HELD.get(name, name), *[_gb(held)] * 2) for name, held in one["held"].items()),
        ("activations", *(_gb(kept[way]) for way in _WAYS)),
        ("together", *(_gb(one["memory"][way]) for way in _WAYS)),
    ]
    yield Table(
        f"{one['recipe']}: memory of a device, GB",
        ("part", *_WAYS.values()),
        rows,
        f"{about}As given: {asked}. {_NOTE}",
    )
    headings = ("device", *(f"{what}, {words}" for words in _WAYS.values() for what in ("fits", "hours")))
    yield Table(
        f"{one['recipe']}: devices",
        headings,
        [
            (device, *(cell for way in _WAYS for cell in (_fits(device, one["memory"][way]), f"{hours[way]:.1f}")))
            for device, hours in one["hours"].items()
        ],
    )
    if one["spread"]:
        yield Table(
            f"{one['recipe']}: spread over devices by FSDP2, GB on each",
            (
                "devices",
                *_WAYS.values(),
                *(f"fits {memory / 1e9:.0f} GB, {_WAYS['checkpointed']}" for memory in _SIZES),
            ),
            [
                (devices, *(_gb(memory[way]) for way in _WAYS), *_fits_sizes(memory["checkpointed"]))
                for devices, memory in one["spread"].items()
            ],
            _SPREAD,
        )


def _fits_sizes(memory: float) -> Iterator[str]:
    return ("yes" if memory + RESERVE <= size else "no" for size in _SIZES)


def _fits(device: str, memory: float) -> str:
    """Whether a device's memory is enough; nothing where it is not known."""
    if device not in GPUS:
        return "?"
    return "yes" if memory + RESERVE <= GPUS[device][0] else "no"


def _gb(count: float) -> str:
    return f"{count / 1e9:.2f}"


def _write(docs: Path, report: Mapping[str, Any]) -> None:
    try:
        (docs / NUMBERS).parent.mkdir(parents=True, exist_ok=True)
        for path, text in ((docs / NUMBERS, json.dumps(report, indent=1) + "\n"), (docs / PAGE, page(report))):
            with whole_file(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{docs}: cannot be written ({error.strerror}): give another place") from error
    print(f"wrote {docs / PAGE}")
