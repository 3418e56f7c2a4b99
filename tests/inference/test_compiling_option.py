"""`compile`: refused where it cannot be, and one code for texts of any length and any number of questions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch._dynamo.utils import counters

from rs2sam2.cli import main
from rs2sam2.data.synthetic.scene import render_scene
from rs2sam2.errors import ConfigError, Rs2Sam2Error
from rs2sam2.inference.compiling import check_compiler, compile_model
from rs2sam2.inference.images import RasterImage
from rs2sam2.inference.segmenter import Segmenter
from rs2sam2.model.rs2sam2 import RS2SAM2
from tiny import relative_error, tiny_inputs, tiny_model

CPU = torch.device("cpu")


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "code"))
    torch._dynamo.reset()
    counters.clear()


def only_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried is the graph, not somebody's code for it."""
    real = torch.compile

    def traced(function: Any, *, fullgraph: bool, **_: Any) -> Any:
        return real(function, fullgraph=fullgraph, backend="eager")

    monkeypatch.setattr(torch, "compile", traced)


def test_without_a_compiler(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "scene.png")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert main(["segment", str(tmp_path / "scene.png"), "the building", "--compile", "--device", "cpu"]) == 2
    said = capsys.readouterr().err
    assert "'g++' is not there: install g++ or leave it out" in said and said.count("\n") == 1


def test_what_is_not_compiled() -> None:
    with pytest.raises(ConfigError, match="not for 'mps'"):
        check_compiler(torch.device("mps"), in_int8=False)
    with pytest.raises(ConfigError, match="precision 'int8'"):
        Segmenter.from_pretrained("nano", "cpu", "int8", compile=True)


@pytest.mark.usefixtures("fresh")
def test_code_that_cannot_be_made_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        def run(*_: Any) -> None:
            raise torch._dynamo.exc.TorchRuntimeError("file too short\nand much more")

        return run

    monkeypatch.setattr(torch, "compile", broken)
    model = tiny_model()
    compile_model(model, CPU)
    with pytest.raises(
        Rs2Sam2Error, match=r"failed \(file too short and much more.*\): empty .*code, or go without compile"
    ):
        model(*tiny_inputs(model.config, 1, 5))


@pytest.mark.slow
@pytest.mark.usefixtures("fresh")
def test_two_graphs_for_all_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that reads and one that looks, whatever the length of the text and the number of questions."""
    only_traced(monkeypatch)
    image = np.asarray(render_scene(np.random.default_rng(1), 512).image)
    texts = ["the ship", "the aircraft", "the big white building at the lower right", "the blue roof on the left"]
    plain, compiled = (Segmenter.from_pretrained("nano", "cpu", "float32", compile=one) for one in (False, True))
    for asked in (texts[:1], texts[1:3], texts):
        for one, other in zip(plain(image, asked), compiled(image, asked), strict=True):
            assert np.abs(one.probability - other.probability).max() < 1e-4
    assert len(compiled.look_at_tiles([compiled.views(RasterImage(image))] * 3, texts[:3])) == 3
    assert counters["stats"]["unique_graphs"] == 2


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning")  # torch's own, of its own
@pytest.mark.usefixtures("fresh")
def test_code_gives_the_same() -> None:
    plain, compiled = tiny_model(), tiny_model()
    compile_model(compiled, CPU)
    _agree(plain, compiled, CPU, 1e-4, ((1, 5), (1, 9), (1, 5)))


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning")
@pytest.mark.usefixtures("fresh")
def test_cuda_graphs_give_the_same() -> None:
    device = torch.device("cuda")
    plain, compiled = (tiny_model().to(device) for _ in range(2))
    compile_model(compiled, device)
    _agree(plain, compiled, device, 1e-3, ((1, 5), (1, 9), (2, 9), (1, 5)))


def _agree(
    plain: RS2SAM2, compiled: RS2SAM2, device: torch.device, tolerance: float, sizes: Sequence[tuple[int, int]]
) -> None:
    """Also when asked again: the first answer stays what it was."""
    with torch.inference_mode():
        kept = []
        for batch, tokens in sizes:
            inputs = [tensor.to(device) for tensor in tiny_inputs(plain.config, batch, tokens, seed=batch + tokens)]
            kept.append((compiled(*inputs).mask_logits, plain(*inputs).mask_logits))
        for found, expected in kept:
            assert relative_error(found, expected) < tolerance
