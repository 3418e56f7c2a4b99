"""What every training step has in common: sentences in, eq. 6 out, and what of the model a sentence cannot reach."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rs2sam2.errors import Rs2Sam2Error
from rs2sam2.losses import LossTerms, LossWeights, training_loss
from rs2sam2.model.bidirectional_fusion import FusionLayer
from rs2sam2.model.rs2sam2 import RS2SAM2, RS2SAM2Output


class Batch(Protocol):
    """What a step needs: pictures at S and U, words, and masks (B, S, S) of 0 and 1."""

    @property
    def image(self) -> Tensor: ...  # noqa: D102
    @property
    def union_image(self) -> Tensor: ...  # noqa: D102
    @property
    def input_ids(self) -> Tensor: ...  # noqa: D102
    @property
    def attention_mask(self) -> Tensor: ...  # noqa: D102
    @property
    def mask(self) -> Tensor: ...  # noqa: D102


class Step(NamedTuple):
    """What the model said, and how far it is from what is meant."""

    out: RS2SAM2Output
    z: Tensor
    """(B, 1, S, S): mask logits at the size of the target, float32 or better."""
    target: Tensor
    """(B, S, S) of 0 and 1."""
    terms: LossTerms


def run_step(model: RS2SAM2, batch: Batch, weights: LossWeights) -> Step:
    """One forward pass and eq. 6."""
    return judged(model(batch.image, batch.union_image, batch.input_ids, batch.attention_mask), batch, weights)


def judged(out: RS2SAM2Output, batch: Batch, weights: LossWeights) -> Step:
    """An answer's mask, up-sampled to the target, and eq. 6."""
    target = batch.mask.to(batch.image.dtype)
    z = F.interpolate(at_least_float32(out.mask_logits), size=target.shape[-2:], mode="bilinear")
    terms = training_loss(z, target, at_least_float32(out.text_weight)[..., None, None], weights)
    return Step(out, z, target, terms)


def at_least_float32(tensor: Tensor) -> Tensor:
    """Half precision is too coarse for a loss; double precision stays."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def require_finite(loss: Tensor, step: int, what: Sequence[str]) -> None:
    """Stop before a loss that is no number spoils the weights.

    Raises:
        Rs2Sam2Error: if it is none; names the batch.
    """
    if not torch.isfinite(loss):
        raise Rs2Sam2Error(f"the loss is {loss.item()} at step {step}; sentences: {list(what)}")


def out_of_reach(model: RS2SAM2, *, clicks: bool = False) -> list[nn.Module]:
    """What nothing takes part in: alternative masks, text that nobody reads; without `clicks` points and boxes, too."""
    prompts, decoder = model.prompt_encoder, model.mask_decoder
    unreached: list[nn.Module] = [*decoder.output_hypernetworks_mlps[1:]]
    if not clicks:
        unreached += [prompts.point_embeddings, prompts.not_a_point_embed]
    if model.mask_prompt_generator:
        unreached.append(prompts.no_mask_embed)
    elif not clicks:
        unreached.append(prompts.mask_downscaling)
    fusion = model.trunk.blocks[-1].fusion
    if isinstance(fusion, FusionLayer) and fusion.writes_text:  # nobody reads the text that leaves the last block
        unreached += [fusion.text_out, fusion.text_reads_image]
    return unreached
