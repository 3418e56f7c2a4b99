"""Which model answers, and how it runs."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from rs2sam2.inference.segmenter import Segmenter


Compiled = Annotated[
    bool,
    typer.Option("--compile", help="Make code for the model: minutes the first time, kept in the cache; needs g++."),
]


class Runtime(StrEnum):
    """Choices of `--runtime`."""

    torch = "torch"
    onnx = "onnx"
    openvino = "openvino"


class ModelOptions(NamedTuple):
    """As `Segmenter.from_pretrained` takes them."""

    weights: str
    device: str | None
    precision: str
    runtime: Runtime | None
    compiled: bool = False

    def load(self) -> "Segmenter":
        """The model.

        Raises:
            Rs2Sam2Error: as `Segmenter.from_pretrained`.
        """
        from rs2sam2.inference.segmenter import Segmenter

        runtime = None if self.runtime is None else self.runtime.value
        return Segmenter.from_pretrained(
            self.weights,
            self.device,
            self.precision,  # type: ignore[arg-type]
            runtime=runtime,  # type: ignore[arg-type]
            compile=self.compiled,
        )
