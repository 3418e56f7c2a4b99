"""The three graphs that an exported model is made of, which are the three steps of `RS2SAM2.forward`.

`read` is the union encoder's part, `look` SAM 2's trunk and neck, `decode` its prompts and mask decoder. Three, because
clicks, finer answers and tiles that are dropped early run some of them alone. As in SAM's own exported decoder,
`decode` takes any number of points, none among them, and a mask that counts where `has_mask` says so.

Shapes: B, the number L of text tokens and the number N of points are open in every graph.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from rs2sam2.config import ModelConfig
from rs2sam2.model.rs2sam2 import RS2SAM2, Prompts, Reading, Sight

if TYPE_CHECKING:
    from torch.export import ExportedProgram

READ, LOOK, DECODE = "read", "look", "decode"

INPUTS: Mapping[str, tuple[str, ...]] = {
    READ: ("union_image", "input_ids", "attention_mask"),
    LOOK: ("image", "text", "attention_mask"),
    DECODE: (
        "text",
        "sparse_prompt",
        "image_embedding",
        "positions",
        "stride4",
        "stride8",
        "points",
        "labels",
        "mask_prompt",
        "has_mask",
        "pseudo_mask_logits",
    ),
}
"""In the order in which each graph takes them; the last only of models with a mask prompt generator."""

LARGEST_BATCH, MOST_POINTS = 1024, 1024
"""Bounds that an exported program keeps; ONNX graphs have none."""


@dataclass(frozen=True)
class Graph:
    """One graph to be written.

    Attributes:
        name: `READ`, `LOOK` or `DECODE`.
        module: what is traced.
        arguments: zeros that look like its inputs, in order.
        inputs: names.
        outputs: names.
    """

    name: str
    module: nn.Module
    arguments: tuple[Tensor, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def program(self, config: ModelConfig) -> "ExportedProgram":
        """Traced, with open sizes."""
        from torch.export import Dim, export  # imports a second's worth of torch, which running a graph does not need

        open_axes = {
            "B": Dim("batch", min=1, max=LARGEST_BATCH),
            "L": Dim("tokens", min=1, max=config.union_encoder.max_text_tokens),
            "N": Dim("points", min=0, max=MOST_POINTS),
        }
        every = shapes(config)
        dynamic = tuple(
            {axis: open_axes[size] for axis, size in enumerate(every[name]) if isinstance(size, str)}
            for name in self.inputs
        )
        return export(self.module, self.arguments, dynamic_shapes=dynamic)


def graphs(model: RS2SAM2) -> tuple[Graph, ...]:
    """The graphs of a model that is on the CPU in float32."""
    config = model.config
    sizes, every = {"B": 3, "L": min(7, config.union_encoder.max_text_tokens - 1), "N": 2}, shapes(config)
    return tuple(
        Graph(
            name,
            part(model).eval(),
            tuple(torch.zeros(filled(every[given], sizes), dtype=dtype(given)) for given in inputs(config, name)),
            inputs(config, name),
            outputs(config, name),
        )
        for name, part in ((READ, _Read), (LOOK, _Look), (DECODE, _Decode))
    )


def inputs(config: ModelConfig, graph: str) -> tuple[str, ...]:
    """Names of what a graph takes, in order."""
    return INPUTS[graph] if config.mask_prompt != "none" else INPUTS[graph][: 10 if graph == DECODE else None]


def outputs(config: ModelConfig, graph: str) -> tuple[str, ...]:
    """Names of what a graph gives, in order; all are float32."""
    if graph == READ:
        pseudo = ("pseudo_mask_logits",) if config.mask_prompt != "none" else ()
        return ("text", "sparse_prompt", *pseudo, *(("early_presence_logits",) if config.early_presence else ()))
    if graph == LOOK:
        return ("image_embedding", "positions", "stride4", "stride8")
    return ("mask_logits", "predicted_iou", "object_score_logits", "text_weight")


def shapes(config: ModelConfig) -> dict[str, tuple[int | str, ...]]:
    """The shape of everything that a graph takes or gives; "B", "L" and "N" are open."""
    c, side, union = config.width, config.image_size, config.union_encoder
    at4, at8, at16 = side // 4, side // 8, side // 16
    return {
        "union_image": ("B", 3, union.image_size, union.image_size),
        "input_ids": ("B", "L"),
        "attention_mask": ("B", "L"),
        "text": ("B", "L", c),
        "sparse_prompt": ("B", 1, c),
        "pseudo_mask_logits": ("B", 1, union.grid, union.grid),
        "early_presence_logits": ("B", 1),
        "image": ("B", 3, side, side),
        "image_embedding": ("B", c, at16, at16),
        "positions": (1, c, at16, at16),
        "stride4": ("B", c // 8, at4, at4),
        "stride8": ("B", c // 4, at8, at8),
        "points": ("B", "N", 2),
        "labels": ("B", "N"),
        "mask_prompt": ("B", 1, at4, at4),
        "has_mask": ("B",),
        "mask_logits": ("B", 1, at4, at4),
        "predicted_iou": ("B", 1),
        "object_score_logits": ("B", 1),
        "text_weight": ("B", 1),
    }


def dtype(name: str) -> torch.dtype:
    """The type of something that a graph takes; all that it gives is float32."""
    kinds = {"input_ids": torch.int64, "labels": torch.int64, "attention_mask": torch.bool, "has_mask": torch.bool}
    return kinds.get(name, torch.float32)


def filled(shape: Sequence[int | str], sizes: Mapping[str, int]) -> tuple[int, ...]:
    """A shape with numbers for its open axes."""
    return tuple(sizes[size] if isinstance(size, str) else size for size in shape)


def _there(tensors: list[Tensor | None]) -> tuple[Tensor, ...]:
    return tuple(tensor for tensor in tensors if tensor is not None)


class _Part(RS2SAM2):
    """Those parts of a model that one graph needs, so that no file holds weights of another."""

    uses: tuple[str, ...]

    def __init__(self, model: RS2SAM2) -> None:
        nn.Module.__init__(self)
        self.config = model.config
        for name in self.uses:
            setattr(self, name, getattr(model, name))


class _Read(_Part):
    uses = ("union_encoder", "text_projection", "token_mlp", "mask_prompt_generator", "early_presence")

    def forward(self, union_image: Tensor, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        reading = self.read(union_image, input_ids, attention_mask)
        return _there([reading.text, reading.sparse_prompt, reading.pseudo_mask_logits, reading.early_presence_logits])


class _Look(_Part):
    uses = ("trunk", "neck", "no_memory_embedding", "prompt_encoder", "fusion_after_encoding")

    def __init__(self, model: RS2SAM2) -> None:
        super().__init__(model)
        convolutions = {name: getattr(model.mask_decoder, name) for name in ("conv_s0", "conv_s1")}
        self.mask_decoder = nn.ModuleDict(convolutions)  # type: ignore[assignment]

    def forward(self, image: Tensor, text: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        # Of what was read, the trunk takes the text alone.
        sight = self.look(image, Reading(text, attention_mask, text, None, None))
        return sight.image, sight.positions, *sight.high_resolution


class _Decode(_Part):
    uses = ("prompt_encoder", "mask_decoder", "text_weight")

    def forward(  # type: ignore[override]
        self,
        text: Tensor,
        sparse_prompt: Tensor,
        image_embedding: Tensor,
        positions: Tensor,
        stride4: Tensor,
        stride8: Tensor,
        points: Tensor,
        labels: Tensor,
        mask_prompt: Tensor,
        has_mask: Tensor,
        pseudo_mask_logits: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        reading = Reading(text, torch.ones_like(text[..., 0]).bool(), sparse_prompt, pseudo_mask_logits, None)
        sight = Sight(image_embedding, positions, (stride4, stride8))
        sparse = self.sparse_prompt(reading, sight, Prompts(points, labels))
        given, own = (self.dense_prompt(reading, sight, mask) for mask in (mask_prompt, None))
        output = self.decode_prompts(reading, sight, sparse, torch.where(has_mask[:, None, None, None], given, own))
        return output.mask_logits, output.predicted_iou, output.object_score_logits, output.text_weight
