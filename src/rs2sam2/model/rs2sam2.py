"""Figure 2 of the paper: the union encoder, the text-guided trunk, the prompts and the mask decoder."""

import math
from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rs2sam2.config import ModelConfig
from rs2sam2.model.bidirectional_fusion import FusionAfterEncoding
from rs2sam2.model.early_presence import EarlyPresence
from rs2sam2.model.mask_prompt_generator import mask_prompt_generator
from rs2sam2.model.sam2_mask_decoder import MaskDecoder
from rs2sam2.model.sam2_neck import Neck
from rs2sam2.model.sam2_prompt_encoder import PromptEncoder, dense_prompt_from_pseudo_mask
from rs2sam2.model.text_guided_hiera import TextGuidedHiera
from rs2sam2.model.union_encoder import UnionEncoder


class Reading(NamedTuple):
    """What the union encoder makes of a picture and a sentence, before SAM 2 has looked."""

    text: Tensor
    """T (B, L, C), projected."""
    text_mask: Tensor
    """(B, L) bool, True within the sentence."""
    sparse_prompt: Tensor
    """(B, 1, C)."""
    pseudo_mask_logits: Tensor | None
    """M_p (B, 1, U/p, U/p); None without the generator."""
    early_presence_logits: Tensor | None
    """(B, 1), logit of "there is such an object"; None for models without that head."""

    def of(self, rows: Tensor) -> "Reading":
        """Some rows of the batch, by their numbers (N,)."""
        return Reading(*(None if part is None else part[rows] for part in self))  # type: ignore[arg-type]


class Sight(NamedTuple):
    """What SAM 2's trunk and neck see, guided by the words."""

    image: Tensor
    """F_en (B, C, S/16, S/16)."""
    positions: Tensor
    """(1, C, S/16, S/16), SAM 2's dense positional encoding."""
    high_resolution: tuple[Tensor, Tensor]
    """(B, C/8, S/4, S/4) and (B, C/4, S/8, S/8), as the mask decoder takes them."""


class Prompts(NamedTuple):
    """What somebody adds to the words by hand: N points, and the mask that is to be corrected.

    A box is two points. Several sentences may have different numbers of points: fill up with PADDING
    (`rs2sam2.model.sam2_prompt_encoder`).
    """

    points: Tensor
    """(B, N, 2), pixels of the S x S image, x to the right, y downwards."""
    labels: Tensor
    """(B, N) int64: FOREGROUND, BACKGROUND, BOX_UPPER_LEFT, BOX_LOWER_RIGHT or PADDING."""
    mask_logits: Tensor | None = None
    """z (B, 1, S/4, S/4) of the answer before; it takes the pseudo-mask's place as dense prompt."""


@dataclass(frozen=True)
class RS2SAM2Output:
    """What one forward pass answers, for each image and sentence of the batch.

    Attributes:
        mask_logits: z (B, 1, S/4, S/4); `mask_probability` turns it into a probability.
        pseudo_mask_logits: M_p (B, 1, U/p, U/p), what the union encoder alone found; None without the generator.
        predicted_iou: (B, 1) in 0..1, the decoder's estimate of the mask's IoU.
        object_score_logits: (B, 1), logit of "there is such an object".
        early_presence_logits: (B, 1), the same from the union encoder alone; None for models without that head.
        text_weight: (B, 1), Linear(T_s), the scalar weight of the boundary loss (eq. 7).
    """

    mask_logits: Tensor
    pseudo_mask_logits: Tensor | None
    predicted_iou: Tensor
    object_score_logits: Tensor
    early_presence_logits: Tensor | None
    text_weight: Tensor

    def one(self, index: int) -> "RS2SAM2Output":
        """That of one question alone, on the CPU in float32, with a batch axis of 1."""

        def pick(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor[index : index + 1].float().cpu()

        return RS2SAM2Output(**{field.name: pick(getattr(self, field.name)) for field in fields(self)})  # type: ignore[arg-type]


class RS2SAM2(nn.Module):
    """RS2-SAM 2 (Rong et al.), with SAM 2's memory mechanism left out as in the paper."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        d, c = config.union_encoder.embed_dim, config.width
        self.union_encoder = UnionEncoder(config.union_encoder)
        self.text_projection = nn.Linear(d, c)
        self.token_mlp = nn.Sequential(nn.Linear(d, d), nn.ReLU(), nn.Linear(d, c))
        self.text_weight = nn.Linear(c, 1)
        self.trunk = TextGuidedHiera(config)
        self.neck = Neck(config.hiera.widths, c)
        self.no_memory_embedding = nn.Parameter(torch.zeros(1, 1, c))
        self.fusion_after_encoding = FusionAfterEncoding(c) if config.fusion_after_encoding else None
        self.mask_prompt_generator = mask_prompt_generator(config)
        self.early_presence = EarlyPresence(d) if config.early_presence else None
        self.prompt_encoder = PromptEncoder(c)
        self.mask_decoder = MaskDecoder(c, config.decoder_mlp_dim)

    def forward(
        self,
        image: Tensor,
        union_image: Tensor,
        input_ids: Tensor,
        attention_mask: Tensor,
        prompts: Prompts | None = None,
    ) -> RS2SAM2Output:
        """Find what each sentence means in its image.

        Args:
            image: (B, 3, S, S), normalised by ImageNet's mean and standard deviation; (1, 3, S, S) if all sentences are
                about one picture: what does not depend on the words is then done once.
            union_image: (B, 3, U, U) or (1, 3, U, U), the same picture for the union encoder.
            input_ids: (B, L) int64, from `rs2sam2.tokenizer.Tokenizer`.
            attention_mask: (B, L) bool, True within the sentence.
            prompts: points, boxes and a mask beside the words, or None.
        """
        reading = self.read(union_image, input_ids, attention_mask)
        return self.decode(reading, self.look(image, reading), prompts)

    def read(self, union_image: Tensor, input_ids: Tensor, attention_mask: Tensor) -> Reading:
        """The union encoder's part: cheap, and enough to say where and whether something is meant."""
        cls, visual, union_text = self.union_encoder(union_image, input_ids, attention_mask)  # eq. 1
        pseudo_mask = (
            self.mask_prompt_generator(cls, visual) if self.mask_prompt_generator is not None else None
        )  # eq. 5
        return Reading(
            text=self.text_projection(union_text),
            text_mask=attention_mask,
            sparse_prompt=self.token_mlp(cls),
            pseudo_mask_logits=pseudo_mask,
            early_presence_logits=self.early_presence(cls, pseudo_mask) if self.early_presence is not None else None,
        )

    def look(self, image: Tensor, reading: Reading) -> Sight:
        """SAM 2's trunk and neck, guided by the words: nearly all of the work."""
        stages, _ = self.trunk(image, reading.text, reading.text_mask)  # eqs. 2-3
        stride4, stride8, stride16 = self.neck(stages)
        f = stride16 + self.no_memory_embedding[..., None].transpose(1, 2)  # F (B, C, S/16, S/16)
        positions = self.prompt_encoder.pe_layer.grid(*f.shape[-2:])
        if self.fusion_after_encoding is not None:
            f = self.fusion_after_encoding(f, positions, reading.text, reading.text_mask)  # eq. 4
        thin = self.mask_decoder.conv_s0(stride4), self.mask_decoder.conv_s1(stride8)
        return Sight(f, positions, thin)

    def decode(self, reading: Reading, sight: Sight, prompts: Prompts | None = None) -> RS2SAM2Output:
        """SAM 2's prompts and mask decoder; may be called again, with clicks, on what was read and seen before."""
        mask_logits = None if prompts is None else prompts.mask_logits
        dense_prompt = self.dense_prompt(reading, sight, mask_logits)
        return self.decode_prompts(reading, sight, self.sparse_prompt(reading, sight, prompts), dense_prompt)

    def sparse_prompt(self, reading: Reading, sight: Sight, prompts: Prompts | None) -> Tensor:
        """(B, 1 + N, C): what the words mean, and the points beside them."""
        if prompts is None:
            return reading.sparse_prompt
        points = self.prompt_encoder.points(prompts.points, prompts.labels, 16 * sight.image.shape[-1])  # (B, N, C)
        return torch.cat([reading.sparse_prompt, points.to(reading.sparse_prompt.dtype)], dim=1)

    def dense_prompt(self, reading: Reading, sight: Sight, mask_logits: Tensor | None) -> Tensor:
        """(B, C, S/16, S/16): of the answer that is to be corrected, or else of the pseudo-mask, if there is one."""
        batch, (height, width) = reading.sparse_prompt.shape[0], sight.image.shape[-2:]
        if mask_logits is not None:
            return self.prompt_encoder.mask(mask_probability(mask_logits, self.config))
        if reading.pseudo_mask_logits is not None:
            return self.prompt_encoder.mask(dense_prompt_from_pseudo_mask(reading.pseudo_mask_logits, height, width))
        return self.prompt_encoder.no_mask(batch, height, width)

    def decode_prompts(
        self, reading: Reading, sight: Sight, sparse_prompt: Tensor, dense_prompt: Tensor
    ) -> RS2SAM2Output:
        """SAM 2's mask decoder on prompts that are vectors already, (B, 1 + N, C) and (B, C, S/16, S/16)."""
        mask = self.mask_decoder(sight.image, sight.positions, sight.high_resolution, sparse_prompt, dense_prompt)
        return RS2SAM2Output(
            mask_logits=mask.logits,
            pseudo_mask_logits=reading.pseudo_mask_logits,
            predicted_iou=mask.predicted_iou,
            object_score_logits=mask.object_score_logits,
            early_presence_logits=reading.early_presence_logits,
            text_weight=self.text_weight(reading.text[:, 0]),
        )


def mask_probability(mask_logits: Tensor, config: ModelConfig) -> Tensor:
    """A mask logit z as the probability of foreground.

    "published" (the weights' own reading): softmax over (1 - z, z), which is sigmoid(2z - 1), so that 0.5 lies at
    z = 0.5. "paper": sigmoid(z).
    """
    if config.mask_reading == "published":
        return torch.sigmoid(2 * mask_logits - 1)
    return torch.sigmoid(mask_logits)


def mask_logit(probability: float, config: ModelConfig) -> float:
    """The inverse of `mask_probability`, of a probability between 0 and 1."""
    log_odds = math.log(probability / (1 - probability))
    return (log_odds + 1) / 2 if config.mask_reading == "published" else log_odds
