"""Figure 2 of the paper: the union encoder, the text-guided trunk, the prompts and the mask decoder."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rs2sam2.config import ModelConfig
from rs2sam2.model.bidirectional_fusion import FusionAfterEncoding
from rs2sam2.model.mask_prompt_generator import mask_prompt_generator
from rs2sam2.model.sam2_mask_decoder import MaskDecoder
from rs2sam2.model.sam2_neck import Neck
from rs2sam2.model.sam2_prompt_encoder import PromptEncoder, dense_prompt_from_pseudo_mask
from rs2sam2.model.text_guided_hiera import TextGuidedHiera
from rs2sam2.model.union_encoder import UnionEncoder


@dataclass(frozen=True)
class RS2SAM2Output:
    """What one forward pass answers, for each image and sentence of the batch.

    Attributes:
        mask_logits: z (B, 1, S/4, S/4); `mask_probability` turns it into a probability.
        pseudo_mask_logits: M_p (B, 1, U/p, U/p), what the union encoder alone found; None without the generator.
        predicted_iou: (B, 1) in 0..1, the decoder's estimate of the mask's IoU.
        object_score_logits: (B, 1), logit of "there is such an object".
        text_weight: (B, 1), Linear(T_s), the scalar weight of the boundary loss (eq. 7).
    """

    mask_logits: Tensor
    pseudo_mask_logits: Tensor | None
    predicted_iou: Tensor
    object_score_logits: Tensor
    text_weight: Tensor


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
        self.prompt_encoder = PromptEncoder(c)
        self.mask_decoder = MaskDecoder(c, config.decoder_mlp_dim)

    def forward(self, image: Tensor, union_image: Tensor, input_ids: Tensor, attention_mask: Tensor) -> RS2SAM2Output:
        """Find what each sentence means in its image.

        Args:
            image: (B, 3, S, S), normalised by ImageNet's mean and standard deviation.
            union_image: (B, 3, U, U), the same picture for the union encoder.
            input_ids: (B, L) int64, from `rs2sam2.tokenizer.Tokenizer`.
            attention_mask: (B, L) bool, True within the sentence.
        """
        cls, visual, union_text = self.union_encoder(union_image, input_ids, attention_mask)  # eq. 1
        text = self.text_projection(union_text)  # T (B, L, C)

        stages, _ = self.trunk(image, text, attention_mask)  # eqs. 2-3
        stride4, stride8, stride16 = self.neck(stages)
        f = stride16 + self.no_memory_embedding[..., None].transpose(1, 2)  # F (B, C, S/16, S/16)
        height, width = f.shape[-2:]
        positions = self.prompt_encoder.pe_layer.grid(height, width)
        if self.fusion_after_encoding is not None:
            f = self.fusion_after_encoding(f, positions, text, attention_mask)  # eq. 4

        if self.mask_prompt_generator is None:
            pseudo_mask = None
            dense_prompt = self.prompt_encoder.no_mask(len(image), height, width)
        else:
            pseudo_mask = self.mask_prompt_generator(cls, visual)  # eq. 5
            dense_prompt = self.prompt_encoder.mask(dense_prompt_from_pseudo_mask(pseudo_mask, height, width))
        sparse_prompt = self.token_mlp(cls)  # (B, 1, C)

        mask = self.mask_decoder(f, positions, (stride4, stride8), sparse_prompt, dense_prompt)
        return RS2SAM2Output(
            mask_logits=mask.logits,
            pseudo_mask_logits=pseudo_mask,
            predicted_iou=mask.predicted_iou,
            object_score_logits=mask.object_score_logits,
            text_weight=self.text_weight(text[:, 0]),
        )


def mask_probability(mask_logits: Tensor, config: ModelConfig) -> Tensor:
    """A mask logit z as the probability of foreground.

    "published" (the weights' own reading): softmax over (1 - z, z), which is sigmoid(2z - 1), so that 0.5 lies at
    z = 0.5. "paper": sigmoid(z).
    """
    if config.mask_reading == "published":
        return torch.sigmoid(2 * mask_logits - 1)
    return torch.sigmoid(mask_logits)
