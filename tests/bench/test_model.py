"""`rs2sam2 bench model`: what it counts, what it times, and the page about it."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from rs2sam2.bench.model import FORMAT, measure, ratios
from rs2sam2.bench.model_operations import KINDS, OperationTimes
from rs2sam2.bench.model_page import page, read_sections
from rs2sam2.bench.model_parts import PARTS, PartTimes
from rs2sam2.bench.model_picture import save_picture
from rs2sam2.bench.model_products import PRECISIONS, Products, counted
from rs2sam2.bench.watched import watched
from rs2sam2.cli import main
from rs2sam2.cli.bench_model import Section
from rs2sam2.errors import DataError
from tiny import tiny_config, tiny_inputs, tiny_model

RUN = {
    "command": "rs2sam2 bench model",
    "date": "2026-11-28",
    "commit": "abc",
    "uncommitted_changes": False,
    "torch_threads": 2,
    "versions": {"torch": "2"},
}
MACHINE = {"cores": 2, "memory_bytes": 8 * 10**9, "load_average_at_end": 0.5}


def report(section: str, **values: Any) -> dict[str, Any]:
    return {"format": FORMAT, "section": section, **values, "machine": MACHINE, "run": RUN}


def measured(bfloat16: float, theirs: float | None) -> dict[str, Any]:
    ours = {
        name: {
            "seconds": seconds,
            "wall_seconds": 0.55 * seconds,
            "parts": dict.fromkeys(PARTS, seconds / len(PARTS)),
            "ceiling_seconds": 8.0,
            "share_of_ceiling": 8.0 / seconds,
            "peak_resident_bytes": 3 * 10**9,
        }
        for name, seconds in (("float32", 10.0), ("bfloat16", bfloat16))
    }
    found = {
        "operations": 10**12,
        "products": {name: {"per_second": 10**11} for name in PRECISIONS},
        "by_operation": dict.fromkeys(KINDS, 0.4),
        "ours": ours,
        "transformers": {"missing": "no transformers"}
        if theirs is None
        else {"seconds": theirs, "wall_seconds": 0.6 * theirs, "peak_resident_bytes": 10**9},
    }
    return {**found, "ratios": ratios(found)}


def _work(seconds: float) -> None:
    start = time.process_time()
    while time.process_time() - start < seconds:
        pass


class TestCounting:
    def test_operations_are_those_of_a_real_pass(self) -> None:
        config = tiny_config()
        operations, shapes = counted(config)
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            tiny_model()(*tiny_inputs(config, 1, 14))
        real = counter.get_total_flops()  # which does not know the CPU's own attention
        assert real < operations < 1.2 * real
        in_linear_layers = sum(count * 2 * a * b * c for (a, b, c), count in shapes.items())
        assert 0.5 * operations < in_linear_layers < operations

    def test_products_take_time_in_every_precision(self) -> None:
        found = Products(tiny_config())()
        assert set(found) == set(PRECISIONS)
        assert all(one["seconds"] > 0 and one["per_second"] > 0 for one in found.values())


class TestParts:
    def test_a_part_is_not_charged_for_what_lies_within_it(self) -> None:
        """A fusion layer that takes long makes the fusion layers slow, and not the stage that it lies in."""
        model = tiny_model()
        times = PartTimes(model)
        model.trunk.blocks[0].fusion.register_forward_pre_hook(lambda *_: _work(0.3))
        with torch.inference_mode():
            start = time.process_time()
            found = times.of(lambda: model(*tiny_inputs(model.config, 1, 5)))
            taken = time.process_time() - start
        assert set(found) == set(PARTS)
        assert found["fusion layers"] >= 0.3 > found["stage 1"]
        assert sum(found.values()) == pytest.approx(taken, abs=0.05)

    def test_parts_that_a_model_lacks_are_left_out(self) -> None:
        model = tiny_model(fusion_layer="none", fusion_after_encoding=False)
        with torch.inference_mode():
            found = PartTimes(model).of(lambda: model(*tiny_inputs(model.config, 1, 5)))
        assert set(PARTS) - set(found) == {"fusion layers", "fusion after encoding"}


class TestOperations:
    def test_time_is_that_of_its_kind(self) -> None:
        wide = torch.randn(600, 600)
        with torch.inference_mode():
            found = OperationTimes().of(lambda: [F.linear(wide, wide) for _ in range(20)])
        assert tuple(found) == KINDS
        assert found["products of linear layers"] > 0.5 * sum(found.values()) and found["softmax"] == 0

    def test_a_model_has_all_kinds(self) -> None:
        model = tiny_model()
        with torch.inference_mode():
            found = OperationTimes().of(lambda: model(*tiny_inputs(model.config, 1, 5)))
        assert min(found.values()) > 0


class TestPage:
    def test_bars_that_are_missed_are_said(self, tmp_path: Path) -> None:
        fast, slow = (page({"full": report("full", **measured(seconds, 12.0))}) for seconds in (5.0, 7.0))
        theirs = "bfloat16 over transformers' encoder in float32"
        assert f"| {theirs}, by the clock | 0.382 | at most 0.48 | yes |" in fast
        assert f"| {theirs}, on one thread | 0.417 | at most 0.48 | yes |" in fast
        assert f"| {theirs}, by the clock | 0.535 | at most 0.48 | no |" in slow
        assert "| bfloat16, peak resident memory | 3.00 GB | at most 2.64 GB | no |" in fast

    def test_where_the_time_goes(self) -> None:
        found = page({"full": report("full", **measured(5.0, 12.0))})
        assert "| softmax | 400.0 ms | 11.1 |" in found
        assert "linear layers alone take 0.06, those of attention 0.06, and everything else together 0.39." in found

    def test_without_transformers(self) -> None:
        assert "transformers was not measured: no transformers" in page({"full": report("full", **measured(5.0, None))})

    def test_int8_against_what_was_asked(self) -> None:
        agrees = {"questions": 3, "presence_differs": 0, "cpu_seconds": {"float32": 1.0, "int8": 1.0}}
        spread = {"mean": 0.985, "median": 0.99, "share_above": 0.5}
        one = {"seconds": 1.0, "peak_resident_bytes": 10**9}
        found = page(
            {
                "int8": report(
                    "int8",
                    ours={"bfloat16": {**one, "seconds": 1.3}, "int8": one},
                    gain=1.3,
                    files={"nano": {"ratio": 0.31}},
                    agreement={**agrees, "masks": spread, "answers": spread},
                )
            }
        )
        assert "| full size, bfloat16's time over int8's | 1.30 | at least 1.25 | yes |" in found
        assert "| nano's file over that in float32 | 0.310 | at most 0.3 | no |" in found
        assert "## nano's masks in int8 against float32" in found

    def test_compiled(self) -> None:
        found = page(
            {
                "compile": report(
                    "compile",
                    preset="nano",
                    precision="float32",
                    first={"cold": 100.0, "warm": 9.0},
                    cache_bytes=5 * 10**6,
                    seconds={"as it is": 0.05, "compiled": 0.04},
                    gain=1.25,
                )
            }
        )
        assert (
            "| first pass, cold start (wall time) | 100.00 s |" in found and "| a pass, compiled | 40.0 ms |" in found
        )
        assert "takes 0.80 times as long" in found

    def test_what_a_report_lacks(self) -> None:
        with pytest.raises(DataError, match="lacks 'ours'"):
            page({"nano": report("nano")})

    def test_picture(self, tmp_path: Path) -> None:
        path = tmp_path / "parts.png"
        save_picture({"full": report("full", **measured(5.0, 12.0))}, path)
        with Image.open(path) as picture:
            assert picture.format == "PNG" and picture.width > 1000
            assert len(picture.convert("RGB").getcolors(2**20) or []) > len(PARTS)

    def test_command(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "model_nano.json").write_text(json.dumps(report("nano", **measured(5.0, 12.0))))
        written, picture = tmp_path / "page.md", tmp_path / "page.png"
        assert main(["bench", "model", "--render", str(tmp_path), "-o", str(written), "--picture", str(picture)]) == 0
        assert "## nano, part by part" in written.read_text() and picture.is_file()
        capsys.readouterr()

    @pytest.mark.parametrize(
        ("wrong", "text"),
        [([], "say what to measure"), (["--section", "agreement"], "give --root"), (["--render", "."], "holds no")],
    )
    def test_bad_usage(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        wrong: list[str],
        text: str,
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert main(["bench", "model", *wrong]) == 2
        said = capsys.readouterr().err
        assert text in said and said.count("\n") == 1

    def test_the_page_that_ships_is_that_of_the_figures_that_ship(self) -> None:
        docs = Path(__file__).parents[2] / "docs"
        names = [section.value for section in Section]
        assert (docs / "performance.md").read_text() == page(read_sections(docs / "numbers", names))


def test_a_step_that_is_not_sampled() -> None:
    script = "from rs2sam2.bench.watched import say\nwhile say({'a': 1}): pass"
    with watched(("-c", script)) as process:
        assert process.start == {"a": 1}
        assert process.unsampled() == {"a": 1}


@pytest.mark.slow
def test_nano_beside_transformers() -> None:
    found = measure("nano", 1, seed=1)
    assert set(found["ours"]["float32"]["parts"]) == set(PARTS)
    for one in found["ours"].values():
        assert sum(one["parts"].values()) == pytest.approx(one["seconds"])
        assert 0 < one["peak_resident_bytes"] < 10**9
        assert one["wall_seconds"] > 0
    assert found["transformers"]["seconds"] > 0
    assert set(found["by_operation"]) == set(KINDS) and min(found["by_operation"].values()) >= 0
    assert set(ratios(found)) >= {"bfloat16_to_transformers_seconds", "bfloat16_to_float32_memory"}
