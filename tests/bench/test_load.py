"""`rs2sam2 bench load`: it watches real processes, and its stand-in weights are those of the golden files."""

import gzip
import importlib.util
import json
import shutil
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rs2sam2.bench import load as bench
from rs2sam2.bench.load import agreement, allowed_bytes, iou, make_full_size, measure
from rs2sam2.bench.load_page import page
from rs2sam2.bench.load_seeded import published_shapes, seeded_inputs, seeded_weight, write_published
from rs2sam2.checkpoints.convert import convert
from rs2sam2.checkpoints.native import load, on_meta, shapes_of
from rs2sam2.checkpoints.published import TABLE
from rs2sam2.cli import main
from rs2sam2.config import ModelConfig
from rs2sam2.errors import DataError, OutputError, Rs2Sam2Error

LARGE = ModelConfig.preset("large")
KEYS = Path(__file__).parents[1] / "parity" / "golden" / "published_large_keys.json.gz"
# What it needs, with room to spare: three weight files on disk; float32 weights and one forward pass in memory.
DISK, MEMORY = 12e9, 10e9


@pytest.fixture(scope="module")
def published_keys() -> dict[str, tuple[int, ...]]:
    """Every name and shape of a real published checkpoint."""
    keys = json.loads(gzip.decompress(KEYS.read_bytes()))["keys"]
    return {name: tuple(shape) for name, shape in keys.items()}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of the command, with the smallest weights there are."""
    path = tmp_path_factory.mktemp("bench") / "load.json"
    assert main(["bench", "load", "--weights", "nano", "-o", str(path)]) == 0
    return json.loads(path.read_text())


class TestStandIn:
    @pytest.fixture
    def golden(self, shared: Path) -> Any:
        place = importlib.util.spec_from_file_location("golden_seeded", shared / "golden" / "seeded.py")
        assert place is not None and place.loader is not None
        module = importlib.util.module_from_spec(place)
        place.loader.exec_module(module)
        return module

    @pytest.mark.parametrize(
        ("name", "shape"),
        [("a.weight", (5, 7, 2)), ("a.norm.weight", (6,)), ("a.bias", (6,)), ("table", (1, 4)), ("number", ())],
    )
    def test_weights(self, golden: Any, name: str, shape: tuple[int, ...]) -> None:
        expected = golden.seeded_weight(name, shape)
        found = seeded_weight(name, shape)
        assert found.dtype == torch.float32
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=1e-7)

    def test_inputs(self, golden: Any) -> None:
        for found, expected in zip(seeded_inputs(LARGE, 21), golden.seeded_inputs(21, 14), strict=True):
            assert (found.numpy() == expected).all()

    def test_names_are_those_of_a_published_checkpoint(self, published_keys: dict[str, tuple[int, ...]]) -> None:
        plan = TABLE.plan(published_keys)
        used = {name: shape for name, shape in published_keys.items() if name not in plan.dropped}
        assert published_shapes(LARGE) == used

    def test_name_without_a_home(self) -> None:
        with pytest.raises(KeyError):
            TABLE.their_name("nowhere.weight")

    def test_folder_converts(self, tmp_path: Path) -> None:
        nano = ModelConfig.preset("nano")
        config = LARGE.replace(
            hiera=nano.hiera, union_encoder=nano.union_encoder, width=nano.width, decoder_mlp_dim=nano.decoder_mlp_dim
        )
        write_published(tmp_path / "theirs", published_shapes(config))
        convert(tmp_path / "theirs", tmp_path / "ours")
        state = load(tmp_path / "ours").model.state_dict()
        assert {name: tuple(tensor.shape) for name, tensor in state.items()} == shapes_of(on_meta(config))
        name = "mm_extractor.beit3.encoder.layers.0.ffn.A.fc1.weight"
        assert torch.equal(state["union_encoder.layers.0.ffn.A.fc1.weight"], seeded_weight(name, (512, 128)))

    def test_too_little_room(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 9_000_000_000))
        with pytest.raises(OutputError, match="too little room for 9,270,449,710 bytes"):
            make_full_size(tmp_path / "made")
        assert list(tmp_path.iterdir()) == []


class TestFigures:
    def test_every_precision_from_every_file(self, report: dict[str, Any]) -> None:
        kinds = ("float32", "bfloat16")
        assert [made["stored"] for made in report["conversions"]] == list(kinds)
        assert [(row["stored"], row["loaded"]) for row in report["loads"]] == [(a, b) for a in kinds for b in kinds]
        for row in report["loads"]:
            least, most = {"float32": (4, 4), "bfloat16": (2, 2.6)}[row["loaded"]]  # some stay in float32
            assert 5e6 < least * row["parameters"] <= row["bytes"] <= most * row["parameters"]
            assert row["allowed_anonymous_bytes"] == allowed_bytes(row["bytes"])
            assert row["seconds"] > 0 < row["forward_seconds"]
            assert 0 < row["peak_anonymous_bytes"] < 1e9 > row["forward_peak_anonymous_bytes"] > 0

    def test_first_line_agrees_with_itself_and_bfloat16_nearly(self, report: dict[str, Any]) -> None:
        first, second, third, fourth = report["loads"]
        assert (first["mask_iou"], first["background_iou"], first["relative_difference_of_logits"]) == (1, 1, 0)
        assert 0 < third["relative_difference_of_logits"] < 0.1 > second["relative_difference_of_logits"] > 0
        # In the other file those weights were rounded, too, that do not compute in bfloat16.
        assert second["relative_difference_of_logits"] < fourth["relative_difference_of_logits"] < 0.1

    def test_command_is_recorded(self, report: dict[str, Any]) -> None:
        assert report["format"] == "rs2sam2.bench-load/1"
        assert report["run"]["command"] == "rs2sam2 bench load --weights nano --seed 1"
        assert report["run"]["seed"] == 1

    def test_agreement(self) -> None:
        one = np.array([1.0, 1.0, 0.0, 0.0], np.float32)
        other = np.array([1.0, 0.0, 1.0, 0.0], np.float32)
        found = agreement(one, other)
        assert (found["mask_share"], found["mask_iou"], found["background_iou"]) == (0.5, 1 / 3, 1 / 3)
        assert found["relative_difference_of_logits"] == pytest.approx(1)
        assert iou(np.zeros(2, bool), np.zeros(2, bool)) == 1

    def test_memory_that_is_allowed(self) -> None:
        assert allowed_bytes(2_000_000_000) == 2_200_000_000


TALK = """
import json, sys, time
import numpy as np
def say(**values):
    print(json.dumps(values), flush=True)
    sys.stdin.readline()
"""


class TestWatching:
    @pytest.fixture(autouse=True)
    def program(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
        return lambda script: monkeypatch.setattr(bench, "_PROGRAM", ("-c", TALK + script))

    def test_peak_of_a_step_and_not_of_what_was_before(self, program: Callable[[str], None]) -> None:
        program(
            "early = np.ones(2**25); del early; say()\n"
            "kept = np.ones(2**23); time.sleep(0.1); del kept; say(a=1)\n"
            "say(b=2)\n"
        )
        with bench._watched() as process:
            first, second = process.step(), process.step()
        assert first.pop("peak_anonymous_bytes") in range(2**26, 2**26 + 2**24)
        assert second.pop("peak_anonymous_bytes") < 2**24
        assert (first, second) == ({"a": 1}, {"b": 2})

    @pytest.mark.parametrize(
        ("script", "text"),
        [
            ("sys.exit(3)", "died with exit code 3$"),
            ("say(); sys.exit(3)", "died with exit code 3$"),
            ("import os; say(); os.kill(os.getpid(), 9)", "exit code -9; -9 means too little memory"),
            ("say(); say(error='no such weights')", "^no such weights$"),
        ],
    )
    def test_process_that_fails(self, program: Callable[[str], None], script: str, text: str) -> None:
        program(script)
        with pytest.raises(Rs2Sam2Error, match=text), bench._watched() as process:
            process.step()

    def test_no_process_is_left(self, program: Callable[[str], None]) -> None:
        program("say(); time.sleep(100)")
        with pytest.raises(KeyError), bench._watched() as process:
            raise KeyError
        assert process._process.poll() == -9


class TestCommand:
    @pytest.mark.parametrize(
        ("wrong", "text"),
        [
            (["--weights", "{tmp}/nothing"], "no weights there"),
            (["--seed", "-1"], "--seed"),
            (["-o", "{tmp}/no/where.json"], "give another place"),
            (["--render", "{tmp}/nothing.json"], "make it with rs2sam2 bench load"),
        ],
    )
    def test_bad_usage(self, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: list[str], text: str) -> None:
        assert main(["bench", "load", *(word.format(tmp=tmp_path) for word in wrong)]) == 2
        said = capsys.readouterr().err
        assert text in said and said.count("\n") == 1

    def test_half_a_model_is_one_line(self, tmp_path: Path) -> None:
        (tmp_path / "model.safetensors").write_bytes(b"nothing of the kind")
        with pytest.raises(Rs2Sam2Error, match="damaged, or neither"):
            measure(tmp_path, tmp_path / "scratch", 0)

    def test_page(self, tmp_path: Path, capsys: pytest.CaptureFixture[str], report: dict[str, Any]) -> None:
        (tmp_path / "load.json").write_text(json.dumps(report))
        assert main(["bench", "load", "--render", str(tmp_path / "load.json")]) == 0
        said = capsys.readouterr().out
        assert said == page(report, "load.json")
        first = report["loads"][0]
        assert f"| float32 | float32 | 0.02 | {first['seconds']:.1f} |" in said
        assert "`rs2sam2 bench load --weights nano --seed 1`" in said
        assert all(line.count("|") == 2 + 1 for line in said.splitlines() if line.startswith("| Command"))

    @pytest.mark.parametrize("lost", ["run", "loads", "limits", "conversions"])
    def test_report_that_is_not_whole(self, report: dict[str, Any], lost: str) -> None:
        with pytest.raises(DataError, match=f"load.json: the report lacks '{lost}'"):
            page({name: value for name, value in report.items() if name != lost}, "load.json")

    def test_page_in_the_docs_is_that_of_its_figures(self, root: Path) -> None:
        figures = json.loads((root / "docs" / "numbers" / "load.json").read_text())
        assert (root / "docs" / "weights" / "speed.md").read_text() == page(figures, "load.json")


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_full_size(tmp_path: Path, published_keys: dict[str, tuple[int, ...]]) -> None:
    """All 934.8 million published values, converted, loaded within the limits of memory, and asked in both precisions.

    Seconds are for the command: they need a machine that does nothing else.
    """
    free = shutil.disk_usage(tmp_path).free
    meminfo = Path("/proc/meminfo").read_text().split()
    available = 1024 * int(meminfo[meminfo.index("MemAvailable:") + 1])
    if free < DISK or available < MEMORY:
        pytest.skip(f"needs {DISK:g} bytes of disk and {MEMORY:g} of memory; there are {free:g} and {available:g}")
    assert sum(map(prod, published_keys.values())) == 934_813_660
    try:
        write_published(tmp_path / "theirs", published_keys)
        found = measure(tmp_path / "theirs", tmp_path, seed=1)
    finally:
        shutil.rmtree(tmp_path)
    assert all(made["peak_anonymous_bytes"] < 5e8 for made in found["conversions"])
    for row in found["loads"]:
        assert row["parameters"] == 927_044_971
        assert row["peak_anonymous_bytes"] <= row["allowed_anonymous_bytes"]
        assert row["forward_peak_anonymous_bytes"] < row["allowed_anonymous_bytes"] + 2e9
        assert 0.1 < row["mask_share"] < 0.9, "a mask of one kind only would prove nothing"
        assert row["mask_iou"] > 0.98 and row["background_iou"] > 0.9
        assert row["relative_difference_of_logits"] < 0.05
