"""Exports of small models in every format, and what is refused."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from rs2sam2.checkpoints import native
from rs2sam2.checkpoints.checksums import file_crc32
from rs2sam2.checkpoints.convert import load_any
from rs2sam2.checkpoints.exported import VERSION, is_exported, read_exported
from rs2sam2.checkpoints.locate import locate
from rs2sam2.cli import main
from rs2sam2.config import Decision
from rs2sam2.errors import MissingExtraError, OutputError, Rs2Sam2Error, WeightsError
from rs2sam2.export import exporting, graphs
from rs2sam2.export.agreement import compare
from rs2sam2.export.exporting import export
from rs2sam2.export.running import ExportedModel
from rs2sam2.export.sessions import Session
from rs2sam2.inference.segmenter import Segmenter
from rs2sam2.model.rs2sam2 import RS2SAM2, Prompts
from rs2sam2.tokenizer import Tokenizer
from tiny import relative_error, tiny_config, tiny_inputs, tiny_model


def eager_sessions(model: RS2SAM2) -> dict[str, Session]:
    """The graphs, run by torch itself and not traced."""

    def session(graph: graphs.Graph) -> Session:
        def run(arrays: dict[str, Any]) -> list[Any]:
            with torch.no_grad():
                return [one.numpy() for one in graph.module(*(torch.from_numpy(arrays[name]) for name in graph.inputs))]

        return Session(Path(graph.name), graph.inputs, graph.outputs, run)  # type: ignore[arg-type]

    return {graph.name: session(graph) for graph in graphs.graphs(model)}


@pytest.fixture(params=[{}, {"mask_prompt": "none"}, {"early_presence": True}, {"fusion_after_encoding": False}])
def model(request: pytest.FixtureRequest) -> RS2SAM2:
    return tiny_model(**request.param)


class TestGraphs:
    def test_together_are_the_model(self, model: RS2SAM2) -> None:
        found = compare(model, ExportedModel(model.config, eager_sessions(model)))
        assert found["cases"] == 3 and found["relative_difference"] < 1e-5 and found["mask_iou"] > 0.999

    def test_points_and_masks_of_some_questions_only(self, model: RS2SAM2) -> None:
        """A mask counts where `has_mask` is true, and nowhere else."""
        exported = ExportedModel(model.config, eager_sessions(model))
        inputs = tiny_inputs(model.config, 1, 6)
        points, labels = torch.tensor([[[10.0, 20.0], [30.0, 40.0]]]), torch.tensor([[1, 0]])
        with torch.no_grad():
            for mask in (None, torch.randn(1, 1, 16, 16)):
                prompts = Prompts(points, labels, mask)
                mine, theirs = (one(*inputs, prompts).mask_logits for one in (model, exported))
                assert relative_error(theirs, mine) < 1e-5

    def test_each_file_holds_its_own_weights(self) -> None:
        model = tiny_model(early_presence=True)
        parts = {graph.name: dict(graph.module.named_parameters()) for graph in graphs.graphs(model)}
        assert set().union(*parts.values()) == set(dict(model.named_parameters()))
        assert not set(parts["read"]) & set(parts["look"])

    def test_another_model_is_noticed(self) -> None:
        with pytest.raises(Rs2Sam2Error, match="give another mask_logits than the model"):
            compare(tiny_model(), ExportedModel(tiny_config(), eager_sessions(tiny_model(seed=1))))

    def test_graphs_of_another_model_are_refused(self) -> None:
        with pytest.raises(WeightsError, match=r"read: takes union_image.* which is not what config.json says"):
            ExportedModel(tiny_config(early_presence=True), eager_sessions(tiny_model()))
        exported = ExportedModel(tiny_config(width=64), eager_sessions(tiny_model()))
        with pytest.raises(WeightsError, match=r"text is float32 \(1, 4, 32\), and not float32 \(1, 4, 64\)"):
            exported(*tiny_inputs(tiny_config(), 1, 4))

    def test_a_runtime_that_fails(self) -> None:
        sessions = eager_sessions(tiny_model())

        def fails(_: object) -> list[Any]:
            raise ValueError("no memory\nat line 3")

        sessions["look"] = Session(Path("look.onnx"), sessions["look"].inputs, sessions["look"].outputs, fails)
        with pytest.raises(Rs2Sam2Error, match=r"^look.onnx: the runtime failed \(no memory\): ask less at once"):
            ExportedModel(tiny_config(), sessions)(*tiny_inputs(tiny_config(), 1, 4))


class TestTarget:
    @pytest.mark.parametrize(
        ("made", "text"),
        [
            (lambda path: path.write_text("x"), "holds something else than an export"),
            (lambda path: (path.mkdir(), (path / "mine.txt").write_text("x")), "holds something else than an export"),
            (lambda path: export_like(path), "holds an export already: name another folder or say --overwrite"),
        ],
        ids=["file", "folder", "export"],
    )
    def test_is_refused_before_the_work(
        self, tmp_path: Path, made: Callable[[Path], object], text: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        made(tmp_path / "there")
        assert main(["export", "nano", str(tmp_path / "there"), "--format", "onnx"]) == 2
        said = capsys.readouterr().err
        assert text in said and said.count("\n") == 1

    def test_of_no_folder(self, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="its parent folder does not exist"):
            exporting.check_target(tmp_path / "no" / "where", overwrite=False)

    def test_weights_are_no_target_even_to_overwrite(self, tmp_path: Path) -> None:
        native.save(tmp_path / "w", tiny_model(), Tokenizer(tokenizer(), 20), Decision(), {}, "card")
        with pytest.raises(OutputError, match="something else"):
            exporting.check_target(tmp_path / "w", overwrite=True)

    @pytest.mark.parametrize("form", ["onnx", "openvino"])
    def test_without_its_extra(self, tmp_path: Path, form: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(exporting, "find_spec", lambda _: None)
        with pytest.raises(MissingExtraError, match=rf"pip install 'rs2sam2\[{form}\]'"):
            export(locate("nano"), tmp_path / "made", form)

    @pytest.mark.parametrize("fails", [KeyboardInterrupt, OSError(28, "No space left on device"), Rs2Sam2Error("no")])
    def test_stopped_half_way(
        self, tmp_path: Path, fails: BaseException | type[BaseException], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What was there is there still, and nothing else is."""
        target = export_like(tmp_path / "there")
        before = {path.name: path.read_bytes() for path in target.iterdir()}

        def write(graph: graphs.Graph, *rest: Any) -> None:
            if graph.name == "decode":
                raise fails

        monkeypatch.setitem(exporting._WRITERS, "onnx", write)  # type: ignore[arg-type]
        with pytest.raises((KeyboardInterrupt, Rs2Sam2Error)):
            export(locate("nano"), target, "onnx", overwrite=True)
        assert [path.name for path in tmp_path.iterdir()] == ["there"]
        assert {path.name: path.read_bytes() for path in target.iterdir()} == before


def tokenizer() -> bytes:
    return (locate("nano") / "tokenizer.spm").read_bytes()


def export_like(folder: Path, **changes: Any) -> Path:
    """A folder with everything but graphs."""
    folder.mkdir()
    (folder / "read.onnx").write_bytes(b"no graph")
    files = {"read.onnx": file_crc32(folder / "read.onnx")}
    export = {"version": VERSION, "format": "onnx", "files": files, "weights_sha256": "ab"} | changes
    settings = {"export": export, "model": load_config(), "decision": asdict(Decision())}
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "provenance.json").write_text("{}")
    (folder / "tokenizer.spm").write_bytes(tokenizer())
    return folder


def load_config() -> dict[str, Any]:
    return dict(json.loads((locate("nano") / "config.json").read_text())["model"])


class TestFolder:
    def test_is_told_from_weights(self, tmp_path: Path) -> None:
        folder = export_like(tmp_path / "there")
        assert is_exported(folder) and locate(folder) == folder
        assert not is_exported(locate("nano"))
        assert read_exported(folder).sha256 == "ab"

    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            ({"version": 1}, "no export of version 2"),
            ({"files": {}}, "lists no files"),
            ({"files": {"../read.onnx": "00000000"}}, "lists no files of this folder"),
            ({"files": ["read.onnx"]}, "lists no files"),
            ({"files": {"look.onnx": "00000000"}}, "look.onnx: cannot be read"),
            ({"files": {"read.onnx": "00000001"}}, "read.onnx: damaged"),
            ({"format": "torch-export"}, "exported as torch-export, which is not run here"),
            ({"format": 3}, "exported as 3, which is not run here"),
        ],
    )
    def test_is_looked_at_with_suspicion(self, tmp_path: Path, changes: dict[str, Any], text: str) -> None:
        with pytest.raises(Rs2Sam2Error, match=text):
            Segmenter.from_pretrained(export_like(tmp_path / "there", **changes))

    def test_weights_do_not_run_elsewhere(self) -> None:
        with pytest.raises(Rs2Sam2Error, match="nano is not exported: make it so with `rs2sam2 export nano DST"):
            Segmenter.from_pretrained("nano", runtime="onnx")


@pytest.mark.slow
class TestFormats:
    @pytest.fixture
    def weights(self, tmp_path: Path) -> Iterator[Path]:
        union = tiny_config().union_encoder
        words = {**asdict(union), "vocab_size": 5000, "max_text_tokens": 64}
        model = tiny_model(union_encoder=type(union)(**words))
        native.save(tmp_path / "tiny", model, Tokenizer(tokenizer(), 64), Decision(presence="mask"), {}, "A card.\n")
        yield tmp_path / "tiny"

    @pytest.mark.parametrize("form", ["openvino", "torch-export"])
    def test_command(self, weights: Path, tmp_path: Path, form: str, capfd: pytest.CaptureFixture[str]) -> None:
        """ONNX is written for nano, in the tests beside these, and for OpenVINO, which reads it."""
        target = tmp_path / "made"
        target.mkdir()
        assert main(["export", str(weights), str(target), "--format", form]) == 0
        said = capfd.readouterr()
        assert said.err == "" and said.out.count("\n") == 2 and "IoU 1.0000" in said.out
        assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "tiny"]
        suffixes = {"openvino": [".xml", ".bin"], "torch-export": [".pt2"]}[form]
        files = {f"{name}{suffix}" for name in ("read", "look", "decode") for suffix in suffixes}
        assert {path.name for path in target.iterdir()} == files | {
            "config.json",
            "tokenizer.spm",
            "provenance.json",
            "README.md",
        }
        assert "`pseudo_mask_logits` | float32 | B, 1, 4, 4" in (target / "README.md").read_text()
        bundle = load_any(weights)
        found = read_exported(target)
        assert (found.sha256, found.decision, found.config) == (bundle.sha256, bundle.decision, bundle.model.config)
        image = torch.randint(0, 256, (50, 70, 3), dtype=torch.uint8).numpy()
        if form == "torch-export":
            with pytest.raises(Rs2Sam2Error, match="not run here: export it with --format onnx"):
                Segmenter.from_pretrained(target)
        else:
            both = [Segmenter.from_pretrained(one, "cpu", "float32") for one in (weights, target)]
            mine, theirs = (one(image, "the white building") for one in both)
            assert abs(mine.probability - theirs.probability).max() < 1e-3

    def test_model_without_pseudo_mask(self, tmp_path: Path) -> None:
        union = tiny_config().union_encoder
        model = tiny_model(mask_prompt="none", union_encoder=type(union)(**{**asdict(union), "vocab_size": 5000}))
        native.save(tmp_path / "tiny", model, Tokenizer(tokenizer(), 20), Decision(presence="mask"), {}, "A card.\n")
        export_like(tmp_path / "made")
        assert export(tmp_path / "tiny", tmp_path / "made", "onnx", overwrite=True)["mask_iou"] > 0.999
        assert read_exported(tmp_path / "made").config == model.config
        assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "tiny"]
