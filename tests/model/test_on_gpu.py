"""On a GPU the model says what it says on a CPU."""

import pytest
import torch

from tiny import relative_error, tiny_inputs, tiny_model


@pytest.mark.gpu
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.bfloat16, 5e-2)], ids=str)
def test_the_same_masks(dtype: torch.dtype, tolerance: float) -> None:
    model = tiny_model()
    image, union_image, ids, mask = tiny_inputs(model.config, 2, 9)
    with torch.inference_mode():
        expected = model(image, union_image, ids, mask).mask_logits
        inputs = (tensor.cuda() for tensor in (image.to(dtype), union_image.to(dtype), ids, mask))
        found = model.to("cuda", dtype)(*inputs).mask_logits
    assert relative_error(found.float().cpu(), expected) < tolerance
