"""`rs2sam2 bench serve` in small: nothing is lost, and memory stays."""

import json
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")

from rs2sam2.bench.serve import FORMAT, SHARES, measure
from rs2sam2.bench.serve_page import page
from rs2sam2.cli import main


@pytest.mark.slow
def test_many_requests(tmp_path: Path) -> None:
    found = measure(tmp_path, requests=1000, clients=4, mark=300, side=2000, seed=1)
    assert found["requests"] == 1000 and found["lost"] == found["burst"]["lost"] == 0
    assert {kind: one["count"] for kind, one in found["kinds"].items()} == {
        kind: round(1000 * share) for kind, share in SHARES.items()
    }
    for kind in ("model", "tile", "cached", "small"):
        assert set(found["kinds"][kind]["statuses"]) == {"200"}, kind
    assert set(found["kinds"]["refused"]["statuses"]) <= {"400", "404", "422"}
    assert found["memory_bytes"]["end"] <= 1.05 * found["memory_bytes"]["mark"]
    burst = found["burst"]
    assert burst["refused"] > 0 and burst["answered"] + burst["refused"] == burst["requests"]
    assert found["large"]["side"] == 2000
    for kind in ("pixels", "mercator"):
        assert 0 < found["large"][kind]["p50"] <= found["large"][kind]["p95"]


def test_the_page_is_made_of_a_report(tmp_path: Path) -> None:
    kind = {"count": 4, "p50": 0.0123, "p99": 0.5, "statuses": {"200": 4}}
    timed = {"count": 7, "p50": 0.001, "p95": 0.002}
    report = {
        "format": FORMAT,
        "requests": 5000,
        "clients": 8,
        "cores": 2,
        "load_average_at_end": 1.0,
        "seconds": 100.0,
        "per_second": 50.0,
        "lost": 0,
        "kinds": dict.fromkeys(SHARES, kind),
        "memory_bytes": {"mark": 1_000_000_000, "end": 1_020_000_000, "marked_after": 500},
        "burst": {"requests": 64, "may_wait": 16, "answered": 17, "refused": 47, "lost": 0},
        "large": {"side": 20_000, "prepare_seconds": 31.0, "pixels": timed, "mercator": timed},
        "run": {
            "command": "rs2sam2 bench serve",
            "date": "today",
            "commit": None,
            "uncommitted_changes": None,
            "versions": {"python": "3.11"},
            "seed": 1,
        },
    }
    text = page(report, "serve.json")
    assert "(+2.0 %)" in text and "| 64 | 16 | 17 | 47 | 0 |" in text and "20,000 x 20,000" in text
    assert "| a map tile | 4 | 12 | 500 | 200: 4 |" in text
    (tmp_path / "broken.json").write_text(json.dumps({"format": FORMAT}))
    assert main(["bench", "serve", "--render", str(tmp_path / "broken.json")]) == 2
