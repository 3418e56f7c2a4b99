"""Requests made from the server's own description: whatever they hold, the server never fails."""

import re

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from serving.running import Server

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

EXAMPLES = 25


@pytest.mark.slow
def test_no_request_makes_it_fail(server: Server, ids: dict[str, str]) -> None:
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    seen = []
    for found in schema.get_all_operations():
        operation = found.ok()
        strategy = operation.as_strategy()
        seen.append(f"{operation.method.upper()} {operation.path}")

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def ask(case) -> None:
            response = case.call(timeout=120)
            assert response.status_code < 500, (case.as_curl_command(), response.text)
            if response.status_code >= 400 and response.content:
                assert set(response.json()) == {"error"}, (case.as_curl_command(), response.text)

        ask()
    assert len(seen) > 15 and server.get("/healthz").status == 200


def test_every_route_is_described(server: Server) -> None:
    document = server.get("/openapi.json").json
    assert {"/v1/segment", "/v1/images", "/v1/jobs/{job}/events", "/v1/corrections/dataset.zip"} <= document[
        "paths"
    ].keys()
    body = document["paths"]["/v1/segment"]["post"]["requestBody"]["content"]
    assert body.keys() == {"application/json", "multipart/form-data"}
    assert "SegmentRequest" in document["components"]["schemas"]
    names = set(re.findall(r'"#/components/schemas/(\w+)"', server.get("/openapi.json").body.decode()))
    assert names <= document["components"]["schemas"].keys()
