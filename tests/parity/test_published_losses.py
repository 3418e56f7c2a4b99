"""Each term, the total and the gradients of the published training loss."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from rs2sam2.losses import LossWeights, loss_terms
from tiny import relative_error

STORED = load_file(Path(__file__).parent / "golden" / "published_losses.safetensors")
CASES = sorted({name.split(".")[0] for name in STORED})
PUBLISHED = LossWeights(cross_entropy=0.9, dice=0.1, boundary=0.2, boundary_reading="published")
TOLERANCE = 1e-5


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> dict[str, Tensor]:
    start = f"{request.param}."
    return {name.removeprefix(start): tensor for name, tensor in STORED.items() if name.startswith(start)}


def test_terms_total_and_gradients_agree(case: dict[str, Tensor]) -> None:
    z, text_weight = case["mask_logits"].requires_grad_(), case["text_weight"].requires_grad_()
    terms = loss_terms(z, case["target"], text_weight, PUBLISHED)
    terms.total.backward()
    found = {
        "cross_entropy": terms.cross_entropy,
        "dice_sum": terms.dice,
        "boundary_hard": terms.boundary,
        "total": terms.total,
        "grad_mask_logits": z.grad,
        "grad_text_weight": text_weight.grad,
    }
    assert found.keys() == case.keys() - {"mask_logits", "target", "text_weight"}
    with torch.no_grad():
        errors = {name: relative_error(tensor, case[name]) for name, tensor in found.items() if tensor is not None}
    assert len(errors) == len(found)
    assert {name: error for name, error in errors.items() if not error <= TOLERANCE} == {}


def test_there_are_three_cases() -> None:
    assert len(CASES) == 3
