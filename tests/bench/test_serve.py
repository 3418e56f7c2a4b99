"""`rs2sam2 bench serve` in small: nothing is lost, and memory stays."""

from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")

from rs2sam2.bench.serve import SHARES, measure


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
