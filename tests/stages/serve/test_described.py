"""Schemathesis reads the OpenAPI document and sends what it draws: with no, a wrong, an ended and a valid token."""

from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.colours import write_colours, write_painted, write_pointing
from tests.stages.serve.test_access import guarded

CHECKS: list[Any] = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip


@pytest.mark.parametrize("write", [write_colours, write_painted, write_pointing])
@pytest.mark.parametrize("token", ["", "nobody", "expired", "all"])
def test_every_response_is_one_that_the_description_has(tmp_path: Path, write: Any, token: str) -> None:
    shown = 30 if token == "all" else 4  # requests for a route and a mode
    statuses: Counter[int] = Counter()
    with guarded(write(tmp_path / "bundle").folder, tmp_path, max_files=3) as service:
        headers = service.show(token) if token else {}
        schema = schemathesis.openapi.from_asgi("/openapi.json", service.app, headers=service.show("all"))
        operations: list[Any] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]
        for operation, mode in product(operations, GenerationMode):
            if mode is GenerationMode.NEGATIVE and not operation.body:
                continue  # without a body there is nothing to make wrong

            @settings(
                max_examples=shown, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(case=operation.as_strategy(generation_mode=mode))
            def send(case: Any) -> None:
                for name in ("Authorization", "X-API-Key"):  # drawn; the token is ours
                    case.headers.pop(name, None)
                response = case.call(headers=headers)
                statuses[response.status_code] += 1
                case.validate_response(response, checks=CHECKS)

            send()
    assert sum(statuses.values()) > 8
    if token == "all":
        assert not {401, 403} & set(statuses)
    else:
        assert set(statuses) <= {200, 401, 405}  # 200: /health
        assert statuses[401] > 3


def test_the_description_says_what_each_route_needs(tmp_path: Path) -> None:
    with guarded(write_colours(tmp_path / "bundle").folder, tmp_path) as service:
        document = service.app.openapi()
    assert set(document["components"]["securitySchemes"]) == {"bearer", "key"}
    assert document["paths"]["/health"]["get"]["security"] == []
    single = document["paths"]["/predict/single"]["post"]
    assert single["security"] == [{"bearer": []}, {"key": []}]
    assert single["description"].endswith("Needs a token with the scope predict.")
