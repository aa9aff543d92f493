"""A running server for clients to upload to, and a proxy that breaks connections to it."""

from collections.abc import Iterator

import pytest

from tests.support.proxy import FaultProxy
from tests.support.serve import running_server


@pytest.fixture(scope="session")
def tus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server's tus endpoint."""
    with running_server(tmp_path_factory.mktemp("clients") / "data") as url:
        yield url


@pytest.fixture
def proxy(tus_server: str) -> Iterator[FaultProxy]:
    """A proxy in front of the server."""
    with FaultProxy(tus_server) as proxy:
        yield proxy
