"""What a model has read and seen for one image and expression, and its decoder run again with every click.

Clicks go in one at a time, as they are made, each with all before it and with the mask that it corrects as dense prompt
(SAM, Kirillov et al. 2023); a box is there from the beginning, as two points before the clicks. Shapes: S side of the
model's image grid, N points.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from rs2sam2.export.running import AnyModel
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.user_prompts import UserPrompts, on_grid
from rs2sam2.model.rs2sam2 import Prompts, Reading, RS2SAM2Output, Sight
from rs2sam2.model.sam2_prompt_encoder import BACKGROUND, BOX_LOWER_RIGHT, BOX_UPPER_LEFT, FOREGROUND


@dataclass(eq=False)
class Seen:
    """For clicks that come one after the other: each costs the mask decoder alone. For one thread at a time.

    Attributes:
        image: that was asked about.
        expression: that was asked.
        reading: of the expression and the image.
        sight: of the image, guided by the expression.
    """

    image: RasterImage
    expression: str
    reading: Reading
    sight: Sight
    _decoded: dict[UserPrompts | None, RS2SAM2Output] = field(default_factory=dict, repr=False)

    @property
    def nbytes(self) -> int:
        """Of what is kept, without the image: for a cache to count. Most of it grows with S², none with clicks."""
        tensors = [*self.reading, self.sight.image, self.sight.positions, *self.sight.high_resolution]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors if tensor is not None)


def replay(model: AnyModel, seen: Seen, prompts: UserPrompts | None) -> RS2SAM2Output:
    """The answer after the last click, as if the clicks had been made one by one.

    What was decoded on the way is kept in `seen` until another way is taken.

    Args:
        model: that read and looked.
        seen: what it did.
        prompts: lie inside the image; None for the words alone.
    """
    way: dict[UserPrompts | None, RS2SAM2Output] = {}
    output: RS2SAM2Output | None = None
    for clicks in range(1 + (len(prompts.points) if prompts is not None else 0)):
        so_far = prompts.clicks(clicks) if prompts is not None and (clicks or prompts.box) else None
        if so_far in seen._decoded:
            output = seen._decoded[so_far]
        else:
            before = None if output is None else output.mask_logits
            added = None if so_far is None else _on_model_grid(model, seen, so_far, before)
            output = model.decode(seen.reading, seen.sight, added)
        way[so_far] = output
    assert output is not None
    seen._decoded = way
    return output


def _on_model_grid(model: AnyModel, seen: Seen, prompts: UserPrompts, mask_logits: Tensor | None) -> Prompts:
    side, image = model.config.image_size, seen.image
    corners = [] if prompts.box is None else [prompts.box[:2], prompts.box[2:]]
    # The prompt encoder counts from the centres of pixels.
    xy = on_grid([*corners, *prompts.points], (image.width, image.height), (side, side)) - 0.5
    labels = [BOX_UPPER_LEFT, BOX_LOWER_RIGHT] if corners else []
    labels += [FOREGROUND if label else BACKGROUND for label in prompts.labels]
    device = seen.sight.image.device
    return Prompts(
        torch.tensor(xy, dtype=torch.float32, device=device)[None], torch.tensor([labels], device=device), mask_logits
    )
