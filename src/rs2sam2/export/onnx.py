"""ONNX graphs: written by torch's exporter, run by ONNX Runtime on the CPU. Needs the optional 'onnx' dependencies."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from rs2sam2.config import ModelConfig
from rs2sam2.errors import ConfigError, MissingExtraError, WeightsError
from rs2sam2.export.graphs import Graph
from rs2sam2.export.sessions import Arrays, Session

SUFFIX = ".onnx"


def write(graph: Graph, config: ModelConfig, folder: Path) -> None:
    """Write `<graph>.onnx`, and beside it `<graph>.onnx.data` where the weights are too many for one file.

    Raises:
        OSError: if it cannot be written.
    """
    with quiet():
        program = torch.onnx.export(
            graph.program(config), input_names=graph.inputs, output_names=graph.outputs, dynamo=True, verbose=False
        )
    assert program is not None
    program.save(folder / f"{graph.name}{SUFFIX}")


def open_session(path: Path, precision: str = "auto") -> Session:
    """A graph that is ready to run, on as many threads as torch has.

    Raises:
        ConfigError: if the precision is not float32.
        WeightsError: if the file is no graph.
        MissingExtraError: if onnxruntime is not installed.
    """
    if precision not in ("auto", "float32"):
        raise ConfigError(f"precision {precision!r}: ONNX Runtime runs these graphs in float32: leave it out")
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise MissingExtraError("running ONNX", "onnx") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # what is wrong is raised, too
    # Threads that wait busily would take the cores from torch, and from the graph that comes next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors share no class but this one
        raise WeightsError(f"{path}: ONNX Runtime cannot open it ({_first_line(error)}): export it again") from error
    names = [one.name for one in session.get_inputs()], [one.name for one in session.get_outputs()]

    def run(arrays: Arrays) -> Sequence[NDArray[Any]]:
        return list(session.run(names[1], arrays))

    return Session(path, *names, run)


@contextmanager
def quiet() -> Iterator[None]:
    """Without the exporter's talk about packages that are not there, and its own deprecations."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
