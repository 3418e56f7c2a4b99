"""OpenVINO's graphs (IR): made from ONNX, run on the CPU. Needs the optional 'openvino' dependencies."""

import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

import torch
from numpy.typing import NDArray

from rs2sam2.config import ModelConfig
from rs2sam2.errors import ConfigError, MissingExtraError, WeightsError
from rs2sam2.export import onnx
from rs2sam2.export.graphs import Graph
from rs2sam2.export.sessions import Arrays, Session

SUFFIX = ".xml"
_PRECISIONS = {"auto": "f32", "float32": "f32", "bfloat16": "bf16"}


def write(graph: Graph, config: ModelConfig, folder: Path) -> None:
    """Write `<graph>.xml` and `<graph>.bin`, in float32.

    Raises:
        MissingExtraError: if openvino is not installed.
        OSError: if it cannot be written.
    """
    openvino = _openvino("writing OpenVINO's format")
    with tempfile.TemporaryDirectory(prefix="rs2sam2-") as scratch:
        onnx.write(graph, config, Path(scratch))
        read = openvino.Core().read_model(Path(scratch) / f"{graph.name}{onnx.SUFFIX}")
        openvino.save_model(read, folder / f"{graph.name}{SUFFIX}", compress_to_fp16=False)


def open_session(path: Path, precision: str = "auto") -> Session:
    """A graph, of OpenVINO's format or ONNX, that is ready to run on as many threads as torch has.

    Raises:
        ConfigError: if there is no such precision.
        WeightsError: if the file is no graph.
        MissingExtraError: if openvino is not installed.
    """
    if precision not in _PRECISIONS:
        raise ConfigError(
            f"precision {precision!r}: OpenVINO runs these graphs in {' or '.join(list(_PRECISIONS)[1:])}"
        )
    openvino = _openvino("running OpenVINO")
    settings = {
        "INFERENCE_PRECISION_HINT": _PRECISIONS[precision],  # its own choice is bfloat16 where the CPU has it
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "NUM_STREAMS": 1,
    }
    try:
        compiled = openvino.Core().compile_model(path, "CPU", settings)
    except Exception as error:  # RuntimeError and others of its own
        raise WeightsError(f"{path}: OpenVINO cannot open it ({_reason(error)}): export it again") from error

    one_at_a_time = Lock()  # a compiled model refuses a second question while it answers one

    def run(arrays: Arrays) -> Sequence[NDArray[Any]]:
        with one_at_a_time:
            return list(compiled(dict(arrays)).values())

    takes, gives = ([one.get_any_name() for one in ports] for ports in (compiled.inputs, compiled.outputs))
    return Session(path, takes, gives, run)


def _openvino(capability: str) -> ModuleType:
    try:
        return import_module("openvino")
    except ModuleNotFoundError as error:
        raise MissingExtraError(capability, "openvino") from error


def _reason(error: Exception) -> str:
    """The last line of its message: those before it name files of its own source."""
    return next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
