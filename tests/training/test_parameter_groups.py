"""Every parameter has one place, and the paper's frozen parts are frozen."""

from io import StringIO

import pytest
from rich.console import Console

from rs2sam2.training.parameter_groups import Rates, freeze, optimizer_groups, parts, table
from tiny import tiny_model

RATES = Rates(base=1.0, higher=2.0, weight_decay=0.01)
# Said by name here, and by module there.
SILENT = (
    "prompt_encoder.point_embeddings.",
    "prompt_encoder.not_a_point_embed.",
    "prompt_encoder.no_mask_embed.",
    "mask_decoder.iou_prediction_head.",
    "mask_decoder.pred_obj_score_head.",
    *(f"mask_decoder.output_hypernetworks_mlps.{number}." for number in (1, 2, 3)),
    "trunk.blocks.5.fusion.text_out.",
    "trunk.blocks.5.fusion.text_reads_image.",
)


def expected_rate(name):
    if name.startswith(SILENT):
        return None
    if ".fusion." in name or ".adapter." in name or name.startswith("mask_prompt_generator."):
        return RATES.higher
    return None if name.startswith(("trunk.", "neck.", "no_memory_embedding")) else RATES.base


@pytest.mark.parametrize(
    "changes",
    [{}, {"fusion_layer": "none"}, {"fusion_layer": "uni"}, {"mask_prompt": "none"}, {"fusion_after_encoding": False}],
)
def test_groups_cover_every_parameter_exactly_once(changes):
    model = tiny_model(**changes)
    found = [id(parameter) for part in parts(model, RATES) for parameter in part.parameters]
    assert sorted(found) == sorted(map(id, model.parameters()))


def test_rates_and_frozen_parts_are_the_paper_s():
    model = tiny_model()
    planned = parts(model, RATES)
    freeze(planned)
    rates = {id(p): part.rate for part in planned for p in part.parameters}
    for name, parameter in model.named_parameters():
        assert rates[id(parameter)] == expected_rate(name), name
        assert parameter.requires_grad == (expected_rate(name) is not None), name
    trained = optimizer_groups(planned, RATES)
    assert sum(len(group["params"]) for group in trained) == sum(p.requires_grad for p in model.parameters())
    assert {group["weight_decay"] for group in trained} == {0.01}


@pytest.mark.parametrize(("reading", "rate"), [("base", 1.0), ("higher", 2.0)])
def test_eq_4_takes_the_rate_that_is_chosen(reading, rate):
    model = tiny_model()
    (part,) = (part for part in parts(model, Rates(1.0, 2.0, fusion_after_encoding=reading)) if "eq. 4" in part.name)
    assert part.rate == rate
    assert {*map(id, part.parameters)} == {*map(id, model.fusion_after_encoding.parameters())}


def test_without_a_boundary_loss_its_weight_learns_nothing():
    model = tiny_model()
    planned = parts(model, RATES, trains_text_weight=False)
    freeze(planned)
    assert not any(p.requires_grad for p in model.text_weight.parameters())
    assert sum(part.values for part in planned) == sum(p.numel() for p in model.parameters())


def test_table_says_who_learns():
    console = Console(width=120, file=StringIO())
    model = tiny_model()
    console.print(table(parts(model, RATES), RATES))
    lines = console.file.getvalue().splitlines()
    (trunk,) = (line for line in lines if "│ trunk " in line)
    (decoder,) = (line for line in lines if "mask decoder" in line)
    assert "frozen" in trunk and "0.01" not in trunk
    assert "trained" in decoder and " 1 " in decoder and "0.01" in decoder
