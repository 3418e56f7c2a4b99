"""`rs2sam2 bench data`: it times the real path and says how."""

import json

import pytest

from rs2sam2.bench.data import measure, write_scenes
from rs2sam2.cli import main
from rs2sam2.config import ModelConfig
from rs2sam2.data.check import check
from rs2sam2.data.rrsisd import RRSISD
from rs2sam2.errors import ConfigError
from tiny import tiny_config


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr("rs2sam2.bench.data.SIDE", 256)
    monkeypatch.setattr("rs2sam2.bench.data.SCENES", 2)


def test_the_set_it_reads_is_sound(tmp_path):
    write_scenes(tmp_path, seed=3)
    report = check(RRSISD, tmp_path, len, 1000, lambda *_: None)
    assert {finding.kind for finding in report.findings} <= {"not the published set", "mask empty"}
    assert report.splits["train"].sentences == 2


@pytest.mark.parametrize("workers", [0, 1])
def test_figures(tmp_path, workers):
    found = measure(tmp_path, tiny_config(), workers, batch_size=3, samples=10, seed=0)
    assert found["samples"] == 12
    assert found["samples_per_second"] == pytest.approx(12 / found["seconds"])
    stages = found["one_process_ms"]
    assert set(stages) == {"decode", "views", "mask", "all"}
    assert min(stages.values()) > 0
    assert found["core_ms_per_sample"] > 0
    assert found["views"] == [64, 32]


def test_dead_workers_are_one_line(tmp_path, monkeypatch):
    def die(*_, **__):
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error.")
        yield

    monkeypatch.setattr("rs2sam2.bench.data.DataLoader", die)
    with pytest.raises(ConfigError, match=r"2 worker processes died.*fewer --workers"):
        measure(tmp_path, tiny_config(), 2, 1, 1, 0)


def test_the_command(tmp_path, capsys):
    path = tmp_path / "bench.json"
    arguments = ["bench", "data", "--workers", "0", "--samples", "2", "--preset", "nano", "-o", str(path)]
    assert main(arguments) == 0
    assert capsys.readouterr().out == f"wrote {path}\n"
    values = json.loads(path.read_text())
    assert values["format"] == "rs2sam2.bench-data/2"
    command = values["run"]["command"]
    assert command.startswith("rs2sam2 bench data --") and "overwrite" not in command
    for option in ("--workers 0", "--batch-size 4", "--samples 2", "--preset nano", "--seed 0"):
        assert option in command, "defaults too"
    nano = ModelConfig.preset("nano")
    assert values["run"]["versions"]["pillow"] and values["views"] == [nano.image_size, nano.union_encoder.image_size]
    assert main(arguments) == 2
    assert "exists: use --overwrite" in capsys.readouterr().err
    assert main([*arguments, "--overwrite"]) == 0


@pytest.mark.parametrize(
    "wrong", [["--preset", "huge"], ["--samples", "0"], ["--workers", "-1"], ["-o", "{tmp}/no/where.json"]]
)
def test_bad_usage(tmp_path, capsys, wrong):
    assert main(["bench", "data", *(word.format(tmp=tmp_path) for word in wrong)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_bench_alone_shows_help(capsys):
    assert main(["bench"]) == 0
    assert "data" in capsys.readouterr().out
