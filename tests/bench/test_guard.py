"""Nano's forward pass and the raster pipeline are as fast as recorded, and a slower one is noticed."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from rs2sam2.bench import guard
from rs2sam2.cli import main
from rs2sam2.inference.segmenter import Segmenter


def report(forward: float, pipeline: float) -> dict[str, Any]:
    return {"ratios": {"forward": {"ratio": forward}, "pipeline": {"ratio": pipeline}}}


class TestVerdict:
    def test_only_what_is_slower(self) -> None:
        assert guard.slower(report(1.0, 1.0), report(1.0, 1.0)) == {}
        assert guard.slower(report(2.0, 2.0), report(2.5, 2.0)) == {}
        assert guard.slower(report(2.0, 2.4), report(2.0, 2.0)) == {"pipeline": pytest.approx(1.2)}

    def test_noise_either_way_is_told_from_a_change(self) -> None:
        """9 % up without a change is none; a change of 20 % is one, with 8 % down."""
        assert guard.slower(report(1.09, 1.09), report(1.0, 1.0)) == {}
        assert set(guard.slower(report(1.2 * 0.92, 1.2 * 0.92), report(1.0, 1.0))) == {"forward", "pipeline"}

    @pytest.mark.parametrize(
        ("taken", "left"),
        [
            ([1.0], {}),
            ([1.3, 1.0], {}),
            ([1.3, 1.4, 1.0], {}),
            ([1.3, 1.25, 1.4], {"forward": pytest.approx(1.25)}),
        ],
    )
    def test_what_stays_slower(self, taken: list[float], left: dict[str, float]) -> None:
        rest = iter(taken)

        def take() -> Mapping[str, Any]:
            return report(next(rest), 1.0)

        assert guard.still_slower(take, report(1.0, 1.0)) == left
        assert list(rest) == []

    def test_report_of_another_kind(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "other.json").write_text('{"format": "rs2sam2.bench-start/1"}')
        assert main(["bench", "guard", "--against", str(tmp_path / "other.json")]) == 2
        assert "make it again with rs2sam2 bench guard" in capsys.readouterr().err


@pytest.fixture(scope="module")
def recorded(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "docs" / "numbers" / "guard.json").read_text())
    here = torch.backends.cpu.get_cpu_capability()
    if here != found["capability"]:
        pytest.skip(f"recorded on a CPU with {found['capability']}; this one has {here}, and its ratios are others")
    return found


@pytest.mark.slow
class TestSpeed:
    @pytest.fixture
    def take(self, tmp_path: Path) -> Callable[[], Mapping[str, Any]]:
        nano = Segmenter.from_pretrained("nano", "cpu", "float32")
        return lambda: guard.measure(tmp_path, nano)

    def test_is_what_was_recorded(self, take: Callable[[], Mapping[str, Any]], recorded: dict[str, Any]) -> None:
        assert guard.still_slower(take, recorded) == {}

    def test_a_quarter_more_work_is_noticed(
        self, take: Callable[[], Mapping[str, Any]], recorded: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plain, run = Segmenter.look, guard.run
        at_work = False

        def slow_look(*arguments: Any) -> Iterator[Any]:
            return plain(*arguments) if at_work else iter(slowed(lambda: list(plain(*arguments))))

        def slow_run(*arguments: Any) -> Any:
            nonlocal at_work
            at_work = True  # what the pipeline looks at is a part of it, and not slowed by itself
            found = slowed(lambda: run(*arguments))
            at_work = False
            return found

        monkeypatch.setattr(guard, "run", slow_run)
        monkeypatch.setattr(Segmenter, "look", slow_look)
        assert set(guard.still_slower(take, recorded)) == {"forward", "pipeline"}


def slowed(work: Callable[[], Any]) -> Any:
    """What `work` gives, after a quarter more CPU time than it takes."""
    start = time.process_time()
    found = work()
    taken = time.process_time() - start
    while time.process_time() - start < 1.25 * taken:
        pass
    return found
