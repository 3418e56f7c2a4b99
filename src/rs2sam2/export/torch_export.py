"""Programs of `torch.export`, for whoever compiles them further (AOTInductor, ExecuTorch).

They are written and compared, and never opened from a stranger's folder: such a file may hold pickles.
"""

from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from rs2sam2.config import ModelConfig
from rs2sam2.export.graphs import Graph
from rs2sam2.export.onnx import quiet
from rs2sam2.export.sessions import Arrays, Session

SUFFIX = ".pt2"


def write(graph: Graph, config: ModelConfig, folder: Path) -> None:
    """Write `<graph>.pt2`.

    Raises:
        OSError: if it cannot be written.
    """
    with quiet():
        torch.export.save(graph.program(config), folder / f"{graph.name}{SUFFIX}")


def open_own(path: Path, graph: Graph) -> Session:
    """A program that this process has written itself."""
    with quiet():
        module = torch.export.load(path).module()

    def run(arrays: Arrays) -> list[NDArray[Any]]:
        with torch.no_grad():
            return [value.numpy() for value in module(*(torch.from_numpy(arrays[name]) for name in graph.inputs))]

    return Session(path, graph.inputs, graph.outputs, run)
