"""The paper's training step against one written by hand, and its measurements."""

import lightning.pytorch as pl
import pytest
import torch
from tests.training.referring_fake import write_weights
from tests.training.test_parameter_groups import expected_rate
from torch import nn
from torch.utils.data import DataLoader

from rs2sam2.checkpoints import native
from rs2sam2.data.prepared import ReferringBatch
from rs2sam2.errors import Rs2Sam2Error
from rs2sam2.losses import LossWeights, loss_terms
from rs2sam2.training.parameter_groups import Rates
from rs2sam2.training.referring_module import ReferringModule

RATES = Rates(base=1e-3, higher=2e-3, weight_decay=0.1)
LOSS = LossWeights()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_weights(tmp_path_factory.mktemp("weights") / "init")


def batch_of(*indices, side=64, counted=None):
    """Samples that depend on their index alone; sentences of different lengths."""
    draws = [torch.Generator().manual_seed(index) for index in indices]
    ids, mask = torch.full((len(indices), 9), 3), torch.zeros(len(indices), 9, dtype=torch.bool)
    target = torch.zeros(len(indices), side, side, dtype=torch.uint8)
    for row, index in enumerate(indices):
        ids[row, : 5 + index], mask[row, : 5 + index] = torch.randint(4, 1000, (5 + index,), generator=draws[row]), True
        target[row, 8 : 20 + 8 * index, 10:40] = 1
    longest = int(mask.sum(1).max())
    return ReferringBatch(
        torch.stack([torch.randn(3, 64, 64, generator=draw) for draw in draws]),
        torch.stack([torch.randn(3, 32, 32, generator=draw) for draw in draws]),
        ids[:, :longest],
        mask[:, :longest],
        target,
        torch.tensor([True] * len(indices) if counted is None else counted),
        [f"sample-{index}" for index in indices],
        ["a sentence"] * len(indices),
    )


def fit(folder, batches, schedule="published", **options):
    module = ReferringModule(str(folder), RATES, LOSS, schedule=schedule)
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = pl.Trainer(accelerator="cpu", devices=1, precision="64-true", max_epochs=1, **quiet, **options)
    trainer.fit(module, DataLoader(batches, batch_size=None))
    return module


@pytest.mark.filterwarnings("ignore")
def test_one_step_equals_one_written_by_hand(folder):
    batch = batch_of(0, 1)
    # One epoch is among the last ten: the paper's rate is a tenth.
    found = dict(fit(folder, [batch], schedule="paper").model.named_parameters())
    model = native.load(folder).model.double()
    start = {name: nn.Parameter(p.clone(), expected_rate(name) is not None) for name, p in model.named_parameters()}
    out = torch.func.functional_call(
        model, start, (batch.image.double(), batch.union_image.double(), batch.input_ids, batch.attention_mask)
    )
    z = nn.functional.interpolate(out.mask_logits, size=(64, 64), mode="bilinear")
    each = [loss_terms(z[i : i + 1], batch.mask[i : i + 1].double(), out.text_weight[i, 0], LOSS).total for i in (0, 1)]
    (sum(each) / 2).backward()
    moved = 0
    for name, parameter in start.items():
        gradient, kind = parameter.grad, expected_rate(name)
        if kind is None:
            assert torch.equal(found[name], parameter), name
            continue
        assert gradient is not None, name
        rate = 0.1 * {1.0: RATES.base, 2.0: RATES.higher}[kind]
        expected = parameter * (1 - rate * 0.1) - rate * gradient / (gradient.abs() + 1e-8)  # AdamW's first step
        torch.testing.assert_close(found[name], expected, rtol=0, atol=1e-10, msg=name)
        moved += int((found[name] != parameter).sum())
    assert moved > 10_000


@pytest.mark.filterwarnings("ignore")
def test_accumulation_of_two_equals_a_batch_of_two(folder):
    together = fit(folder, [batch_of(0, 1)])
    after_each_other = fit(folder, [batch_of(0), batch_of(1)], accumulate_grad_batches=2)
    # Gradients, and not what AdamW makes of them, which divides those that are nothing but rounding by themselves.
    pairs = zip(together.model.named_parameters(), after_each_other.model.parameters(), strict=True)
    compared = [(name, one.grad, other.grad) for (name, one), other in pairs if one.requires_grad]
    assert len(compared) > 100
    for name, one, other in compared:
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-8, msg=name)


def test_training_leaves_the_weights_file_as_it_was(folder):
    module = ReferringModule(str(folder), RATES, LOSS)
    before = {name: tensor.clone() for name, tensor in native.load(folder).model.state_dict().items()}
    with torch.no_grad():
        for parameter in module.model.parameters():
            parameter.add_(1)
    for name, tensor in native.load(folder).model.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_recomputed_activations_change_nothing(folder):
    gradients = []
    for recompute in (False, True):
        module = ReferringModule(str(folder), RATES, LOSS, checkpoint_activations=recompute)
        module.log = module.log_dict = lambda *args, **kwargs: None
        module.training_step(batch_of(0, 1), 0).backward()
        gradients.append({name: p.grad for name, p in module.named_parameters()})
        assert {*module.state_dict()} == {f"model.{name}" for name in native.load(folder).model.state_dict()}
    for name, gradient in gradients[0].items():
        assert (gradient is None) == (gradients[1][name] is None), name
        if gradient is not None:
            assert torch.equal(gradient, gradients[1][name]), name


def test_a_loss_that_is_no_number_names_the_samples(folder):
    module = ReferringModule(str(folder), RATES, LOSS)
    nn.init.constant_(module.model.text_projection.bias, float("nan"))
    with pytest.raises(Rs2Sam2Error, match=r"loss is nan at step 0.*sample-0: a sentence"):
        module.training_step(batch_of(0), 0)


@torch.no_grad()
def test_validation_takes_the_published_conventions_at_1024(folder):
    module = ReferringModule(str(folder), RATES, LOSS)
    logged = {}
    module.log = lambda name, value, **_: logged.update({name: float(value)})
    # By hand: the left half is found in each picture, and the bottom half, the left half and nothing are meant.
    logits = torch.full((4, 1, 16, 16), -4.5)  # as far below 0.5, where the mask begins, as 5.5 is above
    logits[:3, ..., :8] = 5.5
    module.model.forward = lambda *inputs: _Answer(logits)
    target = torch.zeros(4, 1024, 1024, dtype=torch.uint8)
    target[0, 512:], target[1, :, :512], target[3] = 1, 1, 0
    found = int((nn.functional.interpolate(logits[:1], size=(1024, 1024), mode="bilinear") > 0.5).sum())
    assert found == 512 * 1024
    batch = batch_of(0, 1, 2, 3, counted=[True, True, False, True])._replace(mask=target)
    module.validation_step(batch, 0)
    module.on_validation_epoch_end()
    assert logged["val/mean_iou"] == pytest.approx((1 / 3 + 1 + 0) / 3)  # an empty union is 0
    assert logged["val/overall_iou"] == pytest.approx((0.25 + 0.5) / (0.75 + 0.5))
    assert logged["val/precision_at_0.5"] == pytest.approx(1 / 3)
    assert logged["val/precision_at_0.9"] == pytest.approx(1 / 3)
    module.validation_step(batch._replace(counted=torch.tensor([False, True, False, False])), 0)
    module.on_validation_epoch_end()
    assert logged["val/mean_iou"] == 1, "every validation begins anew"


class _Answer:
    def __init__(self, mask_logits):
        self.mask_logits = mask_logits
