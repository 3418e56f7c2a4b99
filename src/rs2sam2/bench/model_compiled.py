"""What `torch.compile` gains, and what it costs before the first answer: without code in its cache, and with.

The cache is a folder of its own, empty at first.
"""

import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from rs2sam2.bench.model import PROGRAM
from rs2sam2.bench.watched import watched

WAYS = ("as it is", "compiled")


def compiled(preset: str, rounds: int, seed: int) -> dict[str, Any]:
    """A model with stand-in weights, in the precision that `auto` takes, asked by two processes after each other.

    Args:
        preset: of `ModelConfig`.
        rounds: how often each of `WAYS` passes in the second process, in turns; medians are over these.
        seed: of the inputs.

    Returns:
        "preset"; "precision"; "first", wall seconds of the first pass in the "cold" and in the "warm" process, on as
        many threads as there are cores; "cache_bytes" after it; "seconds" (CPU, one thread) of a pass for each way, and
        "gain", the one over the other.

    Raises:
        Rs2Sam2Error: a process dies, or there is no compiler.
    """
    first = {}
    with tempfile.TemporaryDirectory(prefix="rs2sam2-") as cache:
        for start in ("cold", "warm"):
            with watched(PROGRAM, "compiled", preset, seed, cache) as process:
                first[start] = process.unsampled()["first"]
                if start == "warm":
                    said = [process.unsampled() for _ in range(rounds)]
        size = sum(path.stat().st_size for path in Path(cache).rglob("*") if path.is_file())
        precision = process.start["precision"]
    seconds = {way: median(one[way] for one in said) for way in WAYS}
    return {
        "preset": preset,
        "precision": precision,
        "first": first,
        "cache_bytes": size,
        "seconds": seconds,
        "gain": seconds[WAYS[0]] / seconds[WAYS[1]],
    }
