"""Where the time of a forward pass goes, part by part."""

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from torch import nn

from rs2sam2.model.rs2sam2 import RS2SAM2

REST = "projections and the rest"
PARTS = (
    "union encoder",
    "patches and positions",
    "stage 1",
    "stage 2",
    "stage 3",
    "stage 4",
    "fusion layers",
    "neck",
    "fusion after encoding",
    "mask decoder",
    REST,
)
"""In the order of a picture's way through the model. Stages are SAM 2's blocks without the fusion layers in them."""


class PartTimes:
    """CPU seconds that a model spends in each of `PARTS`; what lies within another part counts for itself alone."""

    def __init__(self, model: RS2SAM2) -> None:
        self._spent: dict[str, float] = defaultdict(float)
        self._within = [REST]
        self._since = 0.0
        for part, modules in _modules(model).items():
            for module in modules:
                module.register_forward_pre_hook(self._entering(part))
                module.register_forward_hook(self._leaving)

    def of(self, run: Callable[[], Any]) -> dict[str, float]:
        """Seconds by part of one run of the model."""
        self._spent.clear()
        self._since = time.process_time()
        run()
        self._account()
        return {part: self._spent[part] for part in PARTS if part in self._spent}

    def _account(self) -> None:
        now = time.process_time()
        self._spent[self._within[-1]] += now - self._since
        self._since = now

    def _entering(self, part: str) -> Callable[..., None]:
        def enter(*_: object) -> None:
            self._account()
            self._within.append(part)

        return enter

    def _leaving(self, *_: object) -> None:
        self._account()
        self._within.pop()


def _modules(model: RS2SAM2) -> dict[str, list[nn.Module]]:
    found: dict[str, list[nn.Module]] = {
        "union encoder": [model.union_encoder],
        "patches and positions": [model.trunk],
        "neck": [model.neck],
        "mask decoder": [model.mask_decoder, model.mask_decoder.conv_s0, model.mask_decoder.conv_s1],
    }
    if model.fusion_after_encoding is not None:
        found["fusion after encoding"] = [model.fusion_after_encoding]
    for index, block in enumerate(model.trunk.blocks):
        stage = 1 + sum(end < index for end in model.trunk.stage_ends)
        found.setdefault(f"stage {stage}", []).append(block)
        found.setdefault("fusion layers", []).extend(
            part for part in (block.fusion, block.adapter) if isinstance(part, nn.Module)
        )
    return found
