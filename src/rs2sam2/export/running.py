"""A model of opened graphs: `read`, `look` and `decode` as `RS2SAM2` has them, computed by another runtime."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from rs2sam2.checkpoints.exported import ExportedFolder
from rs2sam2.checkpoints.native import Bundle
from rs2sam2.config import ModelConfig
from rs2sam2.errors import ConfigError, WeightsError
from rs2sam2.export import graphs, onnx, openvino
from rs2sam2.export.graphs import DECODE, LOOK, READ
from rs2sam2.export.sessions import Session
from rs2sam2.model.rs2sam2 import RS2SAM2, Prompts, Reading, RS2SAM2Output, Sight

Runtime = Literal["torch", "onnx", "openvino"]

_OPENERS: Mapping[tuple[str, Runtime], tuple[Callable[[Path, str], Session], str]] = {
    ("onnx", "onnx"): (onnx.open_session, onnx.SUFFIX),
    ("onnx", "openvino"): (openvino.open_session, onnx.SUFFIX),
    ("openvino", "openvino"): (openvino.open_session, openvino.SUFFIX),
}
"""By a folder's format and the runtime that is to run it; each format's own runtime first."""


class ExportedModel:
    """Stands where an `RS2SAM2` stands that answers; on the CPU, takes and gives float32."""

    def __init__(self, config: ModelConfig, sessions: Mapping[str, Session]) -> None:
        """Take the graphs of a model of this configuration, by name.

        Raises:
            WeightsError: if a graph takes or gives something else.
        """
        self.config = config
        self._sessions = sessions
        for name in (READ, LOOK, DECODE):
            sessions[name].check(graphs.inputs(config, name), graphs.outputs(config, name))

    def __call__(
        self,
        image: Tensor,
        union_image: Tensor,
        input_ids: Tensor,
        attention_mask: Tensor,
        prompts: Prompts | None = None,
    ) -> RS2SAM2Output:
        """As `RS2SAM2.forward`."""
        reading = self.read(union_image, input_ids, attention_mask)
        return self.decode(reading, self.look(image, reading), prompts)

    def read(self, union_image: Tensor, input_ids: Tensor, attention_mask: Tensor) -> Reading:
        """As `RS2SAM2.read`."""
        union_images = union_image.expand(len(input_ids), -1, -1, -1)
        found = self._run(READ, (union_images, input_ids, attention_mask))
        text, sparse = found["text"], found["sparse_prompt"]
        return Reading(
            text, attention_mask, sparse, found.get("pseudo_mask_logits"), found.get("early_presence_logits")
        )

    def look(self, image: Tensor, reading: Reading) -> Sight:
        """As `RS2SAM2.look`."""
        images = image.expand(len(reading.text), -1, -1, -1)
        found = self._run(LOOK, (images, reading.text, reading.text_mask))
        return Sight(found["image_embedding"], found["positions"], (found["stride4"], found["stride8"]))

    def decode(self, reading: Reading, sight: Sight, prompts: Prompts | None = None) -> RS2SAM2Output:
        """As `RS2SAM2.decode`."""
        batch, grid = len(sight.image), self.config.image_size // 4
        points, labels = torch.zeros(batch, 0, 2), torch.zeros(batch, 0, dtype=torch.int64)
        mask = None
        if prompts is not None:
            points, labels, mask = prompts
        given = torch.zeros(batch, 1, grid, grid) if mask is None else mask
        has_mask = torch.full((batch,), mask is not None)
        pseudo = () if reading.pseudo_mask_logits is None else (reading.pseudo_mask_logits,)
        seen = (reading.text, reading.sparse_prompt, sight.image, sight.positions, *sight.high_resolution)
        found = self._run(DECODE, (*seen, points, labels, given, has_mask, *pseudo))
        return RS2SAM2Output(
            pseudo_mask_logits=reading.pseudo_mask_logits,
            early_presence_logits=reading.early_presence_logits,
            **found,
        )

    def _run(self, graph: str, given: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """A graph's outputs by name.

        Raises:
            WeightsError: if one has not the shape that the model says: the graph is somebody else's.
        """
        session, names = self._sessions[graph], graphs.inputs(self.config, graph)
        arrays = {name: tensor.contiguous().numpy() for name, tensor in zip(names, given, strict=True)}
        found = session(arrays)
        sizes = {"B": len(given[0]), "L": given[1].shape[1]}
        every = graphs.shapes(self.config)
        for name in graphs.outputs(self.config, graph):
            shape = graphs.filled(every[name], sizes)
            if found[name].shape != shape or found[name].dtype != "float32":
                raise WeightsError(
                    f"{session.path}: {name} is {found[name].dtype} {found[name].shape}, and not float32 {shape} as "
                    "config.json says: export it again"
                )
        return {name: torch.from_numpy(found[name]) for name in graphs.outputs(self.config, graph)}


@dataclass(frozen=True)
class ExportedBundle(ExportedFolder):
    """As `Bundle`, with opened graphs in the weights' place."""

    model: ExportedModel

    @property
    def name(self) -> str:
        """The model's."""
        return self.config.name


AnyModel: TypeAlias = RS2SAM2 | ExportedModel
AnyBundle: TypeAlias = Bundle | ExportedBundle


def open_exported(found: ExportedFolder, runtime: Runtime | None = None, precision: str = "auto") -> ExportedBundle:
    """Open the graphs of a folder.

    Args:
        found: of `read_exported`.
        runtime: None takes that of the folder's format.
        precision: that the runtime computes in; "auto" is float32.

    Raises:
        ConfigError: if the runtime cannot run this format, or not in this precision.
        WeightsError: if a graph cannot be opened.
        MissingExtraError: if the runtime is not installed.
    """
    fitting: dict[Runtime, tuple[Callable[[Path, str], Session], str]] = {
        by: opener for (made, by), opener in _OPENERS.items() if made == found.format
    }
    if not fitting:
        raise ConfigError(
            f"{found.folder}: exported as {found.format}, which is not run here: export it with --format onnx or "
            "openvino"
        )
    chosen = next(iter(fitting)) if runtime is None else runtime
    if chosen not in fitting:
        raise ConfigError(
            f"runtime {chosen!r}: {found.folder} was exported as {found.format}, which {' or '.join(fitting)} runs"
        )
    opener, suffix = fitting[chosen]
    sessions = {name: opener(found.folder / f"{name}{suffix}", precision) for name in (READ, LOOK, DECODE)}
    return ExportedBundle(**vars(found), model=ExportedModel(found.config, sessions))
