"""Who learns how fast: the parts of the model, each with its rate or frozen; chosen by module, never by name."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

from rich.table import Table
from torch import nn

from rs2sam2.model.rs2sam2 import RS2SAM2
from rs2sam2.training.step import out_of_reach


@dataclass(frozen=True)
class Rates:
    """Learning rates of the paper, "Training Details".

    Attributes:
        base: of what was there before and is trained: union encoder, prompt encoder, mask decoder, and the layers that
            join them.
        higher: of fusion layers, block adapters and mask prompt generator.
        weight_decay: AdamW's, of everything that is trained; the paper does not say, the published code takes 0.01.
        fusion_after_encoding: which of both eq. 4's attention takes; the published code "higher".
    """

    base: float
    higher: float
    weight_decay: float = 0.01
    fusion_after_encoding: Literal["base", "higher"] = "base"


@dataclass(frozen=True)
class Part:
    """Some of the model's parameters.

    Attributes:
        name: for people.
        parameters: by identity, each in one part only.
        rate: learning rate; None where it is frozen.
    """

    name: str
    parameters: tuple[nn.Parameter, ...]
    rate: float | None

    @property
    def values(self) -> int:
        """How many numbers they hold."""
        return sum(parameter.numel() for parameter in self.parameters)


def parts(model: RS2SAM2, rates: Rates, *, trains_text_weight: bool = True) -> list[Part]:
    """All parameters of a model, each in one part; parts that a model does not have are left out.

    Frozen are SAM 2's trunk and neck (but for what the paper adds to the trunk), the no-memory embedding that belongs
    to their output, and what eq. 6 gives no gradient, for which several processes would wait in vain.

    Args:
        model: in any state.
        rates: see `Rates`.
        trains_text_weight: whether the boundary loss is there, whose weight this layer gives.
    """
    decoder, after = model.mask_decoder, model.fusion_after_encoding
    added = [
        part for block in model.trunk.blocks for part in (block.fusion, block.adapter) if isinstance(part, nn.Module)
    ]
    silent = [*out_of_reach(model), decoder.iou_prediction_head, decoder.pred_obj_score_head]
    if model.early_presence is not None:
        silent.append(model.early_presence)
    if not trains_text_weight:
        silent.append(model.text_weight)
    after_rate = rates.higher if rates.fusion_after_encoding == "higher" else rates.base
    plan: list[tuple[str, list[nn.Module | None], float | None]] = [
        ("out of the loss's reach", [*silent], None),
        ("fusion layers and adapters (eqs. 2-3)", [*added], rates.higher),
        ("mask prompt generator (eq. 5)", [model.mask_prompt_generator], rates.higher),
        ("fusion after encoding (eq. 4)", [after], after_rate),
        ("trunk", [model.trunk], None),
        ("neck", [model.neck], None),
        ("union encoder (eq. 1)", [model.union_encoder], rates.base),
        ("text projection", [model.text_projection], rates.base),
        ("token MLP", [model.token_mlp], rates.base),
        ("text weight (eq. 7)", [model.text_weight], rates.base),
        ("prompt encoder", [model.prompt_encoder], rates.base),
        ("mask decoder", [decoder], rates.base),
    ]
    taken: set[nn.Parameter] = set()
    found = [Part(name, tuple(_new(_parameters(modules), taken)), rate) for name, modules, rate in plan]
    found.append(Part("no-memory embedding", (model.no_memory_embedding,), None))
    return [part for part in found if part.parameters]


def freeze(planned: Iterable[Part]) -> None:
    """Let those parameters learn that have a rate, and no others."""
    for part in planned:
        for parameter in part.parameters:
            parameter.requires_grad_(part.rate is not None)


def optimizer_groups(planned: Iterable[Part], rates: Rates) -> list[dict[str, Any]]:
    """What an optimiser takes: a named group for each part that is trained."""
    return [
        {"name": part.name, "params": [*part.parameters], "lr": part.rate, "weight_decay": rates.weight_decay}
        for part in planned
        if part.rate is not None
    ]


def table(planned: Iterable[Part], rates: Rates) -> Table:
    """The parts as people read them."""
    rows = Table(title="What is trained", title_justify="left")
    rows.add_column("module")
    for heading in ("parameters", "learning rate", "weight decay"):
        rows.add_column(heading, justify="right")
    rows.add_column("state")
    for part in planned:
        numbers = ("", "") if part.rate is None else (f"{part.rate:g}", f"{rates.weight_decay:g}")
        rows.add_row(part.name, f"{part.values:,}", *numbers, "frozen" if part.rate is None else "trained")
    return rows


def _parameters(modules: Iterable[nn.Module | None]) -> Iterator[nn.Parameter]:
    return chain.from_iterable(module.parameters() for module in modules if module is not None)


def _new(parameters: Iterable[nn.Parameter], taken: set[nn.Parameter]) -> Iterator[nn.Parameter]:
    """Those that no part has taken yet."""
    for parameter in parameters:
        if parameter not in taken:
            taken.add(parameter)
            yield parameter
