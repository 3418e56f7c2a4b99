"""Everything that was measured on a split, ready for JSON: the content of `metrics.json`."""

from collections.abc import Mapping, Sequence
from typing import Any

from rs2sam2.evaluation.benchmark.published import published
from rs2sam2.evaluation.benchmark.score import SampleScore, columns, truth_sha256
from rs2sam2.evaluation.benchmark.slices import slices
from rs2sam2.evaluation.figures import NATIVE_FIGURES, PAPER_FIGURES, measure

FORMAT = 1
PROTOCOLS = {"native": NATIVE_FIGURES, "paper_protocol": PAPER_FIGURES}
"""Name -> figures: masks at each image's own size, and the protocol of the published figures."""


def summarise(
    scores: Sequence[SampleScore], run: Mapping[str, Any], system: Mapping[str, Any], data: Mapping[str, Any], seed: int
) -> dict[str, Any]:
    """All figures of a split.

    Args:
        scores: of every sample.
        run: see `provenance.run_record`.
        system: what was measured.
        data: "name", "root", "split", and whatever else says what it is.
        seed: of the resampling.

    Returns:
        "format", "run", "system", "data" (with counts and a checksum of sentences and truth), "figures" (protocol ->
        figure -> "value", "low", "high"), "definitions" (protocol -> figure -> its meaning), "slices" and "published".
    """
    counts, units = columns(scores), [row.place for row in scores]
    return {
        "format": FORMAT,
        "run": run,
        "system": system,
        "data": {
            **data,
            "samples": len(scores),
            "samples_that_mean_nothing": sum(not row.meant for row in scores),
            "pictures": len({row.picture for row in scores}),
            "places": len(set(units)),
            "truths_stretched_to_their_image": sum(row.stretched for row in scores),
            "sha256_of_sentences_and_truth": truth_sha256(scores),
        },
        "figures": {name: measure(figures, counts, units, seed) for name, figures in PROTOCOLS.items()},
        "definitions": {
            name: {figure.name: figure.meaning for figure in figures} for name, figures in PROTOCOLS.items()
        },
        "slices": slices(scores, seed),
        "published": published(str(data["name"]), str(data["split"]), len(scores)),
    }
