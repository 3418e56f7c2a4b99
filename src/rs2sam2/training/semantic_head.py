"""Dense supervision of the image features by class, for training without pre-trained weights."""

import torch.nn.functional as F
from torch import Tensor, nn

from rs2sam2.data.groups import UNKNOWN
from rs2sam2.data.synthetic import CATEGORIES
from rs2sam2.model.rs2sam2 import RS2SAM2
from rs2sam2.model.union_encoder import UnionFeatures

BACKGROUND_WEIGHT = 0.3


class SemanticHead(nn.Module):
    """Which class does each place show? Asked of the neck's stride-4 map and of the union encoder's visual tokens.

    A sentence tells of one thing; the class map tells of all of them, so features of things are learnt from fewer
    pictures. The head listens to the model's forward pass and is left behind when weights are exported.
    """

    def __init__(self, model: RS2SAM2) -> None:
        super().__init__()
        classes = 1 + len(CATEGORIES)
        self.of_map = nn.Conv2d(model.config.width, classes, kernel_size=1)
        self.of_tokens = nn.Linear(model.config.union_encoder.embed_dim, classes)
        self._grid = model.config.union_encoder.grid
        self._seen: dict[str, Tensor] = {}
        model.neck.register_forward_hook(self._see_map)
        model.union_encoder.register_forward_hook(self._see_tokens)

    def forward(self, classes: Tensor) -> Tensor:
        """Cross-entropy against the class map (B, S, S) of what the last forward pass saw; `UNKNOWN` is left out.

        Both are asked, or the tokens alone where only the union encoder has read.
        """
        tokens, image_map = self._seen.pop("tokens"), self._seen.pop("map", None)
        of_tokens = self.of_tokens(tokens).float().transpose(1, 2).unflatten(-1, (self._grid, self._grid))
        loss = self._loss(of_tokens, classes)
        return loss if image_map is None else loss + self._loss(self.of_map(image_map).float(), classes)

    def _loss(self, logits: Tensor, classes: Tensor) -> Tensor:
        size = logits.shape[-2:]
        target = F.interpolate(classes[:, None].float(), size=size, mode="nearest-exact")[:, 0].long()
        weight = logits.new_ones(logits.shape[1])
        weight[0] = BACKGROUND_WEIGHT
        known = target != UNKNOWN
        losses = F.cross_entropy(logits, target.masked_fill(~known, 0), weight=weight, reduction="none")
        return (losses * known).sum() / known.sum().clamp(min=1)

    def _see_map(self, module: nn.Module, inputs: object, output: tuple[Tensor, Tensor, Tensor]) -> None:
        self._seen["map"] = output[0]

    def _see_tokens(self, module: nn.Module, inputs: object, output: UnionFeatures) -> None:
        self._seen["tokens"] = output.visual
