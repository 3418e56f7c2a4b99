"""torch.compile sees the whole model as one graph."""

import pytest
import torch

from tiny import relative_error, tiny_inputs, tiny_model


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_no_graph_breaks(dtype: torch.dtype) -> None:
    model = tiny_model().to(dtype)
    image, union_image, ids, mask = tiny_inputs(model.config, 2, 9)
    inputs = image.to(dtype), union_image.to(dtype), ids, mask
    with torch.inference_mode():
        # The backend that only traces: what is tried is the graph, not somebody's code for it.
        found = torch.compile(model, fullgraph=True, backend="eager")(*inputs)
        expected = model(*inputs)
    assert relative_error(found.mask_logits.float(), expected.mask_logits.float()) < 1e-6
