"""A peer that is up, and takes uploads."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.deadline import Deadline
from benchmarks.failures import Failed
from benchmarks.measure import ROOT, START_SECONDS, Server, started
from benchmarks.peers.base import Peer
from benchmarks.tus import Requests, created
from benchmarks.wire import Client


@contextlib.contextmanager
def serving(peer: Peer, place: Path, *arguments: str) -> Iterator[Server]:
    """A peer until the end of the block, with ``place``, which is made, as the folder of its data.

    ``arguments`` are added to its command line.

    :raises Failed: it does not start.
    """
    command = [_filled_in(part, place) for part in (*peer.command, *arguments)]
    environ = {name: _filled_in(value, place) for name, value in peer.environ.items()}
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(started(peer.name, command, place, environ))
        except (OSError, SystemExit) as error:
            raise Failed(f"does not start: {error}") from error
        _wait_until_ready(peer, server)
        yield server


def _filled_in(text: str, place: Path) -> str:
    return text.replace("{place}", str(place)).replace("{root}", str(ROOT))


def _wait_until_ready(peer: Peer, server: Server) -> None:
    until = time.monotonic() + START_SECONDS
    why = ""
    while time.monotonic() < until and not server.end():
        try:
            _try(peer, server.port)
            return
        except Failed as error:
            why = str(error)
        time.sleep(0.1)
    raise Failed(f"does not start: {server.end() or why}")


def _try(peer: Peer, port: int) -> None:
    requests = Requests(port, peer.path)
    with Deadline(START_SECONDS) as deadline, Client(port, deadline) as client:
        if peer.protocol == "tus":
            created(client.ask(requests.create(1)))
        else:
            client.ask(requests.plain("GET", peer.path))
