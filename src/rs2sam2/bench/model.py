"""Speed and memory of a forward pass, beside what this machine can do and beside another implementation.

Each model is a process of its own. They work in turns: on all cores by the clock, then on one thread, of which CPU
seconds count, so that whatever else the machine does meets them all alike, and little.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from statistics import median
from typing import Any

from rs2sam2.bench.model_products import PRECISIONS
from rs2sam2.bench.watched import Watched, watched

FORMAT = "rs2sam2.bench-model/1"
FLOATS = ("float32", "bfloat16")
_SECONDS = ("seconds", "wall_seconds")
Rounds = Sequence[Mapping[str, Mapping[str, Any]]]
"""What each process says in each round."""
PROGRAM = ("-m", "rs2sam2.bench.model_process")


def measure(preset: str, rounds: int, seed: int) -> dict[str, Any]:
    """One preset with stand-in weights.

    Args:
        preset: of `ModelConfig`.
        rounds: how often each works in each way; medians are over these, after one round that does not count.
        seed: of the inputs.

    Returns:
        "preset"; "operations" of a forward pass and "linear_operations" of its linear layers among them; "products", of
        which each precision has operations "per_second" of these layers' products; "by_operation", wall seconds in
        bfloat16 by kind of operation; for "float32" and "bfloat16" under "ours" and for "transformers": "seconds" and
        "all_seconds" (CPU, one thread), "wall_seconds" and "all_wall_seconds" (all cores), "peak_resident_bytes",
        "parameters", and for ours "parts" (seconds by part), "ceiling_seconds", which a forward would take if all of it
        went at the speed of "products", and their ratio, "share_of_ceiling". Instead of figures "transformers" may have
        "missing", why.

    Raises:
        Rs2Sam2Error: a process dies.
    """
    with ExitStack() as stack:

        def start(*arguments: object) -> Watched:
            return stack.enter_context(watched(PROGRAM, *arguments))

        products = start("products", preset)
        ours = {precision: start("ours", preset, precision, seed, rounds) for precision in FLOATS}
        theirs = start("transformers", preset, seed, rounds)
        models = {**ours, "transformers": theirs}
        if "missing" in theirs.start:
            del models["transformers"]
        by_the_clock = in_turns(models, rounds)
        on_one_thread = in_turns({"products": products, **models}, rounds)
    with watched(PROGRAM, "operations", preset, "bfloat16", seed) as process:
        spent = process.in_rounds(rounds)
    rates = {
        precision: {"per_second": median(round_["products"][precision]["per_second"] for round_ in on_one_thread)}
        for precision in PRECISIONS
    }
    operations = products.start["operations"]
    return {
        "preset": preset,
        **products.start,
        "products": rates,
        "by_operation": {kind: median(one[kind] for one in spent) for kind in spent[0]},
        "ours": {
            precision: _of_ours(
                {**process.start, **figures(precision, by_the_clock, on_one_thread)},
                operations / rates[precision]["per_second"],
            )
            for precision, process in ours.items()
        },
        "transformers": theirs.start
        if "missing" in theirs.start
        else {**theirs.start, **figures("transformers", by_the_clock, on_one_thread)},
    }


def in_turns(processes: Mapping[str, Watched], rounds: int) -> Rounds:
    """What processes say in so many rounds, after one that does not count."""
    return [{name: process.unsampled() for name, process in processes.items()} for _ in range(1 + rounds)][1:]


def machine() -> dict[str, Any]:
    """What the figures hang on."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "load_average_at_end": os.getloadavg()[0],
    }


def ratios(measured: Mapping[str, Any]) -> dict[str, float]:
    """The figures that speed is judged by: what `measure` returned, divided by each other."""
    ours, theirs = measured["ours"], measured["transformers"]
    found = {
        "bfloat16_to_float32_seconds": ours["bfloat16"]["seconds"] / ours["float32"]["seconds"],
        "bfloat16_to_float32_memory": ours["bfloat16"]["peak_resident_bytes"] / ours["float32"]["peak_resident_bytes"],
    }
    if "seconds" in theirs:
        found |= {
            f"{name}_to_transformers_{seconds}": one[seconds] / theirs[seconds]
            for name, one in ours.items()
            for seconds in _SECONDS
        }
    return found


def figures(model: str, by_the_clock: Rounds, on_one_thread: Rounds) -> dict[str, Any]:
    """Of what a model's process said in several rounds in both ways: medians, and the most memory."""
    said = [{**clock[model], **thread[model]} for clock, thread in zip(by_the_clock, on_one_thread, strict=True)]
    found: dict[str, Any] = {"peak_resident_bytes": max(one["peak_resident_bytes"] for one in said)}
    for seconds in _SECONDS:
        found[f"all_{seconds}"] = [one[seconds] for one in said]
        found[seconds] = median(found[f"all_{seconds}"])
    if "parts" in said[0]:
        found["parts"] = {part: median(one["parts"][part] for one in said) for part in said[0]["parts"]}
    return found


def _of_ours(figures: dict[str, Any], ceiling: float) -> dict[str, Any]:
    return {**figures, "ceiling_seconds": ceiling, "share_of_ceiling": ceiling / figures["seconds"]}
