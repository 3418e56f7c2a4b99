"""Eqs. 2-4: words into the trunk's image features, and image features back into the words.

Paper (eq. 2-3)                       here
F_i, T_i                              image, text
F'_i = GELU(Linear(F_i))              image_in
T'_i = Linear(T_i)                    text_in
F''_i = MHCA(F'_i, T'_i) + F'_i       image_reads_text
T''_i = MHCA(T'_i, F''_i) + T'_i      text_reads_image (published code: attends to the already fused image)
Linear(F''_i)                         image_out
(1 - a_t) T_i + a_t Linear(T''_i)     text_out
"""

import torch.nn.functional as F
from torch import Tensor, nn

from rs2sam2.config import ModelConfig
from rs2sam2.model.cross_attention import CrossAttention


class BlockAdapter(nn.Module):
    """Linear(GELU(Linear(x))), the branch beside a block's MLP in eq. 3; starts as zero."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.down = nn.Linear(dim, hidden)
        self.up = _zeroed(nn.Linear(hidden, dim))

    def forward(self, image: Tensor) -> Tensor:
        """(..., dim) -> (..., dim)."""
        return self.up(F.gelu(self.down(image)))


class FusionLayer(nn.Module):
    """One block's fusion layer: the change to the image feature, and the text for the next block.

    The image's output layer starts as zero, so that an untrained trunk is SAM 2's. Which parts exist is
    `config.fusion_layer`: "bi" has all; "uni" leaves the text as it is; "linear" reads no text at all.
    """

    def __init__(self, dim: int, config: ModelConfig) -> None:
        super().__init__()
        hidden = dim // config.fusion_reduction
        self.alpha_t = config.alpha_t
        self.reads_text = config.fusion_layer in ("uni", "bi")
        self.writes_text = config.fusion_layer == "bi"
        self.image_in = nn.Linear(dim, hidden)
        self.image_out = _zeroed(nn.Linear(hidden, dim))
        if self.reads_text:
            self.text_in = nn.Linear(config.width, hidden)
            self.image_reads_text = CrossAttention(hidden, config.fusion_heads, few="context")
        if self.writes_text:
            self.text_reads_image = CrossAttention(hidden, config.fusion_heads, few="queries")
            self.text_out = nn.Linear(hidden, config.width)

    def forward(self, image: Tensor, text: Tensor, text_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Fuse both ways.

        Args:
            image: F_i (B, H, W, dim), the block's attention output; (1, H, W, dim) if all sentences ask about one image
                and it has not met them yet.
            text: T_i (B, L, C).
            text_mask: (B, L) bool, True within the sentence.

        Returns:
            Linear(F''_i) (B, H, W, dim) and T_{i+1} (B, L, C).
        """
        f1 = F.gelu(self.image_in(image)).flatten(1, 2)  # (B, HW, hidden)
        if not self.reads_text:
            return self.image_out(f1).unflatten(1, image.shape[1:3]), text
        t1 = self.text_in(text)  # (B, L, hidden)
        f2 = self.image_reads_text(f1, t1, text_mask) + f1
        if self.writes_text:
            t2 = self.text_reads_image(t1, f2) + t1
            text = (1 - self.alpha_t) * text + self.alpha_t * self.text_out(t2)
        return self.image_out(f2).unflatten(1, image.shape[1:3]), text


class FusionAfterEncoding(nn.Module):
    """Eq. 4: F_en = MHCA(F, T) * F, at the neck's stride-16 map."""

    def __init__(self, width: int, num_heads: int = 8) -> None:
        super().__init__()
        self.image_reads_text = CrossAttention(width, num_heads, few="context")

    def forward(self, image: Tensor, positions: Tensor, text: Tensor, text_mask: Tensor) -> Tensor:
        """Weigh every place of the map by what it reads in the text.

        Args:
            image: F (B, C, H, W), or (1, C, H, W) as in a fusion layer.
            positions: (1, C, H, W), SAM 2's dense positional encoding, added to the query.
            text: T (B, L, C), as it came from the union encoder.
            text_mask: (B, L) bool, True within the sentence.
        """
        query = (image + positions).flatten(2).transpose(1, 2)  # (B, HW, C)
        read = self.image_reads_text(query, text, text_mask)
        return image * read.transpose(1, 2).unflatten(-1, image.shape[-2:])


def _zeroed(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
