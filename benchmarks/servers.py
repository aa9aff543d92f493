"""A peer that is up, and takes uploads."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.deadline import Deadline
from benchmarks.failures import Failed
from benchmarks.measure import START_SECONDS, Server
from benchmarks.peers import Peer, running
from benchmarks.tus import Requests, created
from benchmarks.wire import Client


@contextlib.contextmanager
def serving(peer: Peer, place: Path, *arguments: str) -> Iterator[Server]:
    """A peer until the end of the block, with ``place``, which is made, as the folder of its data.

    ``arguments`` are added to its command line.

    :raises Failed: it does not start.
    """
    with contextlib.ExitStack() as stack:
        try:
            started = running(replace(peer, command=(*peer.command, *arguments)), place)
            server = stack.enter_context(started)
        except (OSError, SystemExit) as error:
            raise Failed(f"does not start: {error}") from error
        if peer.protocol == "tus":
            _wait_until_it_creates(peer, server)
        yield server


def _wait_until_it_creates(peer: Peer, server: Server) -> None:
    until = time.monotonic() + START_SECONDS
    why = ""
    while time.monotonic() < until and not server.end():
        try:
            _create(peer, server.port)
            return
        except Failed as error:
            why = str(error)
        time.sleep(0.1)
    raise Failed(f"does not start: {server.end() or why}")


def _create(peer: Peer, port: int) -> None:
    with Deadline(START_SECONDS) as deadline, Client(port, deadline) as client:
        created(client.ask(Requests(port, peer.path).create(1)))
