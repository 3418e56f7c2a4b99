"""One run of an ablation, in a process of its own: train or go on training, write weights, ask all questions.

Run as `python -m rs2sam2.ablation.one_run FOLDER --steps N --real FOLDER --rendered FILE`.
"""

import argparse
import fcntl
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from rs2sam2.ablation.asking import Questions, answered
from rs2sam2.ablation.questions import RealQuestions, RenderedQuestions
from rs2sam2.errors import OutputError, Rs2Sam2Error, WeightsError
from rs2sam2.files import whole_file
from rs2sam2.inference.segmenter import Segmenter
from rs2sam2.training import cli as training
from rs2sam2.training.export import export

RECIPE, CHECKPOINT, WEIGHTS, SCORES, LOG = "recipe.yaml", "last.ckpt", "weights", "scores.json", "log.txt"
FORMAT = "rs2sam2.ablation-scores/2"
_LOCK = "lock"


def run(folder: Path, steps: int, real: Path, rendered: Path) -> None:
    """Bring a run to its end, from wherever it stopped.

    Args:
        folder: holds the recipe; gets checkpoint, weights and scores.
        steps: optimisation steps of the run.
        real: folder of OAM-Ref.
        rendered: file of `write_rendered`.

    Raises:
        Rs2Sam2Error: another process is at it, or what training, export or the questions raise.
    """
    with _alone(folder):
        checkpoint = folder / CHECKPOINT
        if _step(checkpoint) < steps:
            go_on = ["--ckpt_path", str(checkpoint)] if checkpoint.exists() else []
            training.main(["fit", "--config", str(folder / RECIPE), *go_on])
        if (reached := _step(checkpoint)) != steps:
            raise WeightsError(f"{checkpoint}: is of step {reached}, not {steps}: the training ended early")
        export(folder / RECIPE, folder / WEIGHTS, checkpoint)
        segmenter = Segmenter.from_pretrained(folder / WEIGHTS, "cpu")
        provenance = segmenter.provenance
        drawn = RenderedQuestions(rendered)
        asked: dict[str, Questions] = {"real": RealQuestions(real, drawn.wanted), "rendered": drawn}
        scores = {
            "format": FORMAT,
            "weights_sha256": segmenter.weights.sha256,
            "minutes": {name: provenance[f"{name}_minutes"] for name in ("wall", "cpu")},
            "parts": answered(segmenter, asked, drawn.wanted.corrected),
        }
        with whole_file(folder / SCORES) as path:
            path.write_text(json.dumps(scores, allow_nan=False) + "\n", encoding="utf-8")


def _step(checkpoint: Path) -> int:
    """Optimisation steps that a checkpoint has seen; 0 where there is none.

    Raises:
        WeightsError: it is damaged.
    """
    if not checkpoint.exists():
        return 0
    try:
        return int(torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)["global_step"])
    except Exception as error:  # torch raises many types for a damaged or unsafe file
        raise WeightsError(f"{checkpoint}: cannot be read ({error}): delete it, the run begins anew") from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with (folder / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(f"{folder}: another process is at this run: wait for it or end it") from error
        yield


def main(arguments: Iterable[str] | None = None) -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="One run of an ablation, from wherever it stopped.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--rendered", type=Path, required=True)
    options = parser.parse_args(None if arguments is None else list(arguments))
    try:
        run(options.folder, options.steps, options.real, options.rendered)
    except (Rs2Sam2Error, OSError) as error:
        print(f"rs2sam2: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
