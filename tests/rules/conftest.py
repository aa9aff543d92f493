"""Servers for all tests of this folder: started when first asked for, one of each kind."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from conformance.client import Client
from tests.faults.support import client_of
from tests.support.servers import KINDS, Server, running

# Seconds after which a silent client is let go.
READ_TIMEOUT = 2


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """The server of a kind."""
    found: dict[str, Server] = {}
    with ExitStack() as stack:

        def get(kind: str) -> Server:
            if kind not in found:
                place = tmp_path_factory.mktemp(f"rules-{kind}")
                # nothing here asks what a power cut leaves, and syncs are most of what it costs
                options = {"READ_TIMEOUT": READ_TIMEOUT, "DURABILITY": "process"}
                # uvicorn trips over some broken bodies by itself
                may_stumble = kind == "uvicorn"
                # some rules are about what proxies say, and with that it would ask for a token
                flags = ("--allow-anonymous",) if kind == "serve" else ()
                started = running(
                    kind, place, options=options, flags=flags, may_stumble=may_stumble
                )
                found[kind] = stack.enter_context(started)
            return found[kind]

        yield get


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, shared_server: Callable[[str], Server]) -> Server:
    """Each kind in turn."""
    return shared_server(request.param)


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with client_of(server) as client:
        yield client
