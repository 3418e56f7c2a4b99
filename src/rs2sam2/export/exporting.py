"""Weights as a folder of graphs, each compared with the model before the folder takes its place."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from rs2sam2.checkpoints.checksums import file_crc32
from rs2sam2.checkpoints.convert import load_any
from rs2sam2.checkpoints.exported import VERSION, is_exported
from rs2sam2.checkpoints.native import CARD, CHECKSUMS, CONFIG, PROVENANCE, TOKENIZER, Bundle
from rs2sam2.config import ModelConfig
from rs2sam2.errors import MissingExtraError, OutputError
from rs2sam2.export import graphs, onnx, openvino, torch_export
from rs2sam2.export.agreement import compare
from rs2sam2.export.graphs import Graph
from rs2sam2.export.running import ExportedModel
from rs2sam2.export.sessions import Session

Format = Literal["onnx", "openvino", "torch-export"]

_WRITERS: Mapping[Format, Callable[[Graph, ModelConfig, Path], None]] = {
    "onnx": onnx.write,
    "openvino": openvino.write,
    "torch-export": torch_export.write,
}

_NEEDS: Mapping[Format, Sequence[str]] = {
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "openvino": ("onnx", "onnxscript", "openvino"),
    "torch-export": (),
}
"""Packages that write and compare; they come with the extra of the format's own name."""

_USE = """
    rs2sam2 segment scene.jpg "the white building" --weights THIS_FOLDER -o mask.png
"""


def check_target(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder before anything is traced for it.

    Raises:
        OutputError: if there is something that is no export, or an export that may not be replaced.
    """
    if not folder.exists():
        if not folder.parent.is_dir():
            raise OutputError(f"{folder}: its parent folder does not exist: make it, or name another place")
        return
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if not folder.is_dir() or not is_exported(folder):
        raise OutputError(f"{folder}: holds something else than an export: name a folder that is empty or not there")
    if not overwrite:
        raise OutputError(f"{folder}: holds an export already: name another folder or say --overwrite")


def export(source: Path, folder: Path, form: Format, *, overwrite: bool = False) -> dict[str, Any]:
    """Write weights as graphs in float32, whole or not at all.

    Args:
        source: any whole model.
        folder: to be written.
        form: of the graphs.
        overwrite: replace an export that is there.

    Returns:
        How well the graphs agree with the model; see `rs2sam2.export.agreement.compare`.

    Raises:
        OutputError: if the folder may not or cannot be written.
        WeightsError: if the source cannot be read.
        MissingExtraError: if what writes or runs such graphs is not installed.
        Rs2Sam2Error: if the graphs do not agree with the model; nothing is written then.
    """
    check_target(folder, overwrite=overwrite)
    if not all(find_spec(name) for name in _NEEDS[form]):
        raise MissingExtraError(f"exporting as {form}", form)
    bundle = load_any(source)
    try:
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as scratch:
            made = Path(scratch) / "export"
            made.mkdir()
            agreement = _write(bundle, made, form)
            _put_in_place(made, folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error}): give another place") from error
    return agreement


def _write(bundle: Bundle, folder: Path, form: Format) -> dict[str, Any]:
    model = bundle.model
    made = graphs.graphs(model)
    for graph in made:
        _WRITERS[form](graph, model.config, folder)
    written = {path.name: file_crc32(path) for path in sorted(folder.iterdir())}
    sessions = {graph.name: _open(graph, folder, form) for graph in made}
    agreement = compare(model, ExportedModel(model.config, sessions))
    settings = {
        "export": {
            "version": VERSION,
            "format": form,
            "files": written,
            "weights_sha256": bundle.sha256,
            "agreement": agreement,
            "tool": {name: version(name) for name in ("rs2sam2", "torch", *_NEEDS[form])},
        },
        "model": model.config.to_dict(),
        "decision": asdict(bundle.decision),
    }
    provenance = {key: value for key, value in bundle.provenance.items() if key not in CHECKSUMS}
    for name, values in ((CONFIG, settings), (PROVENANCE, provenance)):
        (folder / name).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    bundle.tokenizer.save(folder / TOKENIZER)
    (folder / CARD).write_text(_card(bundle, made, form), encoding="utf-8")
    return agreement


def _open(graph: Graph, folder: Path, form: Format) -> Session:
    """A graph that was written just now."""
    if form == "torch-export":
        return torch_export.open_own(folder / f"{graph.name}{torch_export.SUFFIX}", graph)
    if form == "openvino":
        return openvino.open_session(folder / f"{graph.name}{openvino.SUFFIX}")
    return onnx.open_session(folder / f"{graph.name}{onnx.SUFFIX}")


def _put_in_place(made: Path, folder: Path) -> None:
    """What was there before steps aside, and comes back if the new cannot take its place."""
    before = made.with_name("before")
    if folder.exists():
        folder.rename(before)
    try:
        made.rename(folder)
    except BaseException:
        if before.exists():
            before.rename(folder)
        raise


def _card(bundle: Bundle, made: tuple[Graph, ...], form: Format) -> str:
    template = (files("rs2sam2.export") / "card.md").read_text(encoding="utf-8")
    shapes = graphs.shapes(bundle.model.config)
    rows = []
    for graph in made:
        for way, names in (("in", graph.inputs), ("out", graph.outputs)):
            for name in names:
                kind, shape = str(graphs.dtype(name)).removeprefix("torch."), ", ".join(map(str, shapes[name]))
                rows.append(f"| `{graph.name}` | {way} | `{name}` | {kind} | {shape} |")
    use = "" if form == "torch-export" else _USE
    return template.format(
        name=bundle.name, form=form, use=use, license=bundle.license, sha256=bundle.sha256, rows="\n".join(rows)
    )
