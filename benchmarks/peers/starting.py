"""A peer, started."""

import contextlib
import http.client
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import ROOT, START_SECONDS, Server, started
from benchmarks.peers.base import Peer


def filled_in(text: str, place: Path) -> str:
    """A part of a command line, or of the environment, with the two folders in it."""
    return text.replace("{place}", str(place)).replace("{root}", str(ROOT))


@contextlib.contextmanager
def running(peer: Peer, place: Path) -> Iterator[Server]:
    """The peer, with its data in the new folder ``place``, until the end of the block.

    Raises SystemExit if it is not installed, or does not start.
    """
    if wanted := peer.missing():
        raise SystemExit(f"{peer.title} is not installed: {wanted}")
    command = [filled_in(part, place) for part in peer.command]
    environ = {name: filled_in(value, place) for name, value in peer.environ.items()}
    with started(peer.name, command, place, environ) as server:
        _wait_for_an_answer(server.port, peer.path, place / "log")
        yield server


def _wait_for_an_answer(port: int, path: str, log: Path) -> None:
    """Any answer will do; gunicorn listens before it has loaded what it serves."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
    try:
        client.request("OPTIONS", path)
        client.getresponse().read()
    except (OSError, http.client.HTTPException) as error:
        text = log.read_text(errors="replace")[-2000:]
        raise SystemExit(f"the server does not answer: {error}\n{text}") from error
    finally:
        client.close()
