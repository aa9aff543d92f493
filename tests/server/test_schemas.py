"""What the OpenAPI pages say holds: Schemathesis asks a server what both of them allow."""

import importlib.util
import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.serve import require
from tests.support.servers import Server, running

pytestmark = pytest.mark.service

EXAMPLES = 10


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    require(importlib.util.find_spec("schemathesis"), "the Python package schemathesis")
    with running("serve", tmp_path_factory.mktemp("schemas")) as started:
        yield started


def schema_of(server: Server, path: str) -> tuple[Any, str]:
    import schemathesis

    @schemathesis.serializer("application/offset+octet-stream")
    def _as_it_is(context: Any, value: Any) -> bytes:
        return value if isinstance(value, bytes) else str(value).encode()

    base = server.url.removesuffix("/files/")
    with urllib.request.urlopen(f"{base}{path}", timeout=30) as response:
        return schemathesis.openapi.from_dict(json.load(response)), base


@pytest.mark.parametrize("path", ["/openapi.json", "/legacy/openapi.json"])
def test_every_answer_is_one_that_the_schema_has(server: Server, path: str) -> None:
    """Status, content type, fields and JSON; nothing is a server's mistake."""
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    schema, base = schema_of(server, path)
    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
    ]
    for found in schema.get_all_operations():

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @_given(found.ok())
        def ask(case: Any) -> None:
            case.call_and_validate(base_url=base, checks=checks, timeout=30)

        ask()


def _given(operation: Any) -> Any:
    from hypothesis import given

    return given(case=operation.as_strategy())
