"""P(present) from each of its sources."""

from math import inf

import pytest
import torch

from rs2sam2.errors import ConfigError
from rs2sam2.inference.presence import p_present, sources
from rs2sam2.model.rs2sam2 import RS2SAM2Output


def _output(score: float, early: float | None) -> RS2SAM2Output:
    empty = torch.zeros(1, 1)
    head = None if early is None else torch.tensor([[early]])
    return RS2SAM2Output(empty[None], None, empty, torch.tensor([[score]]), head, empty)


def test_each_source_says_its_own():
    found = sources(_output(2.0, -1.0), 0.7)
    sigmoid = {name: torch.tensor(logit).sigmoid().item() for name, logit in (("object_score", 2.0), ("early", -1.0))}
    assert found == pytest.approx({**sigmoid, "both": torch.tensor(0.5).sigmoid().item(), "mask": 0.7})
    assert all(p_present(_output(2.0, -1.0), source, 0.7) == p for source, p in found.items())


def test_logits_of_any_size_are_probabilities():
    assert sources(_output(-1e4, 1e4), 0.0) == {"object_score": 0.0, "early": 1.0, "both": 0.5, "mask": 0.0}
    assert p_present(_output(-inf, None), "object_score", 0.0) == 0.0


def test_a_head_that_is_not_there_is_named():
    assert set(sources(_output(0.0, None), 0.0)) == {"object_score", "mask"}
    with pytest.raises(ConfigError, match=r"'early'.*no early presence head: use object_score, mask"):
        p_present(_output(0.0, None), "early", 0.5)
