"""The learning rate over a run."""

from math import cos, pi


def one_cycle(step: int, steps: int, warmup: float) -> float:
    """Share of the highest rate: up from 0 over the first `warmup` of all steps, then down to 0 along a cosine."""
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + cos(pi * (step - rising) / max(1, steps - rising)))
